"""The built-in filters measure what is so: on pictures and sound whose truth is known, and on footage."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.base.workspace import Workspace
from curation.filters.config import FiltersConfig
from curation.filters.stages import filter_stages
from curation.records import CutClip, Score
from tests.captioning.measured_clips import SAMPLE_RATE_HZ, clip_of_file
from tests.curation.filters.made import HEIGHT, WIDTH, as_cut, made, panned, score_of

DIAGONAL_PX = math.hypot(WIDTH, HEIGHT)


@pytest.mark.parametrize("fps", [10, 24, 60])
@pytest.mark.parametrize("px_per_s", [40, 300, 800])
def test_motion_of_a_pan_is_its_speed_whatever_the_frame_rate(
    workspace: Workspace, fps: int, px_per_s: int
) -> None:
    clip = made(workspace, panned(1.2, px_per_s, fps), fps)
    assert score_of("motion", clip, workspace).value == pytest.approx(px_per_s / DIAGONAL_PX, rel=0.1)
    assert score_of("static", clip, workspace).value == 0


def test_motion_does_not_depend_on_the_size(workspace: Workspace) -> None:
    views = panned(1.2, 200)
    small = [cv2.resize(view, (228, 128), interpolation=cv2.INTER_AREA) for view in views]
    large, little = made(workspace, views), made(workspace, small, name="1")
    measured = [score_of("motion", clip, workspace).value for clip in (large, little)]
    assert measured[0] == pytest.approx(measured[1], rel=0.1)


def test_a_still_picture_with_noise_has_no_motion(workspace: Workspace) -> None:
    random = np.random.default_rng(0)
    ground = panned(0.1, 0)[0].astype(np.int16)
    views = [np.clip(ground + random.normal(0, 4, ground.shape), 0, 255).astype(np.uint8) for _ in range(30)]
    clip = made(workspace, views)
    assert score_of("motion", clip, workspace).value == 0
    assert score_of("static", clip, workspace).value == 1


def test_static_is_the_share_of_the_time_in_which_nothing_moves(workspace: Workspace) -> None:
    moving = panned(1.0, 200)
    clip = made(workspace, [*moving, *[moving[-1]] * 72])
    assert score_of("static", clip, workspace).value == pytest.approx(0.75, abs=0.05)


def test_something_small_that_moves_is_not_static(workspace: Workspace) -> None:
    views = [panned(0.1, 0)[0] for _ in range(36)]
    for number, view in enumerate(views):
        cv2.circle(view, (100 + 5 * number, 120), 14, (255, 255, 255), -1)
    assert score_of("static", made(workspace, views), workspace).value == 0


@pytest.mark.parametrize("size", [(16, 16), (16, 400), (2, 10)])
def test_the_smallest_pictures_are_measured(workspace: Workspace, size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    views = [random.integers(0, 255, (*size, 3)).astype(np.uint8) for _ in range(12)]
    clip = made(workspace, views)
    for stage in filter_stages(FiltersConfig(), workspace):
        stage.setup()
        (score,) = stage([clip])
        assert isinstance(score, Score)
        assert score.value >= 0


def test_one_picture_is_still(workspace: Workspace) -> None:
    clip = made(workspace, panned(1 / 24, 0))
    assert score_of("motion", clip, workspace).value == 0
    assert score_of("static", clip, workspace).value == 1


def blocks(width: int, height: int, sigma_px: float) -> np.ndarray:
    """Plain rectangles side by side, blurred."""
    cells = np.random.default_rng(1).integers(0, 255, (8, 14, 3)).astype(np.uint8)
    sharp = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
    return cv2.GaussianBlur(sharp, (0, 0), sigma_px) if sigma_px else sharp


@pytest.mark.parametrize(("sigma_px", "least", "most"), [(0, 0.5, 2.5), (2, 6, 10), (5, 14, 25)])
def test_blur_is_the_width_of_the_finest_edges(
    workspace: Workspace, sigma_px: float, least: float, most: float
) -> None:
    clip = made(workspace, [blocks(WIDTH, HEIGHT, sigma_px)] * 6)
    assert least < score_of("blur", clip, workspace).value < most
    assert least < 1000 * math.hypot(sigma_px, 0.3) / HEIGHT < most


def test_blur_does_not_follow_contrast_or_size(workspace: Workspace) -> None:
    view = blocks(2 * WIDTH, 2 * HEIGHT, 4)
    pale = (view * 0.4 + 80).astype(np.uint8)
    small = blocks(WIDTH, HEIGHT, 2)
    values = [
        score_of("blur", made(workspace, [each] * 4, name=str(number)), workspace).value
        for number, each in enumerate((view, pale, small))
    ]
    assert values[1] == pytest.approx(values[0], rel=0.15)
    assert values[2] == pytest.approx(values[0], rel=0.15)


def test_a_picture_without_an_edge_is_as_blurred_as_can_be(workspace: Workspace) -> None:
    plain = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    assert score_of("blur", made(workspace, [plain] * 4), workspace).value == 100


@pytest.mark.parametrize(
    ("rows", "columns", "share"), [(32, 0, 0.25), (0, 57, 0.25), (32, 57, 0.4375), (0, 0, 0.0)]
)
def test_letterbox_is_the_share_of_the_bars(
    workspace: Workspace, rows: int, columns: int, share: float
) -> None:
    views = panned(0.5, 100)
    for view in views:
        view[:rows] = view[HEIGHT - rows :] = 0
        view[:, :columns] = view[:, WIDTH - columns :] = 0
    assert score_of("letterbox", made(workspace, views), workspace).value == pytest.approx(share, abs=0.02)


def test_what_is_black_without_being_a_bar(workspace: Workspace) -> None:
    logo = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    cv2.circle(logo, (228, 128), 40, (255, 255, 255), 3)
    terminal = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for row in range(4):
        cv2.putText(terminal, "make test", (4, 20 + 20 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (200,) * 3)
    late = panned(0.5, 100)
    for view in late[:-4]:
        view[:64] = 0
    for number, views in enumerate(([logo] * 6, [terminal] * 6, late)):
        assert score_of("letterbox", made(workspace, views, name=str(number)), workspace).value == 0


def test_black_all_over_is_one_bar(workspace: Workspace) -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert score_of("letterbox", made(workspace, [black] * 6), workspace).value == 1


def written(view: np.ndarray, x: int = 40, y: int = 220) -> np.ndarray:
    shown = view.copy()
    cv2.putText(
        shown, "Breaking news of today", (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255,) * 3, 2, cv2.LINE_AA
    )
    return shown


def test_text_over_a_moving_picture_is_found_where_it_stands(workspace: Workspace) -> None:
    views = [(view * 0.4).astype(np.uint8) for view in panned(2, 60)]
    (width, height), _ = cv2.getTextSize("Breaking news of today", cv2.FONT_HERSHEY_SIMPLEX, 0.8, 2)
    share = width * height / (WIDTH * HEIGHT)
    over = made(workspace, [written(view) for view in views])
    assert score_of("text_area", over, workspace).value == pytest.approx(share, rel=0.4)
    assert score_of("text_area", made(workspace, views, name="1"), workspace).value == 0


def test_text_that_moves_with_the_scene_is_not_laid_over_it(workspace: Workspace) -> None:
    views = [
        written((view * 0.4).astype(np.uint8), x=60 - 2 * number) for number, view in enumerate(panned(2, 48))
    ]
    assert score_of("text_area", made(workspace, views), workspace).value == 0


def test_text_for_half_of_the_time_counts_half(workspace: Workspace) -> None:
    view = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    always = score_of("text_area", made(workspace, [written(view)] * 16), workspace).value
    half = score_of("text_area", made(workspace, [view] * 8 + [written(view)] * 8), workspace).value
    assert 0.2 * always < half < 0.8 * always


def tone(seconds: float, peak: float) -> np.ndarray:
    times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (peak * np.sin(2 * math.pi * 440 * times)).astype(np.float32)


@pytest.mark.parametrize(
    ("sound", "share"),
    [
        (None, 1.0),
        (tone(4, 0), 1.0),
        (tone(4, 0.3), 0.0),
        (tone(4, 0.001), 1.0),
        (np.concatenate([tone(1, 0.3), tone(3, 0)]), 0.75),
        (tone(1, 0.3), 0.75),
    ],
    ids=["no track", "digital silence", "tone", "faint tone", "tone, then silence", "sound ends early"],
)
def test_silence_is_a_share_of_the_clip(workspace: Workspace, sound: np.ndarray | None, share: float) -> None:
    black = [np.zeros((64, 64, 3), np.uint8)] * 16
    clip = made(workspace, black, 4, sound=sound)
    assert clip.duration_s == 4
    assert score_of("audio_silence", clip, workspace).value == pytest.approx(share, abs=0.02)


def test_the_level_of_silence_is_chosen(workspace: Workspace) -> None:
    black = [np.zeros((64, 64, 3), np.uint8)] * 8
    clip = made(workspace, black, 4, sound=tone(2, 0.01))  # -43 dBFS
    assert score_of("audio_silence", clip, workspace, level_dbfs=-50).value == 0
    assert score_of("audio_silence", clip, workspace, level_dbfs=-40).value == 1


FOOTAGE = {
    "single_shot/friday.mp4": {"motion": (0.01, 0.06), "static": (0, 0.1), "blur": (1.8, 3.0)},
    "single_shot/bottle-detection.mp4": {"motion": (0.002, 0.02), "static": (0.1, 0.6), "text_area": (0, 0)},
    "single_shot/chaplin.mp4": {"letterbox": (0.2, 0.25), "static": (0, 0.05)},
    "multi_shot/nasa_13013.mp4": {"letterbox": (0, 0.01)},
}


@pytest.mark.parametrize("name", FOOTAGE)
def test_real_footage(workspace: Workspace, shared_media: Path, name: str) -> None:
    clip: CutClip = as_cut(clip_of_file(workspace, shared_media / name, 0.5, 4.0))
    for filter_name, (least, most) in FOOTAGE[name].items():
        score = score_of(filter_name, clip, workspace)
        assert least <= score.value <= most, score


def test_credits_are_text_and_do_not_move(workspace: Workspace, shared_media: Path) -> None:
    credits = as_cut(clip_of_file(workspace, shared_media / "multi_shot/sintel.mp4", 49.0, 1.2))
    assert score_of("static", credits, workspace).value == 1
    assert score_of("text_area", credits, workspace).value > 0.05
