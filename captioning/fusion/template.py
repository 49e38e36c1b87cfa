"""Fusion without a language model: the source lines themselves, joined, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from captioning.fusion.evidence import drawn_on
from captioning.fusion.fused import FusionConfig, fused_from, nothing_to_fuse
from captioning.fusion.joining import JoiningConfig, joined
from captioning.fusion.sources import source_lines
from captioning.provenance import provenance
from captioning.records import Caption, FusedCaption, Modality, Wording
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Group, Join
from curation.base.workspace import Workspace
from curation.records import Clip

MODEL = "cliploom template fusion"


class TemplateFusionConfig(FusionConfig, JoiningConfig):
    """Fusion that quotes: each source line becomes a sentence that cites it."""

    kind: Literal["template"] = Field("template", description="Source lines joined; needs no model")


class TemplateFusion(Join[FusedCaption]):
    """Joins the captions of a clip into paragraphs in which every sentence is a claim, one per kind of fused
    caption that the clip has the lines for.

    A missing or empty caption leaves its modality out; a clip with nothing to say is rejected.
    """

    name: ClassVar[str] = "fuse"
    version: ClassVar[str] = "3"
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
        """Yield the fused captions, or one reject, of each clip."""
        for group in batch:
            captions = [caption for modality in Modality for caption in group.all(modality.value)]
            for clip in group.all("clips"):
                yield from self._fuse(clip, captions)

    def _fuse(self, clip: Clip, captions: Sequence[Caption]) -> Iterator[FusedCaption | Rejected]:
        sources = source_lines(captions)
        drawn = {kind: drawn_on(kind, sources) for kind in self.config.kinds}
        if not any(drawn.values()):
            yield nothing_to_fuse(self.name, clip, captions)
        for kind, lines in drawn.items():
            if lines:
                origin = provenance(
                    self,
                    model=MODEL,
                    revision=self.version,
                    parameters={"max_chars": self.config.max_chars, "rough_below": self.config.rough_below},
                    spans=[(0.0, clip.duration_s)],
                )
                yield fused_from(clip, kind, lines, joined(lines, self.config), Wording.JOINED, origin)
