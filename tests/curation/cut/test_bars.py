"""Black bars are trimmed, dark pictures are not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.base.rejects import Reason, Rejected
from curation.base.workspace import Workspace
from curation.cut.bars import find_bars
from curation.cut.config import CutConfig, FormConfig
from curation.media.cutting import CuttingSandbox
from curation.media.sandbox import DecodeError
from curation.records import Crop, CutClip
from tests.curation.cutting import X264, all_clips, cut, probed, source_frames, whole
from tests.curation.media.made import make, moving_picture


def pictures(height: int = 180, width: int = 320, count: int = 8, low: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(low, 236, (count, height, width)).astype(np.uint8)


def found(stack: np.ndarray) -> tuple[int, int, int, int] | None:
    crop = find_bars(list(stack))
    return None if crop is None else (crop.left_px, crop.top_px, crop.right_px, crop.bottom_px)


@pytest.mark.parametrize(
    ("top", "bottom", "expected"),
    [
        (20, 20, (0, 20, 0, 20)),
        (21, 19, (0, 22, 0, 20)),
        (0, 30, (0, 0, 0, 30)),
        (20, 60, (0, 20, 0, 20)),
        (40, 40, None),
        (2, 2, None),
        (0, 0, None),
    ],
)
def test_which_rows_are_bars(top: int, bottom: int, expected: tuple[int, int, int, int] | None) -> None:
    stack = pictures()
    stack[:, :top] = 16
    stack[:, 180 - bottom :] = 17
    assert found(stack) == expected
    turned = stack.transpose(0, 2, 1)
    assert found(turned) == (expected and (expected[1], expected[0], expected[3], expected[2]))


def test_bars_all_around() -> None:
    stack = pictures()
    stack[:, :20] = stack[:, 160:] = 16
    stack[:, :, :40] = stack[:, :, 280:] = 16
    assert found(stack) == (40, 20, 40, 20)


def test_dark_scenes_and_single_pictures_tell_nothing() -> None:
    night = np.clip(np.random.default_rng(1).normal(20, 6, (8, 180, 320)), 16, 90).astype(np.uint8)
    night[:, 80:100, 100:200] = 150
    assert found(night) is None
    sky = pictures()
    sky[:, :60] = np.linspace(16, 60, 60)[:, None]
    assert found(sky) is None
    one = pictures(count=1)
    one[:, :20] = one[:, 160:] = 16
    assert found(one) is None
    assert found(np.repeat(one, 8, axis=0)) is None
    assert found(np.full((8, 180, 320), 16, np.uint8)) is None


def test_a_bar_must_be_black_in_every_picture() -> None:
    stack = pictures()
    stack[:, :20] = stack[:, 160:] = 16
    stack[3, 165:175, 100:220] = 200
    assert found(stack) == (0, 6, 0, 6), "what both sides have, below the subtitles"
    stack[4, 3:9, 100:220] = stack[4, 165:178, 100:220] = 200
    assert found(stack) is None


@pytest.mark.parametrize("name", ["boxed.mp4", "one_gop.mkv"])
def test_letterboxed_footage_is_trimmed(name: str, workspace: Workspace, tmp_path: Path) -> None:
    gop = ("-g", "1000") if "one" in name else ()
    box = ("-vf", "pad=320:240:0:30:black", "-t", "6")
    path = make(tmp_path / name, *moving_picture("320x180", seconds=6), *box, *X264, *gop)
    source = probed(path, workspace)
    plan = whole(source, source_frames(source))
    (clip,) = all_clips(cut(source, [plan], workspace))
    assert clip.crop == Crop(left_px=0, top_px=30, right_px=0, bottom_px=30)
    assert (clip.width_px, clip.height_px) == (320, 180)
    for frame in clip.frames:
        data = np.frombuffer(workspace.media.read(frame.media), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        assert image is not None
        assert image.shape == (frame.height_px, frame.width_px) == (180, 320)
        assert image[0].mean() > 30
        assert image[-1].mean() > 30
    (kept,) = all_clips(cut(source, [plan], workspace, CutConfig(trim_bars=False)))
    assert (kept.crop, kept.width_px, kept.height_px) == (None, 320, 240)


def test_bars_of_a_turned_picture_lie_as_it_is_shown(workspace: Workspace, tmp_path: Path) -> None:
    boxed = make(
        tmp_path / "boxed.mp4", *moving_picture("320x180", seconds=4), "-vf", "pad=320:240:0:20:black", *X264
    )
    turned = make(tmp_path / "turned.mp4", "-display_rotation", "90", "-i", str(boxed), "-c", "copy")
    source = probed(turned, workspace)
    (clip,) = all_clips(cut(source, [whole(source, source_frames(source))], workspace))
    assert clip.crop is not None
    sides = (clip.crop.left_px, clip.crop.right_px)
    assert sorted(sides) == [20, 40] or sides == (20, 20)
    assert clip.crop.top_px == clip.crop.bottom_px == 0


@pytest.mark.parametrize("turn", ["0", "90"])
def test_bars_beside_pixels_that_are_not_square(turn: str, workspace: Workspace, tmp_path: Path) -> None:
    """Twice as wide as they are stored; the picture beside its bars is all there, and nothing else."""
    look = CutConfig(forms=(FormConfig(short_side_px=180, crf=5),))
    shown = {}
    for name, bars in (("bare", ""), ("boxed", "pad=200:180:20:0:black,")):
        made = make(
            tmp_path / f"{name}.mp4",
            *(*moving_picture("160x180", seconds=4), "-vf", f"{bars}setsar=2", *X264, "-crf", "5"),
        )
        path = make(tmp_path / f"{name}.turned.mp4", "-display_rotation", turn, "-i", str(made), "-c", "copy")
        source = probed(path, workspace)
        (clip,) = all_clips(cut(source, [whole(source, source_frames(source))], workspace, look))
        shown[name] = clip
    assert shown["bare"].crop is None
    sides = {"left_px": 40, "top_px": 0, "right_px": 40, "bottom_px": 0}
    if turn == "90":
        sides = {"left_px": 0, "top_px": 40, "right_px": 0, "bottom_px": 40}
    assert shown["boxed"].crop == Crop(**sides)
    assert shown["boxed"].width_px == shown["bare"].width_px
    assert shown["boxed"].height_px == shown["bare"].height_px
    mine, expected = (
        cv2.imdecode(
            np.frombuffer(workspace.media.read(shown[name].frames[1].media), np.uint8), cv2.IMREAD_GRAYSCALE
        )
        for name in ("boxed", "bare")
    )
    assert mine is not None
    assert expected is not None
    assert np.abs(mine.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("reason", [Reason.DECODE_TIMEOUT, Reason.DECODE_FAILED])
def test_bars_that_take_too_long_to_measure_are_not_none(
    reason: Reason, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "short.mp4", *moving_picture("64x48", seconds=2), *X264)
    source = probed(path, workspace)

    def failing(*_: object, **__: object) -> list[np.ndarray]:
        raise DecodeError(reason, "fails")

    monkeypatch.setattr(CuttingSandbox, "samples", failing)
    (found,) = cut(source, [whole(source, source_frames(source))], workspace)
    if reason is Reason.DECODE_FAILED:
        assert isinstance(found, CutClip)
    else:
        assert isinstance(found, Rejected)
        assert found.reason == reason


def test_a_night_scene_keeps_its_frame(workspace: Workspace, tmp_path: Path) -> None:
    night = "geq=lum='16+60*exp(-hypot(X-160-20*sin(T),Y-120)/40)':cb=128:cr=128,noise=alls=6:allf=t"
    path = make(tmp_path / "night.mp4", *moving_picture("320x240", seconds=4), "-vf", night, *X264)
    source = probed(path, workspace)
    (clip,) = all_clips(cut(source, [whole(source, source_frames(source))], workspace))
    assert clip.crop is None


def test_real_footage_with_a_pillarbox(shared_media: Path, workspace: Workspace) -> None:
    source = probed(shared_media / "single_shot/chaplin.mp4", workspace)
    (clip,) = all_clips(cut(source, [whole(source, source_frames(source))], workspace))
    assert clip.crop is not None
    assert clip.crop.left_px == clip.crop.right_px
    assert 60 <= clip.crop.left_px <= 90
