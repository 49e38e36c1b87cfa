"""The operations of a cut: which clips a frame belongs to, what is cut off it, how far they got."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.media.limits import DecodeLimits
from curation.media.operations import packets, samples
from curation.media.operations.clip_window import ClipWindow
from curation.media.operations.cropping import Cropping
from tests.curation.media.made import make, moving_picture


def test_clips_of_a_frame_are_those_around_it() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        starts = np.sort(random.integers(0, 300, 20)).tolist()
        clips = [
            {
                "start_pts": start,
                "end_pts": start + int(length),
                "stills": [int(length) // 3, int(length) // 2],
            }
            for start, length in zip(starts, random.integers(1, 60, 20), strict=True)
        ]
        window = ClipWindow(clips)
        before: dict[int, int] = {}
        for pts in np.unique(random.integers(0, 400, 150)).tolist():
            within = [n for n, clip in enumerate(clips) if clip["start_pts"] <= pts < clip["end_pts"]]
            stills = [
                n
                for n in within
                if n not in before
                or any(before[n] < clips[n]["start_pts"] + still <= pts for still in clips[n]["stills"])
            ]
            before |= dict.fromkeys(within, pts)
            found = window.at(pts)
            assert [clip.number for clip in found] == within
            assert [clip.number for clip in found if clip.wants_still(pts)] == stills


def test_clips_that_have_ended_cost_nothing() -> None:
    looked_at = 0

    class Counted(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(name)

    window = ClipWindow([Counted(start_pts=10 * n, end_pts=10 * n + 10, stills=[]) for n in range(500)])
    assert all(len(window.at(pts)) == 1 for pts in range(5000))
    assert looked_at <= 3 * 500


@pytest.mark.parametrize(
    ("sides", "stored", "expected"),
    [
        ((40, 0, 40, 0), (200, 180), ["crop=160:180:20:0"]),
        ((40, 20, 42, 20), (400, 180), ["crop=318:140:40:20"]),
        ((42, 0, 0, 0), (200, 180), ["crop=178:180:22:0"]),
        ((0, 0, 0, 0), (200, 180), []),
    ],
)
def test_borders_are_those_of_the_picture_as_it_is_shown(
    sides: tuple[int, ...], stored: tuple[int, int], expected: list[str]
) -> None:
    assert Cropping(sides, (400, 180)).filters(stored) == expected


class Progress:
    """Takes the place of the connection to the worker."""

    def __init__(self) -> None:
        self.reached_s: list[float] = []
        self.flushed = 0

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        self.reached_s.append(header["s"])

    def flush(self) -> None:
        self.flushed = len(self.reached_s)


@pytest.mark.parametrize("decode_all", [False, True])
def test_samples_tell_how_far_they_got(decode_all: bool, tmp_path: Path) -> None:
    path = make(tmp_path / "made.mp4", *moving_picture("64x48", seconds=16), "-c:v", "libx264", "-g", "25")
    unit = Fraction(1, 12800)
    progress = Progress()
    samples.run(
        progress,  # type: ignore[arg-type]
        DecodeLimits().model_dump(mode="json"),
        **{"path": str(path), "container": "mov", "stream": 0, "size_px": (64, 48)},
        times_pts=[int(second / unit) for second in (1, 15)],
        decode_all=decode_all,
    )
    assert progress.flushed == len(progress.reached_s)
    assert progress.reached_s == sorted(progress.reached_s)
    assert progress.reached_s[-1] == pytest.approx(15 if decode_all else 14)
    assert (max(np.diff(progress.reached_s)) < 4) == decode_all


def test_a_packet_without_a_time_takes_no_progress_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "made.mp4", *moving_picture("64x48", seconds=2), "-c:v", "libx264", "-bf", "2")

    class Timeless(packets.PacketReader):
        def __iter__(self) -> Any:
            for number, packet in enumerate(super().__iter__()):
                if number % 7 == 5:
                    packet.pts = None
                yield packet

    monkeypatch.setattr(packets, "PacketReader", Timeless)
    progress = Progress()
    packets.run(
        progress,  # type: ignore[arg-type]
        DecodeLimits().model_dump(mode="json"),
        **{"path": str(path), "container": "mov", "stream": 0, "start_pts": 0, "end_pts": 25600},
    )
    assert len(progress.reached_s) == 50
    assert progress.reached_s == sorted(progress.reached_s)
    assert progress.reached_s[-1] > 1.8
