"""The main job's DAG: raw videos to packed shards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from captioning.audio.measured import MeasuredAudioCaptioner
from captioning.fusion.template import TemplateFusion
from captioning.speech.pocketsphinx import PocketsphinxTranscriber
from captioning.speech.slices import SpeechCaptions
from captioning.video.measured import MeasuredVideoCaptioner
from curation.base.workspace import Workspace
from curation.cut.stage import Cut
from curation.dedup import Dedup
from curation.detect.content import ContentDetector
from curation.probe import Probe
from curation.records import Input
from pipelines.config import PipelineConfig
from pipelines.dag import Dag, Node
from shards.writing.manifest import Manifest
from shards.writing.pack import Pack
from shards.writing.select import Select

ROOT = "inputs"


def build(config: PipelineConfig, workspace: Workspace) -> Dag:
    """The stages of a run and how records flow between them."""
    curation, captioning, shards = config.curation, config.captioning, config.shards
    limits = curation.probe.limits
    return Dag(
        ROOT,
        Input,
        (
            Node(Probe(curation.probe, workspace), {"input": ROOT}, distinct=True),
            Node(ContentDetector(curation.detect, workspace, limits), {"input": "probe"}),
            Node(Cut(curation.cut, workspace, limits), {"shots": "detect", "source": "probe"}),
            Node(MeasuredVideoCaptioner(captioning.video, workspace), {"input": "cut"}),
            Node(MeasuredAudioCaptioner(captioning.audio, workspace), {"input": "cut"}),
            Node(PocketsphinxTranscriber(captioning.speech, workspace, limits), {"input": "probe"}),
            Node(SpeechCaptions(captioning.slices, workspace), {"clips": "cut", "transcript": "transcribe"}),
            Node(
                TemplateFusion(captioning.fusion, workspace),
                {
                    "clips": "cut",
                    "video": "caption_video",
                    "audio": "caption_audio",
                    "speech": "caption_speech",
                },
            ),
            Node(Dedup(curation.dedup, workspace), {"clips": "cut"}),
            Node(
                Select(shards.select, workspace),
                {
                    "clips": "cut",
                    "captions_video": "caption_video",
                    "captions_audio": "caption_audio",
                    "captions_speech": "caption_speech",
                    "fused": "fuse",
                    "duplicates": "dedup",
                    "sources": "probe",
                },
            ),
            Node(Pack(shards.pack, workspace), {"input": "select"}, unit_field="shard_id"),
            Node(Manifest(shards.manifest, workspace), {"shards": "pack"}),
        ),
    )


def build_from_dict(config: Mapping[str, Any], workspace: Workspace) -> Dag:
    """The same from a config as plain values, in a worker."""
    return build(PipelineConfig.model_validate(config), workspace)
