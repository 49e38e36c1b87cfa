"""Fingerprints: what they stand, on pictures that move and are encoded again in other ways."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.base.records import from_arrow, to_arrow
from curation.base.workspace import Workspace
from curation.fingerprint.phash import hashes_of
from curation.fingerprint.records import Fingerprint
from curation.fingerprint.stage import FingerprintConfig, Fingerprinter
from curation.media.encoded import luma_even
from curation.media.ffmpeg import ffmpeg_binary
from tests.curation.dedup.clips import clip_of_bytes, clip_of_frames, encode

THRESHOLD_BITS = 5.0
"""The default of the search for near-duplicates."""


def footage(seed: int, count: int = 30, width: int = 320, height: int = 180) -> list[np.ndarray]:
    """A slow pan over smooth colours with a square that crosses (RGB)."""
    random = np.random.default_rng(seed)
    coarse = random.random((7, 14, 3)).astype(np.float32)
    wall = cv2.resize(coarse, (width * 2, height), interpolation=cv2.INTER_CUBIC)
    wall = np.clip(wall * 255, 0, 255).astype(np.uint8)
    frames = []
    for number in range(count):
        frame = wall[:, 2 * number : 2 * number + width].copy()
        left = 20 + 6 * number
        cv2.rectangle(frame, (left, 60), (left + 40, 110), (255, 240, 20), -1)
        frames.append(frame)
    return frames


def fingerprint(mp4: bytes, duration_s: float = 3.0) -> np.ndarray:
    return np.array(hashes_of(luma_even(mp4, 8, duration_s)), np.int64)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.bitwise_count((a ^ b).view(np.uint64)).mean())


def _resized(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)


def _letterboxed(frame: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(frame, 40, 40, 0, 0, cv2.BORDER_CONSTANT)


def _with_logo(frame: np.ndarray) -> np.ndarray:
    frame = frame.copy()
    frame[10:22, 280:306] = 255
    return frame


CHANGES = {
    "smaller": lambda frame: _resized(frame, 160, 90),
    "another shape": lambda frame: _resized(frame, 240, 180),
    "brighter": lambda frame: np.clip(frame * 1.15 + 12, 0, 255).astype(np.uint8),
    "darker": lambda frame: (frame * 0.75).astype(np.uint8),
    "grey": lambda frame: cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
    "blurred": lambda frame: cv2.GaussianBlur(frame, (7, 7), 0),
    "letterboxed": _letterboxed,
    "a logo in a corner": _with_logo,
    "two per cent cropped": lambda frame: _resized(frame[4:-4, 6:-6], 320, 180),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_keeps_its_fingerprint(change: str) -> None:
    for seed in range(3):
        frames = footage(seed)
        copy = [CHANGES[change](frame) for frame in frames]
        assert distance(fingerprint(encode(frames)), fingerprint(encode(copy, crf=34))) <= THRESHOLD_BITS


def test_a_copy_that_starts_a_tenth_of_a_second_later_keeps_its_fingerprint() -> None:
    frames = footage(1, count=31)
    assert distance(fingerprint(encode(frames[:30])), fingerprint(encode(frames[1:]))) <= THRESHOLD_BITS


def test_other_footage_and_a_mirror_image_have_other_fingerprints() -> None:
    prints = [fingerprint(encode(footage(seed))) for seed in range(6)]
    prints += [fingerprint(encode([np.ascontiguousarray(frame[:, ::-1]) for frame in footage(0)]))]
    apart = [distance(a, b) for number, a in enumerate(prints) for b in prints[:number]]
    assert min(apart) > 3 * THRESHOLD_BITS


def test_real_footage_is_known_again_and_told_apart(shared_media: Path, tmp_path: Path) -> None:
    names = ("flower.mp4", "friday.mp4", "chaplin.mp4", "rabbit320.mp4", "flipping_a_pancake.mkv")
    good, poor = (
        [_excerpt(shared_media / "single_shot" / name, tmp_path, *how) for name in names]
        for how in (("scale=-2:256", 23), ("scale=-2:144,eq=brightness=0.04:contrast=1.1", 33))
    )
    copies = [distance(a, b) for a, b in zip(good, poor, strict=True)]
    others = [distance(a, b) for number, a in enumerate(good) for b in poor[:number]]
    assert max(copies) <= THRESHOLD_BITS, copies
    assert min(others) > 3 * THRESHOLD_BITS, others


def _excerpt(source: Path, folder: Path, graph: str, crf: int) -> np.ndarray:
    """The fingerprint of the first three seconds, encoded anew."""
    out = folder / "excerpt.mp4"
    command = [str(ffmpeg_binary()), "-nostdin", "-y", "-v", "error", "-i", str(source), "-t", "3", "-an"]
    command += [
        "-vf",
        graph,
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-bf",
        "0",
        "-crf",
        str(crf),
        str(out),
    ]
    subprocess.run(command, check=True)
    return fingerprint(out.read_bytes())


def test_frames_are_the_ones_shown_in_the_middles_of_equal_parts() -> None:
    levels = [np.full((32, 32, 3), 8 * number, np.uint8) for number in range(30)]
    means = [float(frame.mean()) for frame in luma_even(encode(levels, crf=1), 5, 3.0)]
    # Middles of parts of 0.6 s lie at frames 3, 9, 15, 21, 27.
    assert means == pytest.approx([8 * number for number in (3, 9, 15, 21, 27)], abs=2)


def test_a_clip_of_one_frame_gives_it_over_and_over() -> None:
    assert len(set(fingerprint(encode(footage(0, count=1)), 0.1).tolist())) == 1


def test_flat_clips_are_marked_and_black_borders_do_not_make_one_flat(workspace: Workspace) -> None:
    black = [np.zeros((180, 320, 3), np.uint8)] * 20
    late = black + footage(2, count=20)
    clips = [
        clip_of_frames(workspace, black, "black"),
        clip_of_frames(workspace, [frame + np.uint8(90) for frame in black], "grey"),
        clip_of_frames(workspace, black + footage(2, count=12), "mostly black"),
        clip_of_frames(workspace, late, "half black"),
        clip_of_frames(workspace, [_letterboxed(frame) for frame in footage(2)], "letterboxed"),
    ]
    stage = Fingerprinter(FingerprintConfig(), workspace)
    stage.setup()
    found = {item.clip_id: item for item in stage(clips) if isinstance(item, Fingerprint)}
    assert list(found) == [clip.clip_id for clip in clips]
    assert {name for name, item in found.items() if item.flat} == {"black", "grey", "mostly black"}
    assert found["half black"].hashes[:4] == (0, 0, 0, 0)
    assert 0 not in found["half black"].hashes[4:]
    assert from_arrow(Fingerprint, to_arrow(Fingerprint, list(found.values()))) == list(found.values())


def test_the_number_of_frames_is_configured(workspace: Workspace) -> None:
    clip = clip_of_bytes(workspace, encode(footage(3)), "a", 3.0)
    stage = Fingerprinter(FingerprintConfig(num_frames=3), workspace)
    stage.setup()
    [item] = stage([clip])
    assert isinstance(item, Fingerprint)
    assert len(item.hashes) == 3
    assert item.duration_s == 3.0
