"""Which ffmpeg binary encodes, and the options with which its output repeats."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from typing import Any

SCALER = "bicubic+accurate_rnd+bitexact"
"""Flags of the scaler whose output does not depend on the CPU."""

REPEATABLE: dict[str, Any] = {
    "fflags": "+bitexact",
    "map_metadata": -1,
    "map_chapters": -1,
    "threads": 1,
}
"""Options of an output, as ffmpeg-python takes them, without which its bytes would not repeat."""


def seek_arguments(seek_s: float | None) -> list[str]:
    """Options before an input that start reading at a keyframe before a time on the file's own clock; none
    to read from its beginning."""
    if seek_s is None:
        return []
    return ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", f"{seek_s:.6f}"]


@functools.cache
def ffmpeg_binary() -> str:
    """Absolute path of the ffmpeg binary: that of `CLIPLOOM_FFMPEG`, or the pinned one of imageio-ffmpeg.

    Raises:
        ValueError: `CLIPLOOM_FFMPEG` names no executable file.
    """
    chosen = os.environ.get("CLIPLOOM_FFMPEG")
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise ValueError(
                f"CLIPLOOM_FFMPEG = {chosen!r} is no executable file. Set it to the path of an ffmpeg "
                "binary, or unset it to use the one that comes with imageio-ffmpeg."
            )
        return os.path.abspath(found)
    import imageio_ffmpeg

    return os.path.abspath(str(imageio_ffmpeg.get_ffmpeg_exe()))


@functools.cache
def ffmpeg_version() -> str:
    """First line of `ffmpeg -version`, which names the build; for fingerprints."""
    completed = subprocess.run(
        [ffmpeg_binary(), "-hide_banner", "-nostdin", "-version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return completed.stdout.decode(errors="replace").splitlines()[0]
