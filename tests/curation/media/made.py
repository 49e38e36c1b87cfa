"""Small media made with the pinned ffmpeg."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from curation.media.ffmpeg import ffmpeg_binary


def make(path: Path, *arguments: str) -> Path:
    """Run ffmpeg with some arguments and the path as its output."""
    run_ffmpeg(*arguments, "-y", str(path))
    return path


def run_ffmpeg(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """ffmpeg without any hardening, as a user would run it."""
    return subprocess.run(
        [ffmpeg_binary(), "-hide_banner", "-nostdin", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=120,
    )


def moving_picture(size: str = "160x120", rate: str = "25", seconds: float = 2.0) -> list[str]:
    """Input arguments of a moving picture."""
    return ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}"]


def tone(seconds: float = 2.0, sample_rate_hz: int = 44100) -> list[str]:
    """Input arguments of a 440 Hz sine."""
    return ["-f", "lavfi", "-i", f"sine=f=440:r={sample_rate_hz}:d={seconds}"]


def pts_by_ffmpeg(path: Path, container: str, stream: int) -> list[int]:
    """pts of the frames that the ffmpeg command decodes from a stream."""
    shown = run_ffmpeg(
        *("-copyts", "-threads", "1", "-f", container, "-i", str(path), "-map", f"0:{stream}"),
        *("-fps_mode", "passthrough", "-vf", "showinfo", "-f", "null", "-"),
    ).stderr
    return [int(number) for number in re.findall(rb"pts:\s*(-?\d+)", shown)]


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if fields[0] != "Z" and int(fields[1]) == pid:
            found.append(int(entry.name))
    return found


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def open_descriptors() -> int:
    """How many files this process holds open."""
    return len(os.listdir("/proc/self/fd"))
