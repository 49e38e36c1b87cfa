"""Lets the clips through that every filter passes; the others are rejected, and their scores stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import ClassVar

from curation.base.records import Record
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group, Join
from curation.base.workspace import Workspace
from curation.filters.base import FilterConfig
from curation.filters.config import FiltersConfig
from curation.records import Clip, CutClip, NamedScore, Score

CLIPS = "clips"


class Admit(Join[Clip]):
    """Brings a clip and its scores together. Its inputs are the clips and one input per filter in use, which
    goes by the filter's name."""

    name: ClassVar[str] = "admit"
    version: ClassVar[str] = "3"
    on: ClassVar[str] = "clip_id"
    output: ClassVar[type[Clip]] = Clip

    config: FiltersConfig

    def __init__(self, config: FiltersConfig, workspace: Workspace) -> None:
        self.config = config
        self._filters = config.chosen()
        named: dict[str, type[Record]] = dict.fromkeys(self._filters, Score)
        # The runner asks the instance; which filters there are depends on the configuration.
        self.inputs: Mapping[str, type[Record]] = {CLIPS: CutClip, **named}  # type: ignore[misc]

    def __call__(self, batch: Sequence[Group]) -> Iterator[Clip | Rejected]:
        """Yield each clip with its scores, or a reject that names every filter it failed, or that could not
        measure it."""
        for group in batch:
            clip: CutClip = group.one(CLIPS)
            missing = [name for name in self._filters if not group.all(name)]
            if missing:
                yield self._unmeasured(clip, missing)
                continue
            scores: list[Score] = [group.one(name) for name in self._filters]
            failed = [score for score in scores if not score.passes]
            yield self._rejected(clip, failed) if failed else _admitted(clip, scores)

    def _unmeasured(self, clip: CutClip, missing: Sequence[str]) -> Rejected:
        return Rejected(
            rejected_id=clip.clip_id,
            parent_id=clip.clip_id,
            stage=self.name,
            reason=Reason.WORKER_DIED,
            detail=f"no score of {', '.join(missing)} for the clip at {clip.start_s:.2f} s; the filter's own "
            "rejects say why, retry them",
        )

    def _rejected(self, clip: CutClip, failed: Sequence[Score]) -> Rejected:
        reasons = "; ".join(_reason(score, self._filters[score.filter]) for score in failed)
        return Rejected(
            rejected_id=clip.clip_id,
            parent_id=clip.clip_id,
            stage=self.name,
            reason=Reason.FILTERED,
            detail=f"{reasons} (clip at {clip.start_s:.2f} s)",
        )


def _admitted(clip: CutClip, scores: Sequence[Score]) -> Clip:
    values = {field.name: getattr(clip, field.name) for field in fields(CutClip)}
    return Clip(
        **values, scores=tuple(NamedScore(filter=score.filter, value=score.value) for score in scores)
    )


def _reason(score: Score, config: FilterConfig) -> str:
    key = f"curation.filters.{score.filter}"
    if config.min is not None and score.value < config.min:
        return f"{score.filter} {score.value:g} is below {key}.min = {config.min:g}"
    assert config.max is not None, f"{score.filter} has no limit that a clip could fail"
    return f"{score.filter} {score.value:g} is above {key}.max = {config.max:g}"
