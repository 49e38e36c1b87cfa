"""Whole runs whose captioners ask served models: their footage, their config, and what they must leave."""

from __future__ import annotations

import subprocess
import wave
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from captioning.client.requests import Model
from captioning.records import FusionKind, Modality
from curation.base.rejects import Reason
from curation.base.workspace import Workspace
from curation.media.ffmpeg import ffmpeg_binary
from examples.footage.sound import SAMPLE_RATE_HZ
from examples.footage.speech import VOICES, speak
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.run_view import RunView
from tests.footage import make_video

SAID = "Two people walk along the river. The water is very cold today."
SAMPLING = {"max_tokens": 800, "temperature": 1.0, "seed": 8}
"""The likeliest words of random weights would be the same word without end; with this seed the
vision-language model says something, where others have it say that it sees nothing."""


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


def settings(vision: Model, video_server: dict[str, Any], text: Model, fusion_server: dict[str, Any]) -> Any:
    """A run's config as plain values: two captioners ask models, the others measure and recognise."""
    return {
        "captioning": {
            "video": {
                "kind": "vlm",
                "model": vision.name,
                "revision": vision.revision,
                "server": video_server,
                "max_frames": 4,
                "sampling": SAMPLING,
            },
            "fusion": {
                "kind": "llm",
                "model": text.name,
                "revision": text.revision,
                "server": fusion_server,
                "sampling": SAMPLING,
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


def check_captions(view: RunView) -> Counter[str]:
    """Every clip has one caption of each modality, or one reject that names it; its fused captions bring the
    modalities together as far as it has them. Returns what was counted, by words for it."""
    clips = set(view.records("admit", ["clip_id"]).column("clip_id").to_pylist())
    assert clips
    rejects = view.rejects().to_pylist()
    found = captions_of(view)
    counted: Counter[str] = Counter(clips=len(clips))
    for modality in Modality:
        stage = f"caption_{modality}"
        captioned = [caption["clip_id"] for caption in found[stage]]
        failed = [reject for reject in rejects if reject["stage"] == stage]
        assert sorted([*captioned, *(reject["parent_id"] for reject in failed)]) == sorted(clips), stage
        assert all(reject["reason"] == Reason.CAPTION_FAILED for reject in failed)
        # A server that died or turned a request away costs no clip its caption.
        assert not [
            reject["detail"] for reject in failed if "asked 3 times, the answer" not in reject["detail"]
        ]
        counted[f"{modality} captions"] = len(captioned)
    told = {
        modality: {caption["clip_id"] for caption in found[f"caption_{modality}"] if caption["text"]}
        for modality in Modality
    }
    kinds = {(fused["clip_id"], fused["kind"]) for fused in found["fuse"]}
    assert len(kinds) == len(found["fuse"])
    heard_and_said = told[Modality.AUDIO] & told[Modality.SPEECH]
    assert heard_and_said, "no clip's fused caption was to be written by the model"
    assert {(clip, FusionKind.AVS) for clip in heard_and_said} <= kinds
    assert {(clip, FusionKind.AV) for clip in told[Modality.VIDEO] & told[Modality.AUDIO]} <= kinds
    counted.update(f"{fused['kind']} {fused['wording']}" for fused in found["fuse"])
    return counted
