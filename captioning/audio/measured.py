"""The embedded audio captioner: states only what was measured, for machines without models."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from captioning.audio.vad import PARAMETERS, vad_fingerprints
from captioning.facts import caption_of_facts
from captioning.provenance import provenance
from captioning.records import Caption, Modality
from curation.base.config import Config
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources
from curation.base.workspace import Workspace
from curation.records import Clip


class MeasuredAudioConfig(Config):
    """Audio captions that measure (loudness, silence, speech share, tonal or noisy, tempo)."""

    kind: Literal["measured"] = Field(
        "measured", description="measured facts in plain English; needs no model but the voice detector"
    )


class MeasuredAudioCaptioner(Map[Clip, Caption]):
    """Describes a clip's sound by one sentence per measured fact."""

    name: ClassVar[str] = "caption_audio"
    version: ClassVar[str] = "2"
    input: ClassVar[type[Clip]] = Clip
    output: ClassVar[type[Caption]] = Caption
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory_bytes=512 << 20)

    def __init__(self, config: MeasuredAudioConfig, workspace: Workspace) -> None:
        self.config = config
        self._media = workspace.media

    def setup(self) -> None:
        """Import PyAV and load the voice activity detector."""
        from captioning.audio.describe import AudioFacts

        self._facts = AudioFacts()

    def fingerprints(self) -> Mapping[str, str]:
        """The detector and the libraries that decode and measure."""
        libraries = {package: importlib.metadata.version(package) for package in ("av", "numpy")}
        return libraries | vad_fingerprints()

    def __call__(self, batch: Sequence[Clip]) -> Iterator[Caption | Rejected]:
        """Yield one caption per clip."""
        for clip in batch:
            flac = None if clip.audio is None else self._media.read(clip.audio)
            origin = provenance(
                self,
                model="cliploom measured audio facts",
                revision=self.version,
                parameters={"voice_activity": dict(PARAMETERS)},
                spans=[(0.0, clip.duration_s)],
            )
            lines = self._facts(clip.duration_s, flac)
            yield caption_of_facts(clip.clip_id, Modality.AUDIO, lines, origin)
