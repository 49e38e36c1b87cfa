"""Sound on the source's clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from curation.base.rejects import Reason
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox
from tests.curation.media.made import make, moving_picture, tone

RATE_HZ = 16000


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(DecodeLimits())


def sound(sandbox: Sandbox, path: Path, **span: float) -> npt.NDArray[np.float32]:
    facts = sandbox.probe(path)
    assert facts.audio is not None
    chunks = list(sandbox.audio(path, facts.container, facts.audio.index, **span))
    assert all(chunk.dtype == np.float32 and chunk.ndim == 1 for chunk in chunks)
    return np.concatenate([np.zeros(0, np.float32), *chunks])


def click_at(path: Path, seconds: float, *arguments: str, total_s: float = 3.0) -> Path:
    """Silence with a burst of 20 ms that starts at a time."""
    burst = f"aevalsrc='if(between(t,{seconds},{seconds}+0.02),sin(2*PI*1000*t),0)':s=48000:d={total_s}"
    return make(path, "-f", "lavfi", "-i", burst, *arguments)


def onset_s(samples: npt.NDArray[np.float32]) -> float:
    return float(np.argmax(np.abs(samples) > 0.2)) / RATE_HZ


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.wav", "pcm_s16le"),
        ("a.flac", "flac"),
        ("a.m4a", "aac"),
        ("a.mka", "libopus"),
    ],
)
def test_a_click_is_heard_when_it_was_made(name: str, codec: str, sandbox: Sandbox, tmp_path: Path) -> None:
    path = click_at(tmp_path / name, 1.5, "-c:a", codec)
    samples = sound(sandbox, path)
    assert onset_s(samples) == pytest.approx(1.5, abs=0.01)
    assert len(samples) / RATE_HZ == pytest.approx(3.0, abs=0.08)
    part = sound(sandbox, path, start_s=1.25, end_s=2.0)
    assert onset_s(part) == pytest.approx(0.25, abs=0.01)
    assert len(part) == 12000


def test_a_range_of_plain_samples_is_the_same_as_a_part_of_the_whole(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = make(tmp_path / "a.wav", *tone(20, RATE_HZ))
    whole = sound(sandbox, path)
    assert len(whole) == 20 * RATE_HZ
    assert np.array_equal(sound(sandbox, path, start_s=12.5, end_s=13.75), whole[200000:220000])
    assert len(sound(sandbox, path, start_s=30)) == 0


def test_sound_that_starts_late_is_preceded_by_zeros(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(
        tmp_path / "late.mkv",
        *moving_picture(seconds=3),
        *("-itsoffset", "1.2", *tone(1.5)),
        *("-c:v", "libx264", "-c:a", "flac"),
    )
    samples = sound(sandbox, path)
    assert not samples[: int(1.19 * RATE_HZ)].any()
    assert onset_s(samples * 4) == pytest.approx(1.2, abs=0.01)


def test_a_gap_is_filled_with_zeros(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "gap.mkv", *tone(3), "-af", "aselect='not(between(t,1,2))'", "-c:a", "flac")
    samples = sound(sandbox, path)
    assert len(samples) / RATE_HZ == pytest.approx(3.0, abs=0.1)
    assert not samples[int(1.15 * RATE_HZ) : int(1.95 * RATE_HZ)].any()
    assert np.abs(samples[int(2.2 * RATE_HZ) : int(2.8 * RATE_HZ)]).max() > 0.1


def test_overlaps_are_dropped(sandbox: Sandbox, tmp_path: Path) -> None:
    flat = make(tmp_path / "flat.mka", *tone(4), "-c:a", "flac")
    path = make(
        tmp_path / "overlap.mka",
        "-i",
        str(flat),
        "-c",
        "copy",
        "-bsf:a",
        "setts=ts=if(gte(TS\\,2000)\\,TS-1000\\,TS)",
    )
    samples = sound(sandbox, path)
    assert len(samples) / RATE_HZ == pytest.approx(3.0, abs=0.1)


def test_a_gap_of_days_ends_at_the_longest_duration(tmp_path: Path) -> None:
    flat = make(tmp_path / "flat.mka", *tone(2), "-c:a", "flac")
    path = make(
        tmp_path / "far.mka",
        "-i",
        str(flat),
        "-c",
        "copy",
        "-bsf:a",
        "setts=ts=if(gte(TS\\,1000)\\,TS+9000000\\,TS)",
    )
    samples = sound(Sandbox(DecodeLimits(max_duration_s=60)), path)
    assert len(samples) <= 60 * RATE_HZ


def test_channels_are_mixed_and_other_rates_are_served(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "a.wav", *tone(1, 48000), "-af", "pan=5.1|FL=c0|FR=c0")
    assert np.abs(sound(sandbox, path)).max() > 0.02
    assert len(sound(sandbox, path, sample_rate_hz=8000)) == 8000


def test_a_stream_that_is_not_there_is_bad_data(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "a.wav", *tone(1))
    with pytest.raises(DecodeError) as error:
        list(sandbox.audio(path, "wav", 3))
    assert error.value.reason == Reason.UNREADABLE
