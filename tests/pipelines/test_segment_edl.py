"""Timecode, and edit decision lists as editors read them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from curation.base.workspace import Workspace
from curation.detect.transitions import Transition
from pipelines.segmenting.edl import EditList
from pipelines.segmenting.timecode import timebase
from tests.curation.media.made import make, moving_picture
from tests.pipelines.segmented import film, with_shots

EVENT = re.compile(r"(\d{3})  (.{8}) V     C        (\S{11}) (\S{11}) (\S{11}) (\S{11})")


@pytest.mark.parametrize(
    ("fps", "nominal", "rate"),
    [
        (24.0, 24, Fraction(24)),
        (23.976, 24, Fraction(24000, 1001)),
        (29.97, 30, Fraction(30000, 1001)),
        (59.9401, 60, Fraction(60000, 1001)),
        (29.8333, 30, Fraction(30)),
        (24.975, 25, Fraction(25)),
        (119.8801, 60, Fraction(60000, 1001)),
        (100.0, 50, Fraction(50)),
        (0.4, 1, Fraction(1)),
    ],
)
def test_the_rate_that_timecode_counts(fps: float, nominal: int, rate: Fraction) -> None:
    count = timebase(fps)
    assert (count.nominal, count.rate) == (nominal, rate)


def test_timecode_at_29_97_is_a_count_of_frames_without_drops() -> None:
    count = timebase(29.97)
    assert [count.text(frame) for frame in (0, 29, 30, 1799, 1800, 108000)] == [
        "00:00:00:00", "00:00:00:29", "00:00:01:00", "00:00:59:29", "00:01:00:00", "01:00:00:00",
    ]  # fmt: skip
    assert [count.frame(Fraction(1001 * number, 30000)) for number in (0, 1, 1800, 107892)] == [
        0, 1, 1800, 107892,
    ]  # fmt: skip


def test_events_are_the_shots_one_after_another(tmp_path: Path, workspace: Workspace) -> None:
    edits = EditList("my film")
    assert edits.add(with_shots(film(tmp_path / "Straße 7 — take 2.mp4"), workspace)) is None
    lines = edits.text().splitlines()
    assert lines[:2] == ["TITLE: my film", "FCM: NON-DROP FRAME"]
    assert [match.groups() for line in lines if (match := EVENT.fullmatch(line))] == [
        ("001", "STRASSE_", "00:00:00:00", "00:00:01:05", "01:00:00:00", "01:00:01:05"),
        ("002", "STRASSE_", "00:00:01:05", "00:00:02:20", "01:00:01:05", "01:00:02:20"),
        ("003", "STRASSE_", "00:00:03:05", "00:00:04:00", "01:00:02:20", "01:00:03:15"),
    ]
    assert lines.count("* FROM CLIP NAME: Straße 7 — take 2.mp4") == 3
    assert "* SOURCE FRAMES: 80-99" in lines
    assert [line for line in lines if "TRANSITION" in line] == [
        "* AFTER A GRADUAL TRANSITION, LEFT OUT: FRAMES 70-79"
    ]
    assert len(lines) == 2 + 3 * 3 + 1


def test_files_of_one_list_have_reels_of_their_own_and_one_rate(tmp_path: Path, workspace: Workspace) -> None:
    names = ("interview_one.mp4", "interview_two.mp4", "bl.mp4", "夜.mp4")
    edits = EditList("all")
    for name in names:
        assert edits.add(with_shots(film(tmp_path / name, seconds=1.0), workspace, ())) is None
    problem = edits.add(
        with_shots(film(tmp_path / "ntsc.mp4", rate="30000/1001", seconds=1.0), workspace, ())
    )
    assert problem == "has 29.97 frames per second, and the EDL counts 25; write it to an EDL of its own"
    events = [match.groups() for line in edits.text().splitlines() if (match := EVENT.fullmatch(line))]
    assert [event[1].strip() for event in events] == ["INTERVIE", "INTERVI2", "BL2", "REEL"]
    assert [event[4] for event in events] == ["01:00:00:00", "01:00:01:00", "01:00:02:00", "01:00:03:00"]


def test_uneven_frames_are_placed_by_their_times(tmp_path: Path, workspace: Workspace) -> None:
    """25 frames per second for two seconds, then every tenth."""
    path = make(
        tmp_path / "uneven.mkv",
        *moving_picture(seconds=6.0),
        *("-vf", "select='lt(n,50)+not(mod(n,10))'", "-fps_mode", "passthrough"),
    )
    found = with_shots(path, workspace, (Transition(49, 50, "cut", 0.9),))
    edits = EditList("x")
    assert edits.add(found) is None
    count = timebase(found.source.record.video.fps)
    assert count.nominal < 15
    assert f" 00:00:00:00 {count.text(2 * count.nominal)} " in edits.text()
