"""Small videos for tests of whole runs, made by the pinned ffmpeg in a second or two."""

from __future__ import annotations

import subprocess
from pathlib import Path

from curation.media.ffmpeg import ffmpeg_binary

SCENES = (
    "testsrc2=size=320x180:rate=25:duration={s}",
    "mandelbrot=size=320x180:rate=25:end_scale=0.1,trim=duration={s}",
    "rgbtestsrc=size=320x180:rate=25:duration={s},scroll=vertical=0.004:horizontal=0.002",
    "smptebars=size=320x180:rate=25:duration={s},scroll=horizontal=0.004",
)


TURN_RAD = 0.6
"""Pictures of one seed stand at another angle than those of the next, or they would be near-duplicates."""


def make_video(path: Path, *, seed: int, shots: int = 3, shot_s: float = 2.0, sound: bool = True) -> None:
    """A video of hard cuts between unlike pictures that move, with a tone of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = [
        SCENES[(seed + number) % len(SCENES)].format(s=shot_s) + f",rotate={seed * TURN_RAD:g}"
        for number in range(shots)
    ]
    inputs = [argument for scene in chosen for argument in ("-f", "lavfi", "-i", scene)]
    joined = "".join(f"[{number}:v]setsar=1,format=yuv420p[v{number}];" for number in range(shots))
    joined += "".join(f"[v{number}]" for number in range(shots)) + f"concat=n={shots}:v=1[v]"
    audio = []
    if sound:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={220 + 55 * seed}:duration={shots * shot_s}"]
        audio = ["-map", f"{shots}:a", "-c:a", "aac", "-shortest"]
    command = [
        str(ffmpeg_binary()), "-nostdin", "-y", "-loglevel", "error", *inputs,
        "-filter_complex", joined, "-map", "[v]", *audio,
        "-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def make_folder(folder: Path, count: int) -> Path:
    """A folder of videos that differ; the last one is silent. Shots are longer than the shortest clip by more
    than a detector may be off."""
    for seed in range(count):
        make_video(folder / f"video_{seed}.mp4", seed=seed, shot_s=2.4, sound=seed != count - 1)
    return folder
