"""The configuration of a run as a whole. Each section is defined beside what it configures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from captioning.audio.kinds import AudioConfig
from captioning.audio.measured import MeasuredAudioConfig
from captioning.fusion.kinds import AnyFusionConfig
from captioning.fusion.template import TemplateFusionConfig
from captioning.gates.config import GatesConfig
from captioning.speech.kinds import SpeechKindConfig
from captioning.speech.pocketsphinx import PocketsphinxConfig
from captioning.speech.slices import SpeechCaptionsConfig
from captioning.video.kinds import VideoConfig
from captioning.video.measured import MeasuredVideoConfig
from curation.base.config import Config, operational
from curation.cut.config import CutConfig
from curation.dedup.config import DedupConfig, NearDedupConfig
from curation.detect.kinds import DetectConfig
from curation.detect.loom import LoomConfig
from curation.embedding.stage import EmbedConfig
from curation.filters.config import FiltersConfig
from curation.fingerprint.stage import FingerprintConfig
from curation.probe import ProbeConfig
from curation.stitch.config import StitchConfig
from shards.writing.manifest import ManifestConfig
from shards.writing.pack import PackConfig
from shards.writing.select import SelectConfig
from training.config import TrainConfig


class CurationConfig(Config):
    """From raw videos to clips."""

    probe: ProbeConfig = Field(ProbeConfig(), description="Which sources are usable.")
    detect: DetectConfig = Field(LoomConfig(), description="Where shots begin and end.")
    stitch: StitchConfig = Field(StitchConfig(), description="Which clips shots become.")
    cut: CutConfig = Field(CutConfig(), description="How clips are encoded.")
    filters: FiltersConfig = Field(FiltersConfig(), description="Which clips are good enough.")
    fingerprint: FingerprintConfig = Field(FingerprintConfig(), description="How near-duplicates are known.")
    embed: EmbedConfig = Field(
        EmbedConfig(), description="How clips become vectors; used where dedup is of kind semantic."
    )
    dedup: DedupConfig = Field(NearDedupConfig(), description="Which clips count as the same.")


class CaptioningConfig(Config):
    """What is seen, heard and said, and the caption that brings it together."""

    video: VideoConfig = Field(MeasuredVideoConfig(), description="Captions of what is seen.")
    audio: AudioConfig = Field(MeasuredAudioConfig(), description="Captions of what is heard.")
    speech: SpeechKindConfig = Field(PocketsphinxConfig(), description="Recognition of what is said.")
    slices: SpeechCaptionsConfig = Field(
        SpeechCaptionsConfig(), description="How a source's words become captions of its clips."
    )
    fusion: AnyFusionConfig = Field(TemplateFusionConfig(), description="The fused captions.")
    gates: GatesConfig = Field(GatesConfig(), description="Which fused captions are good enough.")


class ShardsConfig(Config):
    """From clips to WebDataset shards."""

    select: SelectConfig = Field(SelectConfig(), description="Which clips go into which split and shard.")
    pack: PackConfig = Field(PackConfig(), description="How a shard is written.")
    manifest: ManifestConfig = Field(ManifestConfig(), description="The manifest beside the shards.")


class ExecutionConfig(Config):
    """Where and how fast a run is carried out; nothing here changes what comes out."""

    executor: Literal["local", "ray"] = operational(
        "local", description="local: processes on this machine; ray: a Ray cluster."
    )
    workers: int | None = operational(
        None, ge=1, le=1024, description="Worker processes of the local executor; default: one per core."
    )
    scratch: str | None = operational(
        None, description="Folder for temporary files on each node; default: the system's."
    )
    ray_address: str | None = operational(
        None,
        description="Address of the Ray cluster; default: RAY_ADDRESS, or a cluster started for the run.",
    )
    tolerance: float = operational(
        0.1,
        ge=0,
        le=1,
        description="Share of the input files that may be rejected, and of clips whose captions may fail, "
        "before the run ends with exit code 3.",
    )


class PipelineConfig(Config):
    """One file configures one run, from raw videos to trained steps."""

    name: str = operational("cliploom", min_length=1, max_length=100, description="Name shown in the report.")
    curation: CurationConfig = Field(CurationConfig(), description="From raw videos to clips.")
    captioning: CaptioningConfig = Field(CaptioningConfig(), description="From clips to captions.")
    shards: ShardsConfig = Field(ShardsConfig(), description="From captioned clips to shards.")
    training: TrainConfig | None = Field(
        None,
        description="Training on the run's shards once they are packed; default: none. data.train is "
        "set to the run's own shards.",
    )
    execution: ExecutionConfig = operational(ExecutionConfig(), description="Where and how fast it runs.")
