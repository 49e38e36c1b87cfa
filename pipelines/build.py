"""The main job's DAG: raw videos to packed shards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from captioning.audio.kinds import audio_captioner
from captioning.fusion.kinds import fusion
from captioning.gates.stage import Gates
from captioning.speech.kinds import transcriber
from captioning.speech.slices import SpeechCaptions
from captioning.video.kinds import video_captioner
from curation.base.workspace import Workspace
from curation.cut.stage import Cut
from curation.dedup.stage import dedup
from curation.detect.kinds import detector
from curation.embedding.stage import EmbedClips
from curation.filters.admit import Admit
from curation.filters.stages import filter_stages
from curation.fingerprint.stage import Fingerprinter
from curation.probe import Probe
from curation.records import Input
from curation.stitch.stage import Stitch
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
    filters = filter_stages(curation.filters, workspace, limits)
    duplicates = dedup(curation.dedup, workspace)
    likeness = {"clips": "admit", "fingerprints": Fingerprinter.name, "embeddings": EmbedClips.name}
    looks = [
        each
        for each in (
            Fingerprinter(curation.fingerprint, workspace, limits),
            EmbedClips(curation.embed, workspace),
        )
        if each.output in duplicates.inputs.values()
    ]
    return Dag(
        ROOT,
        Input,
        (
            Node(Probe(curation.probe, workspace), {"input": ROOT}, distinct=True),
            Node(detector(curation.detect, workspace, limits), {"input": "probe"}),
            Node(Stitch(curation.stitch, workspace, limits), {"shots": "detect", "source": "probe"}),
            Node(Cut(curation.cut, workspace, limits), {"plans": "stitch", "source": "probe"}),
            *(Node(each, {"input": "cut"}) for each in filters),
            Node(
                Admit(curation.filters, workspace),
                {"clips": "cut", **{each.filter: each.name for each in filters}},
            ),
            Node(video_captioner(captioning.video, workspace, limits), {"input": "admit"}),
            Node(audio_captioner(captioning.audio, workspace), {"input": "admit"}),
            Node(transcriber(captioning.speech, workspace, limits), {"input": "probe"}),
            Node(
                SpeechCaptions(captioning.slices, workspace), {"clips": "admit", "transcript": "transcribe"}
            ),
            Node(
                fusion(captioning.fusion, workspace),
                {
                    "clips": "admit",
                    "video": "caption_video",
                    "audio": "caption_audio",
                    "speech": "caption_speech",
                },
            ),
            Node(Gates(captioning.gates, workspace), {"fused": "fuse", "clips": "admit"}),
            *(Node(each, {"input": "admit"}) for each in looks),
            Node(duplicates, {name: likeness[name] for name in duplicates.inputs}),
            Node(
                Select(shards.select, workspace),
                {
                    "clips": "admit",
                    "captions_video": "caption_video",
                    "captions_audio": "caption_audio",
                    "captions_speech": "caption_speech",
                    "fused": "fuse",
                    "gates": "gate",
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
