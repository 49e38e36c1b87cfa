"""Voice activity: the same as silero-vad's own runtime, however the sound arrives."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from captioning.audio.silero import SAMPLE_RATE_HZ, WINDOW, Floats
from captioning.audio.vad import VoiceActivity, vad_fingerprints
from captioning.records import Span
from curation.filters.measures.sound import samples_of
from tests.captioning.measured_clips import ffmpeg


@pytest.fixture(scope="module")
def detector() -> VoiceActivity:
    return VoiceActivity()


def sound_of(path: Path) -> Floats:
    return samples_of(
        ffmpeg("-i", str(path), "-ar", "16000", "-ac", "1", "-sample_fmt", "s16", "-f", "flac", "-")
    )


def share(spans: list[Span], samples: Floats) -> float:
    return sum(span.end_s - span.start_s for span in spans) * SAMPLE_RATE_HZ / len(samples)


def test_the_package_own_model_agrees(detector: VoiceActivity, shared_media: Path) -> None:
    import torch
    from silero_vad import get_speech_timestamps, load_silero_vad

    samples = sound_of(shared_media / "audio" / "jfk.flac")
    model = load_silero_vad()
    expected = get_speech_timestamps(torch.tensor(samples), model)
    found = detector.spans(samples)
    assert len(found) == len(expected) == 4
    for span, reference in zip(found, expected, strict=True):
        assert span.start_s == pytest.approx(reference["start"] / SAMPLE_RATE_HZ, abs=1e-3)
        assert span.end_s == pytest.approx(reference["end"] / SAMPLE_RATE_HZ, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("jfk.flac", 0.6, 0.85),
        ("librispeech_198.ogg", 0.75, 0.95),
        ("chinese.flac", 0.7, 0.95),
        ("waltz_music.ogg", 0, 0),
        ("rain.mp3", 0, 0),
        ("noise_33s.wav", 0, 0),
        ("pibble.ogg", 0, 0),
    ],
)
def test_speech_and_no_speech(
    detector: VoiceActivity, shared_media: Path, name: str, least: float, most: float
) -> None:
    samples = sound_of(shared_media / "audio" / name)
    assert least <= share(detector.spans(samples), samples) <= most


@pytest.mark.parametrize("piece", [1, 511, 16000, 200_000])
def test_a_stream_gives_the_same_spans(detector: VoiceActivity, shared_media: Path, piece: int) -> None:
    samples = sound_of(shared_media / "audio" / "jfk.flac")
    if piece == 1:
        samples = samples[:20_000]
    stream = detector.stream()
    found = [
        span
        for start in range(0, len(samples), piece)
        for span in stream.feed(samples[start : start + piece])
    ]
    assert found + stream.finish() == detector.spans(samples)


def test_a_stream_gives_spans_while_it_runs_and_does_not_grow(
    detector: VoiceActivity, shared_media: Path
) -> None:
    samples = sound_of(shared_media / "audio" / "librispeech_237.flac")
    pieces = [samples, np.zeros(SAMPLE_RATE_HZ, np.float32)]
    stream = detector.stream()
    early = [span for _ in range(5) for piece in pieces for span in stream.feed(piece)]
    assert early
    tracemalloc.start()
    late = [span for _ in range(20) for piece in pieces for span in stream.feed(piece)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(late) >= 18
    assert peak < 3_000_000
    assert late[-1].end_s > 100


def test_spans_stay_within_the_sound_and_in_order(detector: VoiceActivity, shared_media: Path) -> None:
    samples = sound_of(shared_media / "audio" / "jfk.flac")[: 3 * SAMPLE_RATE_HZ + 77]
    spans = detector.spans(samples)
    edges = [edge for span in spans for edge in (span.start_s, span.end_s)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= len(samples) / SAMPLE_RATE_HZ


def test_no_samples_no_speech(detector: VoiceActivity) -> None:
    nothing = np.zeros(0, np.float32)
    assert detector.spans(nothing) == []
    assert detector.probabilities(nothing).shape == (0,)
    assert detector.probabilities(np.zeros(WINDOW + 1, np.float32)).shape == (2,)


@pytest.mark.parametrize("samples", [np.zeros(512), np.zeros((2, 512), np.float32), np.zeros(512, np.int16)])
def test_samples_of_another_kind_are_refused(detector: VoiceActivity, samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="1-D float32"):
        detector.spans(samples)


def test_the_model_is_part_of_the_fingerprint() -> None:
    assert len(vad_fingerprints()["silero-vad-model"]) == 64


def test_neither_torch_nor_the_package_is_imported() -> None:
    code = (
        "import sys; from captioning.audio.vad import VoiceActivity, vad_fingerprints;"
        "assert 'onnxruntime' not in sys.modules; VoiceActivity(); vad_fingerprints();"
        "assert not {'torch', 'silero_vad'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
