"""The demo's footage: what is promised of it, and that its shot boundaries are where it says."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from examples.footage.films import FILMS
from tests.examples.conftest import run_generator

NAMES = [film.name for film in FILMS]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def thumbnails(path: Path) -> tuple[np.ndarray, list[float]]:
    """Every frame at 48x27 (grey, float) and its time in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(frame.reformat(48, 27, "gray"), frame.time) for frame in container.decode(stream)]
    return np.stack([frame.to_ndarray().astype(float) for frame, _ in frames]), [time for _, time in frames]


def samples(path: Path) -> np.ndarray:
    """The sound as mono samples in -1..1 at 16 kHz."""
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(str(path)) as container:
        parts = [
            part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)
        ]
    return np.concatenate(parts, axis=1)[0] / 32768


@pytest.mark.parametrize("name", NAMES)
def test_frames_and_size_are_as_stated(footage: Path, truth: dict[str, Any], name: str) -> None:
    pictures, times = thumbnails(footage / name)
    assert len(pictures) == truth[name]["frames"]
    assert times[0] == 0
    assert 8 <= times[-1] <= 16
    assert sha256(footage / name) == truth[name]["sha256"]


@pytest.mark.parametrize("name", NAMES)
def test_transitions_are_where_the_truth_says(footage: Path, truth: dict[str, Any], name: str) -> None:
    pictures, _ = thumbnails(footage / name)
    change = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2))
    for transition in truth[name]["transitions"]:
        start, end = transition["start"], transition["end"]
        if transition["type"] == "cut":
            assert end == start + 1
            around = np.delete(change[start - 10 : start + 11], 10)
            assert change[start] > 3 * around.max(), f"no cut after frame {start} of {name}"
        else:
            across = np.abs(pictures[end] - pictures[start]).mean()
            assert across > 10, f"{name}: frames {start} and {end} look alike"
            assert np.abs(pictures[start] - pictures[start - 1]).mean() < across / 4
            assert np.abs(pictures[end + 1] - pictures[end]).mean() < across / 4


def test_a_fade_goes_through_black_and_a_dissolve_does_not(footage: Path, truth: dict[str, Any]) -> None:
    darkest = {"fade": 255.0, "dissolve": 255.0}
    for name, entry in truth.items():
        pictures, _ = thumbnails(footage / name)
        for transition in entry["transitions"]:
            if transition["type"] in darkest:
                between = pictures[transition["start"] + 1 : transition["end"]]
                darkest[transition["type"]] = min(
                    darkest[transition["type"]], between.mean(axis=(1, 2)).min()
                )
    assert darkest["fade"] < 5
    assert 40 < darkest["dissolve"] < 255


def test_there_is_variety(footage: Path, truth: dict[str, Any]) -> None:
    kinds = {transition["type"] for entry in truth.values() for transition in entry["transitions"]}
    assert kinds == {"cut", "dissolve", "fade"}
    steps = {name: set(np.round(np.diff(thumbnails(footage / name)[1]), 4)) for name in NAMES}
    assert any(len(step) > 1 for step in steps.values()), "no film has a variable frame rate"
    assert len({round(entry["fps"]) for entry in truth.values()}) >= 3
    with av.open(str(footage / "skies.mp4")) as container:
        assert not container.streams.audio
    silent = samples(footage / "weather.mp4")[-3 * 16_000 :]
    assert np.abs(silent).max() < 2e-3


def test_the_narration_is_heard_where_it_should_be(footage: Path, truth: dict[str, Any]) -> None:
    import torch
    from silero_vad import get_speech_timestamps, load_silero_vad

    model = load_silero_vad()
    for name, entry in truth.items():
        if not entry["narration"]:
            continue
        sound = torch.from_numpy(samples(footage / name).astype(np.float32))
        speech = get_speech_timestamps(sound, model, sampling_rate=16_000, return_seconds=True)
        starts = [span["start"] for span in speech]
        assert starts == pytest.approx([line["start_s"] for line in entry["narration"]], abs=0.4)


def test_a_second_run_renders_nothing_and_a_damaged_film_again(footage: Path, truth: dict[str, Any]) -> None:
    started = time.monotonic()
    assert "already there" in run_generator(footage).stdout
    assert time.monotonic() - started < 5
    (footage / "skies.mp4").write_bytes(b"damaged")
    assert "rendered 1 " in run_generator(footage).stdout
    assert sha256(footage / "skies.mp4") == truth["skies.mp4"]["sha256"]


def test_the_same_seed_gives_the_same_bytes_with_speech_too(footage: Path, truth: dict[str, Any]) -> None:
    (footage / "weather.mp4").unlink()
    assert run_generator(footage).returncode == 0
    assert sha256(footage / "weather.mp4") == truth["weather.mp4"]["sha256"]
    assert json.loads((footage / ".shots.json").read_text())["weather.mp4"] == truth["weather.mp4"]


def test_another_seed_gives_other_pictures() -> None:
    film = FILMS[0]
    assert not np.array_equal(next(film.frames([0, 0])), next(film.frames([1, 0])))
    assert np.array_equal(next(film.frames([0, 0])), next(film.frames([0, 0])))


def test_a_missing_synthesiser_is_named(tmp_path: Path) -> None:
    (tmp_path / "espeakng_loader.py").write_text("raise ImportError")
    import os
    import subprocess
    import sys

    from tests.examples.conftest import ROOT

    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "examples.footage", str(tmp_path / "videos")]
    completed = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 2
    assert "pip install 'espeakng-loader" in completed.stderr
    assert "Traceback" not in completed.stderr
