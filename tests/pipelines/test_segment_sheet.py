"""The contact sheet: the frames that it shows, and how much of them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.base.workspace import Workspace
from curation.detect.transitions import Transition
from curation.media.limits import DEFAULT_LIMITS
from curation.media.sandbox import Sandbox
from pipelines.segmenting import sheet
from pipelines.segmenting.files import Segmented
from pipelines.segmenting.sheet import ContactSheet
from pipelines.segmenting.stills import Stills, stills
from tests.curation.cutting import source_frames
from tests.curation.media.made import make
from tests.pipelines.segmented import film, with_shots


def numbers(found: Segmented, shown: Stills) -> list[int]:
    """Which frames of the source stills are."""
    frames = source_frames(found.source.record)
    result = []
    for picture in (shown.first, shown.middle, shown.last):
        assert picture is not None
        result.append(next(n for n, frame in enumerate(frames) if np.array_equal(frame.image, picture)))
    return result


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", ()),
        ("late.mkv", ("-output_ts_offset", "100")),
        ("transport.ts", ()),
        ("slow.mp4", ("-vf", "setpts=PTS*20", "-fps_mode", "passthrough")),
    ],
)
def test_stills_are_the_first_middle_and_last_frames(
    name: str, options: tuple[str, ...], tmp_path: Path, workspace: Workspace
) -> None:
    """The slow one has 0.8 s between frames, and more between stills than is worth decoding."""
    found = with_shots(film(tmp_path / name, *options), workspace)
    shown = stills(Sandbox(DEFAULT_LIMITS), found.source, found.shots, (48, 27))
    assert [numbers(found, each) for each in shown] == [[0, 14, 29], [30, 49, 69], [80, 89, 99]]


def test_a_shot_of_one_frame(tmp_path: Path, workspace: Workspace) -> None:
    transitions = (Transition(9, 10, "cut", 0.9), Transition(10, 11, "cut", 0.9))
    found = with_shots(film(tmp_path / "film.mp4", seconds=1.0), workspace, transitions)
    (_, one, _) = stills(Sandbox(DEFAULT_LIMITS), found.source, found.shots, (48, 27))
    assert numbers(found, one) == [10, 10, 10]


def sheet_of(*files: Segmented) -> Image.Image:
    contact = ContactSheet()
    for found in files:
        contact.add(found, Sandbox(DEFAULT_LIMITS))
    return Image.open(io.BytesIO(contact.png()))


def test_the_sheet_shows_each_boundary_with_its_frames_side_by_side(
    tmp_path: Path, workspace: Workspace
) -> None:
    """A red shot and a blue one: left and right of the first seam."""
    path = make(
        tmp_path / "film.mp4",
        *("-f", "lavfi", "-i", "color=red:s=320x180:r=25:d=1"),
        *("-f", "lavfi", "-i", "color=blue:s=320x180:r=25:d=1"),
        *("-filter_complex", "[0:v][1:v]concat=n=2", "-c:v", "libx264"),
    )
    picture = np.asarray(sheet_of(with_shots(path, workspace, (Transition(24, 25, "cut", 0.9),))))
    row = picture[28 + 44 + 24 + 45]
    red = np.flatnonzero((row[:, 0] > 200) & (row[:, 1] < 60))
    blue = np.flatnonzero((row[:, 2] > 200) & (row[:, 1] < 60))
    assert (len(red), len(blue)) == (480, 480)
    assert blue.min() - red.max() < 80


def test_many_shots_are_counted_not_drawn(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "MAX_SHOTS", 4)
    transitions = [Transition(frame - 1, frame, "cut", 0.9) for frame in range(5, 50, 5)]
    found = with_shots(film(tmp_path / "film.mp4", seconds=2.0), workspace, transitions)
    contact = ContactSheet()
    contact.add(found, Sandbox(DEFAULT_LIMITS))
    contact.add(found, Sandbox(DEFAULT_LIMITS))
    first, second = contact.sections
    assert (first.num_shown, first.num_left_out) == (4, 6)
    assert [[block.number for block in blocks] for blocks, _ in first.lines()] == [[1, 2, 3], [4]]
    assert [after.number if after else None for _, after in first.lines()] == [4, 5]
    assert (second.num_shown, second.num_left_out, second.lines()) == (0, 10, [])
    assert Image.open(io.BytesIO(contact.png())).size[0] == 1878


def test_what_cannot_be_decoded_leaves_a_gap(tmp_path: Path, workspace: Workspace) -> None:
    found = with_shots(film(tmp_path / "film.mp4", seconds=1.0), workspace, ())
    gone = replace(found, source=replace(found.source, path=tmp_path / "gone.mp4"))
    assert sheet_of(gone).size[0] == 1878
