"""Whole runs whose captioners ask served models: their footage, their config, and what they must leave."""

from __future__ import annotations

import subprocess
import wave
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from captioning.client.requests import Model
from captioning.records import FusionKind, Modality, Wording
from curation.base.workspace import Workspace
from curation.media.ffmpeg import ffmpeg_binary
from examples.footage.sound import SAMPLE_RATE_HZ
from examples.footage.speech import VOICES, speak
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.run_view import RunView
from tests.footage import make_video
from tests.vllm.taught_models import COLOURS, MIXED, SHOWN

SAID = "Two people walk along the river. The water is very cold today."
RANDOM = {"sampling": {"max_tokens": 800, "temperature": 1.0}, "max_claims": 1}
"""For a fusing model with random weights: its likeliest words would be one word without end, and so few
claims always have an end."""


SEEN = {f"{SHOWN} It is {colour}." for colour in (*COLOURS, MIXED)}


def make_films(folder: Path, count: int) -> Path:
    """Videos in which somebody speaks."""
    folder.mkdir(parents=True)
    spoken, silent = folder.parent / "spoken.wav", folder.parent / "silent.mp4"
    samples = np.int16(speak(SAID, VOICES["clear"]) * 32767)
    with wave.open(str(spoken), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())
    for seed in range(count):
        make_video(silent, seed=seed, shots=2, shot_s=2.6, sound=False)
        command = [
            str(ffmpeg_binary()), "-nostdin", "-y", "-loglevel", "error",
            "-i", str(silent), "-i", str(spoken), "-map", "0:v", "-map", "1:a",
            "-c:v", "copy", "-c:a", "aac", "-shortest",
            str(folder / f"film_{seed}.mp4"),
        ]  # fmt: skip
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return folder


def settings(
    vision: Model,
    video_server: dict[str, Any],
    text: Model,
    fusion_server: dict[str, Any],
    **fusion: Any,
) -> dict[str, Any]:
    """A run's config as plain values: two captioners ask models, the others measure and recognise."""
    return {
        "captioning": {
            "video": {
                "kind": "vlm",
                "model": vision.name,
                "revision": vision.revision,
                "server": video_server,
                "max_frames": 4,
            },
            "fusion": {
                "kind": "llm",
                "model": text.name,
                "revision": text.revision,
                "server": fusion_server,
                **fusion,
            },
        },
    }


def open_view(config: PipelineConfig, run: str) -> RunView:
    workspace = Workspace.open(run, None)
    return RunView.open(build(config, workspace), workspace)


def captions_of(view: RunView) -> dict[str, list[dict[str, Any]]]:
    """What the stages of captioning left, in an order of its own."""
    return {
        stage: sorted(view.records(stage).to_pylist(), key=repr)
        for stage in ("caption_video", "caption_audio", "caption_speech", "fuse")
    }


def check_captions(view: RunView, wording: Wording) -> Counter[str]:
    """Every clip has one caption of each modality and of each fused kind that its sources give reason for.
    The video captions are those that the model was taught, and a fused caption of several sources came about
    as `wording` says, less what a model made up. Returns what was counted, by words for it."""
    clips = sorted(view.records("admit", ["clip_id"]).column("clip_id").to_pylist())
    assert clips
    stages = [f"caption_{modality}" for modality in Modality]
    assert not [reject for reject in view.rejects().to_pylist() if reject["stage"] in (*stages, "fuse")]
    found = captions_of(view)
    for stage in stages:
        assert sorted(caption["clip_id"] for caption in found[stage]) == clips, stage
    unknown = {caption["text"] for caption in found["caption_video"]} - SEEN
    assert not unknown, f"the vision model said {unknown}"
    sources = {
        clip: {
            modality
            for modality, stage in zip(Modality, stages, strict=True)
            if any(caption["clip_id"] == clip and caption["text"] for caption in found[stage])
        }
        for clip in clips
    }
    assert all({Modality.VIDEO, Modality.AUDIO} <= told for told in sources.values())
    assert any(Modality.SPEECH in told for told in sources.values()), "nobody was heard to speak"
    assert sorted((fused["clip_id"], fused["kind"]) for fused in found["fuse"]) == sorted(
        (clip, kind)
        for clip in clips
        for kind in FusionKind
        if Modality.SPEECH in sources[clip] or kind not in (FusionKind.S, FusionKind.AVS)
    )
    for fused in found["fuse"]:
        several = fused["kind"] in (FusionKind.AV, FusionKind.AVS)
        assert fused["wording"] == (wording if several else Wording.JOINED)
        assert fused["text"]
        made_up = fused["wording"] == Wording.JOINED_INSTEAD
        assert bool(fused["dropped"]) == made_up, "what a model made up was not noticed"
        cited = {line[0] for claim in fused["claims"] for line in claim["lines"]}
        assert cited <= set(fused["kind"])
        assert {"V", "A"} <= cited or not several
    counted = Counter(f"{fused['kind']} {fused['wording']}" for fused in found["fuse"])
    return Counter(clips=len(clips), **counted)
