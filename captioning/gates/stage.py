"""The gates: a measure and a verdict on each clip's fused caption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from captioning.gates.config import GatesConfig
from captioning.gates.measures import repetition
from captioning.gates.similarity import Similarity
from captioning.language import language_fingerprints, language_of
from captioning.records import FULLEST_FIRST, CaptionGate, FusedCaption
from captioning.speech.words import num_words as num_words_of
from curation.base.records import Record, round_score
from curation.base.rejects import Rejected
from curation.base.stages import Group, Join, Resources
from curation.base.workspace import Workspace
from curation.records import Clip, NamedScore


class Gates(Join[CaptionGate]):
    """Measures the fused caption that draws on most modalities. A clip without one passes no gate and has no
    record here; it was rejected where it was lost."""

    name: ClassVar[str] = "gate"
    version: ClassVar[str] = "2"
    on: ClassVar[str] = "clip_id"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"fused": FusedCaption, "clips": Clip}
    output: ClassVar[type[CaptionGate]] = CaptionGate
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory_bytes=1 << 30)

    config: GatesConfig

    def __init__(self, config: GatesConfig, workspace: Workspace) -> None:
        self.config = config
        self._similarity = (
            None if config.similarity is None else Similarity(config.similarity, workspace.media)
        )
        if config.similarity is not None and config.similarity.device.startswith("cuda"):
            self.resources = replace(self.resources, gpus=1.0)  # type: ignore[misc]  # the runner asks the instance

    def setup(self) -> None:
        """Load the model, if one is asked for."""
        if self._similarity is not None:
            self._similarity.setup()

    def fingerprints(self) -> Mapping[str, str]:
        """Of the models in use."""
        return {
            **(language_fingerprints() if self.config.languages is not None else {}),
            **(self._similarity.fingerprints() if self._similarity is not None else {}),
        }

    def __call__(self, batch: Sequence[Group]) -> Iterator[CaptionGate | Rejected]:
        """Yield one verdict per clip."""
        for group in batch:
            by_fullness = sorted(group.all("fused"), key=lambda each: FULLEST_FIRST.index(each.kind))
            yield self._verdict(by_fullness, group.one("clips"))

    def _verdict(self, by_fullness: Sequence[FusedCaption], clip: Clip) -> CaptionGate:
        fused, config = by_fullness[0], self.config
        num_words = round(num_words_of(fused.text))
        repeats = round_score(repetition(fused.text))
        scores = {
            "support_rate": fused.support_rate,
            "coverage": fused.coverage,
            "repetition": repeats,
            "words": float(num_words),
        }
        passes = {
            "support_rate": config.least_support_rate is None
            or fused.support_rate >= config.least_support_rate,
            "coverage": config.least_coverage is None or fused.coverage >= config.least_coverage,
            "repetition": config.most_repetition is None or repeats <= config.most_repetition,
            "words": (config.least_words or 0) <= num_words
            and (config.most_words is None or num_words <= config.most_words),
        }
        if config.languages is not None:
            language, probability = language_of(fused.text)
            scores["language"] = probability if language in config.languages else 0.0
            passes["language"] = language in config.languages
        if self._similarity is not None:
            alike = self._similarity(clip, fused.text)
            scores["similarity"] = alike
            passes["similarity"] = alike >= self._similarity.least
        return CaptionGate(
            clip_id=fused.clip_id,
            kinds=tuple(each.kind for each in by_fullness),
            scores=tuple(NamedScore(filter=name, value=value) for name, value in scores.items()),
            failed=tuple(name for name, passed in passes.items() if not passed),
        )
