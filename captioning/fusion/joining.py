"""Source lines joined into a text that quotes them and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from captioning.fusion.claims import ClaimBuilder, ClaimedText
from captioning.records import Modality, SourceLine
from curation.base.config import Config

SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")


class JoiningConfig(Config):
    """How lines are joined."""

    max_chars: int = Field(
        1200, ge=400, le=100_000, description="Longest fused text, in characters; later lines are left out"
    )
    rough_below: float = Field(
        0.8, ge=0, le=1, description="Speech of less confidence than this is marked '(roughly)'"
    )


@dataclass(frozen=True)
class _Sentence:
    modality: Modality
    text: str
    lines: tuple[str, ...]


def joined(sources: Sequence[SourceLine], config: JoiningConfig) -> ClaimedText:
    """A paragraph in which every sentence is a claim: it repeats one source line (several where they say the
    same), so its support by that modality is 1 by construction. Speech is reported, never asserted."""
    builder = ClaimBuilder(sources)
    for sentence in _kept(_sentences(sources, config.rough_below), config.max_chars):
        builder.add(sentence.text, sentence.lines, {sentence.modality: 1.0})
    return builder.build()


def _sentences(sources: Sequence[SourceLine], rough_below: float) -> list[_Sentence]:
    """One sentence per different line of a modality, in order."""
    same: dict[tuple[Modality, str], list[SourceLine]] = {}
    for source in sources:
        same.setdefault((source.modality, source.text), []).append(source)
    sentences: list[_Sentence] = []
    for (modality, _), lines in same.items():
        is_first = not sentences or sentences[-1].modality != modality
        text = _quote(lines, is_first, rough_below) if modality == Modality.SPEECH else _state(lines[0].text)
        sentences.append(_Sentence(modality, text, tuple(line.line for line in lines)))
    return sentences


def _quote(lines: Sequence[SourceLine], is_first: bool, rough_below: float) -> str:
    """Reported speech; quotation marks inside are made single, so that the quote ends where it ends."""
    opening = "A voice says" if is_first else "Then"
    doubt = " (roughly)" if min(line.confidence for line in lines) < rough_below else ""
    quoted = lines[0].text.replace('"', "'")
    return f'{opening}{doubt}: "{quoted}"' + ("" if quoted.endswith(SENTENCE_ENDS) else ".")


def _kept(sentences: Sequence[_Sentence], max_chars: int) -> list[_Sentence]:
    """As many as fit, taken in turn from each modality so that none crowds out another."""
    turns: list[tuple[int, int]] = []
    taken: Counter[Modality] = Counter()
    for index, sentence in enumerate(sentences):
        turns.append((taken[sentence.modality], index))
        taken[sentence.modality] += 1
    length, kept = -1, set()
    for _, index in sorted(turns):
        length += 1 + len(sentences[index].text)
        if length > max_chars:
            break
        kept.add(index)
    return [sentence for index, sentence in enumerate(sentences) if index in kept]


def _state(text: str) -> str:
    """A line as a sentence: a capital first, a full stop last."""
    return text[0].upper() + text[1:] + ("" if text.endswith(SENTENCE_ENDS) else ".")
