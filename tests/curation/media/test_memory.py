"""Memory of a decoding child does not grow with what it decodes."""

from __future__ import annotations

from pathlib import Path

from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox
from tests.curation.media.made import make, moving_picture

SMALLEST_BYTES = 384 << 20
FRAMES = 250


def test_frames_are_let_go_as_soon_as_they_are_sent(tmp_path: Path) -> None:
    """250 frames of 3 MB that all decode alone would fill the address space twice over."""
    every_frame_a_keyframe = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "1"]
    picture = moving_picture("1920x1080", seconds=FRAMES / 25)
    path = make(tmp_path / "film.mp4", *picture, *every_frame_a_keyframe)
    sandbox = Sandbox(DecodeLimits(address_space_bytes=SMALLEST_BYTES))
    frames = sandbox.frames(path, "mov", 0, width_px=48, height_px=27)
    assert sum(frame.key for frame in frames) == FRAMES
