"""Frames and sound to a video file; the same ones give the same bytes."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from curation.media.ffmpeg import ffmpeg_binary
from examples.footage.canvas import HEIGHT, WIDTH, Image
from examples.footage.sound import SAMPLE_RATE_HZ, Stereo

TICKS_PER_S = 600
"""Frames fall on multiples of 1/600 s, which 20, 24, 25, 30 and 60 frames per second divide."""


def encode(path: Path, frames: Iterable[Image], rates: Sequence[int], sound: Stereo | None) -> None:
    """Write an H.264 (and AAC) file; `rates` gives each frame's rate, so it may vary.

    Raises:
        subprocess.CalledProcessError: ffmpeg failed; its message is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        inputs = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(rates[0])]
        inputs += ["-i", "pipe:0"]
        if sound is not None:
            _write_wav(Path(folder) / "sound.wav", sound)
            inputs += ["-i", str(Path(folder) / "sound.wav"), "-c:a", "aac", "-b:a", "112k"]
        part = path.with_name(f"{path.stem}.part{path.suffix}")
        command = [ffmpeg_binary(), "-hide_banner", "-loglevel", "error", "-y", *inputs]
        command += ["-filter_threads", "1", "-vf", _filters(rates), "-fps_mode", "passthrough"]
        command += [
            "-enc_time_base",
            f"1:{TICKS_PER_S}",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "21",
        ]
        command += ["-g", "60", "-threads", "1", "-x264-params", "cpu-independent=1", "-pix_fmt", "yuv420p"]
        command += [
            "-fflags",
            "+bitexact",
            "-flags:v",
            "+bitexact",
            "-flags:a",
            "+bitexact",
            "-map_metadata",
            "-1",
        ]
        process = subprocess.Popen([*command, str(part)], stdin=subprocess.PIPE)
        assert process.stdin is not None
        try:
            for frame in frames:
                process.stdin.write(frame.tobytes())
            process.stdin.close()
        except BrokenPipeError:
            # ffmpeg has said why on stderr; its exit status is raised below.
            pass
        if process.wait() != 0:
            raise subprocess.CalledProcessError(process.returncode, command[:1])
        part.replace(path)


def _filters(rates: Sequence[int]) -> str:
    """Colours to BT.601 limited range, and the time of each frame where the rate changes."""
    start, start_s, times = 0, 0.0, []
    for rate, group in groupby(rates):
        count = len(list(group))
        times.append((start + count, f"({start_s:.6f}+(N-{start})/{rate})"))
        start, start_s = start + count, start_s + count / rate
    expression = times[-1][1]
    for end, time in reversed(times[:-1]):
        expression = f"if(lt(N,{end}),{time},{expression})"
    ticks = f"settb=1/{TICKS_PER_S},setpts='round({expression}*{TICKS_PER_S})'"
    return f"scale=flags=bicubic+accurate_rnd+bitexact,format=yuv420p,{ticks}"


def _write_wav(path: Path, sound: Stereo) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.round(sound * 32_000).astype("<i2").tobytes())
