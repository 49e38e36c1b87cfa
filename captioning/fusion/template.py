"""Fusion without a language model: the source lines themselves, joined, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from captioning.fusion.claims import ClaimBuilder
from captioning.fusion.sources import source_lines
from captioning.provenance import provenance
from captioning.records import Caption, FusedCaption, FusionKind, Modality, SourceLine
from curation.base.config import Config
from curation.base.records import Record
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group, Join
from curation.base.workspace import Workspace
from curation.records import Clip

MODEL = "cliploom template fusion"
SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")


class TemplateFusionConfig(Config):
    """Fusion that quotes: each source line becomes a sentence that cites it."""

    kind: Literal["template"] = Field("template", description="Source lines joined; needs no model")
    max_chars: int = Field(
        1200, ge=400, le=100_000, description="Longest fused text, in characters; later lines are left out"
    )
    rough_below: float = Field(
        0.8, ge=0, le=1, description="Speech of less confidence than this is marked '(roughly)'"
    )


@dataclass(frozen=True)
class Sentence:
    """A sentence of the fused text and the lines that say it."""

    modality: Modality
    text: str
    lines: tuple[str, ...]


class TemplateFusion(Join[FusedCaption]):
    """Joins the captions of a clip into one paragraph in which every sentence is a claim.

    A sentence repeats one source line (several where they say the same), so its support by that modality
    is 1 by construction. Speech is reported, never asserted. A missing or empty caption leaves its
    modality out; a clip with nothing to say is rejected.
    """

    name: ClassVar[str] = "fuse"
    version: ClassVar[str] = "1"
    on: ClassVar[str] = "clip_id"
    inputs: ClassVar[Mapping[str, type[Record]]] = {
        "clips": Clip,
        "video": Caption,
        "audio": Caption,
        "speech": Caption,
    }
    output: ClassVar[type[FusedCaption]] = FusedCaption

    def __init__(self, config: TemplateFusionConfig, workspace: Workspace) -> None:
        self.config: TemplateFusionConfig = config

    def __call__(self, batch: Sequence[Group]) -> Iterator[FusedCaption | Rejected]:
        """Yield one fused caption, or one reject, per clip."""
        for group in batch:
            captions = [caption for modality in Modality for caption in group.all(modality.value)]
            for clip in group.all("clips"):
                yield self._fuse(clip, captions)

    def _fuse(self, clip: Clip, captions: Sequence[Caption]) -> FusedCaption | Rejected:
        sources = source_lines(captions)
        if not sources:
            return Rejected(
                rejected_id=clip.clip_id,
                parent_id=clip.clip_id,
                stage=self.name,
                reason=Reason.NO_CAPTION,
                detail=_nothing(captions),
            )
        builder = ClaimBuilder(sources)
        for sentence in self._kept(self._sentences(sources)):
            builder.add(sentence.text, sentence.lines, {sentence.modality: 1.0})
        fused = builder.build()
        return FusedCaption(
            clip_id=clip.clip_id,
            kind=FusionKind.AVS,
            text=fused.text,
            sources=sources,
            claims=fused.claims,
            provenance=provenance(
                self,
                model=MODEL,
                revision=self.version,
                parameters={"max_chars": self.config.max_chars, "rough_below": self.config.rough_below},
                spans=[(0.0, clip.duration_s)],
            ),
        )

    def _sentences(self, sources: Sequence[SourceLine]) -> list[Sentence]:
        """One sentence per different line of a modality, in order."""
        same: dict[tuple[Modality, str], list[SourceLine]] = {}
        for source in sources:
            same.setdefault((source.modality, source.text), []).append(source)
        sentences: list[Sentence] = []
        for (modality, _), lines in same.items():
            is_first = not sentences or sentences[-1].modality != modality
            text = self._quote(lines, is_first) if modality == Modality.SPEECH else _state(lines[0].text)
            sentences.append(Sentence(modality, text, tuple(line.line for line in lines)))
        return sentences

    def _quote(self, lines: Sequence[SourceLine], is_first: bool) -> str:
        """Reported speech; quotation marks inside are made single, so that the quote ends where it ends."""
        opening = "A voice says" if is_first else "Then"
        doubt = " (roughly)" if min(line.confidence for line in lines) < self.config.rough_below else ""
        quoted = lines[0].text.replace('"', "'")
        return f'{opening}{doubt}: "{quoted}"' + ("" if quoted.endswith(SENTENCE_ENDS) else ".")

    def _kept(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """As many as fit, taken in turn from each modality so that none crowds out another."""
        turns: list[tuple[int, int]] = []
        taken: Counter[Modality] = Counter()
        for index, sentence in enumerate(sentences):
            turns.append((taken[sentence.modality], index))
            taken[sentence.modality] += 1
        length, kept = -1, set()
        for _, index in sorted(turns):
            length += 1 + len(sentences[index].text)
            if length > self.config.max_chars:
                break
            kept.add(index)
        return [sentence for index, sentence in enumerate(sentences) if index in kept]


def _state(text: str) -> str:
    """A line as a sentence: a capital first, a full stop last."""
    return text[0].upper() + text[1:] + ("" if text.endswith(SENTENCE_ENDS) else ".")


def _nothing(captions: Sequence[Caption]) -> str:
    empty = {caption.modality for caption in captions}
    states = ", ".join(f"{modality}: {'empty' if modality in empty else 'missing'}" for modality in Modality)
    return f"there is nothing to fuse ({states}); see the rejects of the caption stages, or add a captioner"
