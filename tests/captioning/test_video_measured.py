"""The measured video captioner says what is so: on pictures whose truth is known, and on footage."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from captioning.records import Caption, Modality
from captioning.video.colours import NAMED_COLOURS, ColourNames
from captioning.video.measured import MeasuredVideoCaptioner, MeasuredVideoConfig
from curation.base.workspace import Workspace
from curation.filters.measures.edge_blur import edge_blur_px
from curation.filters.measures.text_rows import text_rows
from curation.records import Clip
from tests.captioning.measured_clips import clip_of_file, clip_of_frames

FPS = 25
WIDTH, HEIGHT = 384, 256


@pytest.fixture
def captioner(workspace: Workspace) -> MeasuredVideoCaptioner:
    stage = MeasuredVideoCaptioner(MeasuredVideoConfig(), workspace)
    stage.setup()
    return stage


def caption(captioner: MeasuredVideoCaptioner, clip: Clip) -> Caption:
    [found] = list(captioner([clip]))
    assert isinstance(found, Caption)
    assert found.modality is Modality.VIDEO
    assert found.text == " ".join(line.text for line in found.segments)
    assert all(0 <= line.start_s <= line.end_s <= clip.duration_s + 1e-3 for line in found.segments)
    assert all(0 <= line.confidence <= 1 for line in found.segments)
    return found


def texture(width: int = 1600, height: int = 1200, seed: int = 0) -> np.ndarray:
    """Smooth random colours with detail of several sizes (BGR)."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cell_px in (8, 24, 80):
        coarse = random.random((height // cell_px + 1, width // cell_px + 1, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total * 85, 0, 255).astype(np.uint8)


def seen_by_camera(
    duration_s: float,
    right_px_s: float = 0,
    down_px_s: float = 0,
    zoom_per_s: float = 1,
    roll_deg_s: float = 0,
    shake_px: float = 0,
    moving_s: tuple[float, float] | None = None,
) -> Iterator[np.ndarray]:
    """Pictures of a camera that moves over a textured plane, all of the time or in a span."""
    plane, random = texture(), np.random.default_rng(3)
    begin_s, end_s = moving_s or (0, duration_s)
    for number in range(round(duration_s * FPS)):
        seconds = np.clip(number / FPS, begin_s, end_s) - begin_s
        offset = random.uniform(-shake_px, shake_px, 2)
        centre = np.array([500 + right_px_s * seconds, 600 + down_px_s * seconds]) + offset
        # A camera that rolls clockwise sees the world turn anticlockwise.
        turn = cv2.getRotationMatrix2D(tuple(centre), roll_deg_s * seconds, zoom_per_s**seconds)
        turn[:, 2] += np.array([WIDTH / 2, HEIGHT / 2]) - centre
        yield cv2.warpAffine(plane, turn, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)


def measured(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    assert found is not None, f"no {pattern!r} in {text!r}"
    return float(found[1])


def test_a_still_camera(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    text = caption(captioner, clip_of_frames(workspace, seen_by_camera(2), FPS)).text
    assert text.startswith("The clip lasts 2.0 s. The camera is static. Nothing moves in the picture.")


@pytest.mark.parametrize(
    ("motion", "pattern", "expected"),
    [
        ({"right_px_s": 100}, r"pans to the right \(by (\d+) % of the picture's width\)", 52),
        ({"right_px_s": -60}, r"pans to the left \(by (\d+) % of the picture's width\)", 31),
        ({"down_px_s": -50}, r"tilts up \(by (\d+) % of the picture's height\)", 39),
        ({"down_px_s": 80}, r"tilts down \(by (\d+) % of the picture's height\)", 62),
        ({"zoom_per_s": 1.3}, r"moves or zooms in \(by a factor of ([\d.]+)\)", 1.69),
        ({"zoom_per_s": 0.8}, r"moves or zooms out \(by a factor of ([\d.]+)\)", 1.56),
        ({"roll_deg_s": 20}, r"rolls clockwise \(by (\d+) degrees\)", 40),
        ({"roll_deg_s": -20}, r"rolls anticlockwise \(by (\d+) degrees\)", 40),
    ],
)
def test_one_motion_of_the_camera(
    captioner: MeasuredVideoCaptioner,
    workspace: Workspace,
    motion: dict[str, float],
    pattern: str,
    expected: float,
) -> None:
    text = caption(captioner, clip_of_frames(workspace, seen_by_camera(2, **motion), FPS)).text
    # The last step ends up to 0.1 s before the clip does.
    assert measured(text, pattern) == pytest.approx(expected, rel=0.1)
    assert text.count("The camera") == 1
    assert "Much of the picture moves" not in text


def test_a_whip_pan(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    clip = clip_of_frames(workspace, seen_by_camera(2, right_px_s=800, moving_s=(0.8, 1.2)), FPS)
    [pan] = [line for line in caption(captioner, clip).segments if "pans" in line.text]
    assert measured(pan.text, r"to the right \(by (\d+) %") == pytest.approx(83, rel=0.1)
    assert pan.start_s == pytest.approx(0.8, abs=0.3)
    assert pan.end_s == pytest.approx(1.2, abs=0.3)


def test_a_pan_has_its_times(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    clip = clip_of_frames(workspace, seen_by_camera(4, right_px_s=100, moving_s=(1, 2.5)), FPS)
    [pan] = [line for line in caption(captioner, clip).segments if "pans" in line.text]
    assert pan.start_s == pytest.approx(1, abs=0.3)
    assert pan.end_s == pytest.approx(2.5, abs=0.3)
    assert re.search(r"from (0\.[789]|1\.[0-3]) s to 2\.\d s\.$", pan.text)


def test_there_and_back_are_two_pans(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    there = list(seen_by_camera(2, right_px_s=100))
    text = caption(captioner, clip_of_frames(workspace, there + there[::-1], FPS)).text
    assert text.index("pans to the right") < text.index("pans to the left")


def test_a_shaky_camera(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    text = caption(captioner, clip_of_frames(workspace, seen_by_camera(3, shake_px=4), FPS)).text
    assert "The camera shakes" in text
    assert "pans" not in text


def test_an_object_moves_before_a_still_camera(
    captioner: MeasuredVideoCaptioner, workspace: Workspace
) -> None:
    ground, ball = texture()[:HEIGHT, :WIDTH], texture(seed=9)[:60, :60]

    def pictures() -> Iterator[np.ndarray]:
        for number in range(3 * FPS):
            picture = ground.copy()
            picture[100:160, 4 * number : 4 * number + 60] = ball
            yield picture

    text = caption(captioner, clip_of_frames(workspace, pictures(), FPS)).text
    assert "The camera is static." in text
    # 60 x 60 px move, and uncover as much of the ground as they travel.
    assert 2 <= measured(text, r"motion in the picture \((\d+) % of it changes") <= 6


def test_much_moves(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    random = np.random.default_rng(5)
    pictures = [
        cv2.resize(random.integers(0, 255, (16, 24, 3)).astype(np.uint8), (WIDTH, HEIGHT)) for _ in range(50)
    ]
    text = caption(captioner, clip_of_frames(workspace, pictures, FPS)).text
    assert "Much of the picture moves" in text
    assert "The camera" not in text


@pytest.mark.parametrize(
    ("bgr", "light", "colour"),
    [
        ((0, 0, 0), "dark (mean brightness 0 %)", "black"),
        ((255, 255, 255), "bright (mean brightness 100 %)", "white"),
        ((128, 128, 128), "of medium brightness (mean brightness 50 %)", "grey"),
        ((0, 0, 255), "dim (mean brightness 30 %)", "red"),
        ((0, 160, 0), "of medium brightness (mean brightness 37 %)", "green"),
        ((255, 0, 0), "dark (mean brightness 11 %)", "blue"),
        ((0, 255, 255), "bright (mean brightness 89 %)", "yellow"),
        ((0, 140, 255), "bright (mean brightness 62 %)", "orange"),
        ((80, 20, 20), "dark (mean brightness 11 %)", "dark blue"),
    ],
)
def test_one_colour(
    captioner: MeasuredVideoCaptioner,
    workspace: Workspace,
    bgr: tuple[int, int, int],
    light: str,
    colour: str,
) -> None:
    picture = np.full((HEIGHT, WIDTH, 3), bgr, np.uint8)
    found = caption(captioner, clip_of_frames(workspace, [picture] * FPS, FPS))
    words, brightness = light.rsplit("brightness ", 1)
    said = next(line.text for line in found.segments if "mean brightness" in line.text)
    assert said.rsplit("brightness ", 1)[0] == f"The picture is {words}"
    assert measured(said, r"brightness (\d+) %") == pytest.approx(int(brightness.split()[0]), abs=4)
    assert f"The picture is entirely {colour} (100 %)." in found.text
    assert "Nothing moves in the picture." in found.text
    assert "The camera" not in found.text
    assert "edges" not in found.text


def test_each_example_of_a_colour_has_its_name() -> None:
    names = [name for name, _ in NAMED_COLOURS]
    for index, (_, shades) in enumerate(NAMED_COLOURS):
        for red, green, blue in shades:
            shares = ColourNames().shares(np.full((32, 32, 3), (blue, green, red), np.uint8))
            assert shares[index] == 1, names[int(shares.argmax())]


def test_two_colours_with_their_shares(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    picture = np.full((HEIGHT, WIDTH, 3), (0, 0, 200), np.uint8)
    picture[:, : WIDTH * 3 // 4] = (100, 20, 10)
    text = caption(captioner, clip_of_frames(workspace, [picture] * FPS, FPS)).text
    assert "The picture is mostly dark blue (75 %) and red (25 %)." in text


def test_fades(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    picture = texture()[:HEIGHT, :WIDTH].astype(np.float32)
    gains = np.concatenate([np.linspace(0, 1, FPS), np.ones(2 * FPS), np.linspace(1, 0, FPS)])
    dark = caption(
        captioner, clip_of_frames(workspace, [(picture * gain).astype(np.uint8) for gain in gains], FPS)
    )
    assert measured(dark.text, r"fades in from black until ([\d.]+) s") == pytest.approx(1, abs=0.2)
    assert measured(dark.text, r"fades to black from ([\d.]+) s on") == pytest.approx(3, abs=0.2)
    pale = [(255 - (255 - picture) * gain).astype(np.uint8) for gain in gains[: 3 * FPS]]
    light = caption(captioner, clip_of_frames(workspace, pale, FPS, name="pale"))
    assert measured(light.text, r"fades in from white until ([\d.]+) s") == pytest.approx(1, abs=0.2)
    assert "black" not in " ".join(line.text for line in light.segments if "fades" in line.text)


def test_a_cut_from_black_is_no_fade(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    picture = texture()[:HEIGHT, :WIDTH]
    pictures = [np.zeros_like(picture)] * FPS + [picture] * FPS
    assert "fades" not in caption(captioner, clip_of_frames(workspace, pictures, FPS)).text


def test_it_becomes_brighter(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    picture = texture()[:HEIGHT, :WIDTH].astype(np.float32)
    pictures = [(picture * gain).astype(np.uint8) for gain in np.linspace(0.4, 1, 3 * FPS)]
    text = caption(captioner, clip_of_frames(workspace, pictures, FPS)).text
    assert re.search(r"The picture becomes brighter \(from 2\d % to \d\d %\)\.", text)
    assert "The camera is static." in text
    assert "Much of the picture moves" not in text


@pytest.mark.parametrize(("sigma_px", "words"), [(0, "sharp"), (1.2, "rather soft"), (3, "blurry")])
def test_sharpness(
    captioner: MeasuredVideoCaptioner, workspace: Workspace, sigma_px: float, words: str
) -> None:
    text = caption(captioner, clip_of_frames(workspace, [bars(sigma_px)] * 10, FPS)).text
    assert f"The picture is {words} (its finest edges are blurred by about" in text


def bars(sigma_px: float, period_px: int = 48, low: int = 0, high: int = 200) -> np.ndarray:
    picture = np.full((HEIGHT, WIDTH, 3), low, np.uint8)
    for x in range(0, WIDTH, period_px):
        picture[:, x : x + period_px // 2] = high
    return cv2.GaussianBlur(picture, (0, 0), sigma_px) if sigma_px else picture


@pytest.mark.parametrize("sigma_px", [1.0, 1.5, 2.0, 3.0])
def test_blur_is_measured_whatever_contrast_and_number_of_edges(sigma_px: float) -> None:
    for picture in (bars(sigma_px), bars(sigma_px, low=90, high=150), bars(sigma_px, period_px=128)):
        assert edge_blur_px(picture) == pytest.approx(sigma_px, rel=0.15)


def written_on(picture: np.ndarray, text: str, height_px: int, bgr: tuple[int, int, int]) -> np.ndarray:
    written = picture.copy()
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, height_px, 2)
    place = (20, picture.shape[0] - 40)
    cv2.putText(written, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, bgr, 2, cv2.LINE_AA)
    return written


@pytest.mark.parametrize("height_px", [14, 20, 32])
@pytest.mark.parametrize(("ground", "ink"), [(30, (255, 255, 255)), (220, (20, 20, 20))])
def test_writing_is_found(height_px: int, ground: int, ink: tuple[int, int, int]) -> None:
    plain = np.full((360, 640, 3), ground, np.uint8)
    [row] = text_rows(written_on(plain, "Every day counts", height_px, ink))
    assert row.num_letters >= 12
    assert row.top < (360 - 40) / 360 < row.bottom
    assert row.left < 0.05


def test_what_is_no_writing() -> None:
    plain = np.full((360, 640, 3), 40, np.uint8)
    fence = plain.copy()
    for x in range(0, 640, 20):
        fence[150:200, x : x + 6] = 220
    bricks = np.full((360, 640, 3), 90, np.uint8)
    for row, y in enumerate(range(0, 360, 24)):
        bricks[y : y + 3] = 200
        for x in range(24 * (row % 2), 640, 48):
            bricks[y : y + 24, x : x + 3] = 200
    grain = np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    for picture in (plain, fence, bricks, grain, texture(640, 360)):
        assert text_rows(picture) == []


def test_text_has_its_times(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    picture = np.full((360, 640, 3), (90, 60, 40), np.uint8)
    title = written_on(picture, "Every day counts", 28, (255, 255, 255))
    clip = clip_of_frames(workspace, [picture] * 60 + [title] * 60, FPS)
    [text] = [line for line in caption(captioner, clip).segments if "Text" in line.text]
    assert re.fullmatch(r"Text is likely shown on screen from 2\.\d s on \(1 line\)\.", text.text)
    assert text.start_s == pytest.approx(2.4, abs=0.6)


def test_no_text(captioner: MeasuredVideoCaptioner, workspace: Workspace) -> None:
    text = caption(captioner, clip_of_frames(workspace, seen_by_camera(1), FPS)).text
    assert "No text was found on screen." in text


@pytest.mark.parametrize("size", [(2, 2), (16, 16), (300, 20)])
def test_odd_sizes_and_a_single_picture(
    captioner: MeasuredVideoCaptioner, workspace: Workspace, size: tuple[int, int]
) -> None:
    pictures = [np.full((size[1], size[0], 3), 77, np.uint8)]
    assert "The picture is" in caption(captioner, clip_of_frames(workspace, pictures, FPS)).text


def test_footage(captioner: MeasuredVideoCaptioner, workspace: Workspace, shared_media: Path) -> None:
    def text_of(name: str, start_s: float, duration_s: float) -> str:
        clip = clip_of_file(workspace, shared_media / name, start_s, duration_s)
        return caption(captioner, clip).text

    bottles = text_of("single_shot/bottle-detection.mp4", 0, 4)
    assert "The camera is static." in bottles
    assert "No text was found" in bottles
    assert "mostly grey" in bottles
    whip = text_of("single_shot/talking_head_60fps.mp4", 7, 5)
    assert "pans to the right" in whip
    assert "moves or zooms out" in whip
    meadow = text_of("multi_shot/big_buck_bunny_480p.mp4", 0, 6)
    assert "fades in from black" in meadow
    assert "tilts down" in meadow
    pig = text_of("single_shot/pig.webm", 0, 4)
    assert "moves or zooms in" in pig
    assert "mostly brown" in pig
    flower = text_of("single_shot/flower.mp4", 0, 3)
    assert "The picture is sharp" in flower
    assert "No text was found" in flower


@pytest.mark.parametrize(
    ("start_s", "duration_s", "shown"),
    [
        (9.6, 2, True),
        (43, 4, True),
        (48.5, 2, True),
        (6, 3, False),
        (19, 2, False),
        (24, 1, False),
        (37, 3, False),
    ],
)
def test_title_cards(
    captioner: MeasuredVideoCaptioner,
    workspace: Workspace,
    shared_media: Path,
    start_s: float,
    duration_s: float,
    shown: bool,
) -> None:
    clip = clip_of_file(workspace, shared_media / "multi_shot" / "sintel.mp4", start_s, duration_s)
    text = caption(captioner, clip).text
    assert ("Text is likely shown on screen" in text) == shown


def test_the_same_caption_in_any_process_and_whatever_threads(
    captioner: MeasuredVideoCaptioner, workspace: Workspace
) -> None:
    clip = clip_of_frames(workspace, seen_by_camera(1, right_px_s=90, shake_px=2), FPS)
    first = caption(captioner, clip)
    cv2.setNumThreads(4)
    cv2.setRNGSeed(12345)
    assert caption(captioner, clip) == first
    code = (
        "import pickle, sys, cv2; cv2.setNumThreads(2); run, clip = pickle.load(sys.stdin.buffer);"
        "from curation.base.workspace import Workspace;"
        "from captioning.video.measured import MeasuredVideoCaptioner, MeasuredVideoConfig;"
        "stage = MeasuredVideoCaptioner(MeasuredVideoConfig(), Workspace.open(run)); stage.setup();"
        "[caption] = stage([clip]); print(caption.digest())"
    )
    import pickle

    given = pickle.dumps((workspace.storage.url, clip))
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, check=True)
    assert done.stdout.decode().strip() == first.digest()


def test_nothing_heavy_is_imported_with_the_stage() -> None:
    code = (
        "import sys, captioning.video.measured, captioning.audio.measured;"
        "assert not {'cv2', 'av', 'torch', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
