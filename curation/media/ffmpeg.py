"""Which ffmpeg binary encodes."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess


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
