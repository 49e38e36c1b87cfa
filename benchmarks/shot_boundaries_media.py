"""Clips with the transitions that were marked by eye, and made sources of the sizes that speed is about."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.detect.evaluation import Interval
from curation.media.ffmpeg import ffmpeg_binary

SINGLE_SHOT_FOLDER = "single_shot"
ENLARGED = {720: 600, 1080: 300}
"""Frames of the enlarged source of each height."""

TINY_FRAMES = 24


@dataclass(frozen=True, order=True)
class Marked:
    """A transition marked by eye: last frame of the outgoing shot, first of the incoming one."""

    start: int
    end: int
    kind: str

    @property
    def interval(self) -> Interval:
        """The two frames."""
        return self.start, self.end


@dataclass(frozen=True)
class Clip:
    """A file and what was marked in it, by stream where there are several, else under None."""

    name: str
    path: Path
    marked: Mapping[int | None, tuple[Marked, ...]]

    def truth(self, stream: int) -> tuple[Marked, ...]:
        """The transitions of a stream (its index in the file)."""
        return self.marked[stream] if stream in self.marked else self.marked[None]

    @property
    def single_shot(self) -> bool:
        """Whether there is no transition in it."""
        return not any(self.marked.values())

    @property
    def several_streams(self) -> bool:
        """Whether contenders may look at different streams."""
        return len(self.marked) > 1


def read_clips(media: Path, ground_truth: Path) -> list[Clip]:
    """The clips of the ground truth, and what else lies in the folder of single shots."""
    document: dict[str, Any] = json.loads(ground_truth.read_text(encoding="utf-8"))
    clips = [
        Clip(name, media / name, _marked(entry))
        for name, entry in document.items()
        if not name.startswith("_") and (media / name).is_file()
    ]
    for path in sorted((media / SINGLE_SHOT_FOLDER).glob("*")):
        name = f"{SINGLE_SHOT_FOLDER}/{path.name}"
        if name not in document:
            clips.append(Clip(name, path, {None: ()}))
    return clips


def _marked(entry: Mapping[str, Any]) -> dict[int | None, tuple[Marked, ...]]:
    def of(listed: list[dict[str, Any]]) -> tuple[Marked, ...]:
        return tuple(sorted(Marked(each["start"], each["end"], each["type"]) for each in listed))

    streams = entry.get("streams", {})
    by_stream: dict[int | None, tuple[Marked, ...]] = {
        int(name.rpartition(":")[2]): of(stream["transitions"]) for name, stream in streams.items()
    }
    return {**by_stream, None: of(entry["transitions"])}


def made_sources(folder: Path, clips: Sequence[Clip]) -> list[Path]:
    """What speed is measured on: clips with cuts and one stream, the largest file first, long enough for
    start and end to matter little; then the first one enlarged."""
    chosen = [clip.path for clip in clips if not clip.single_shot and not clip.several_streams]
    chosen.sort(key=lambda path: -path.stat().st_size)
    enlarged = [_enlarged(folder, chosen[0], *size) for size in ENLARGED.items()] if chosen else []
    return [*(_repeated(folder, path) for path in chosen), *enlarged]


def made_tiny(folder: Path, clip: Path) -> Path:
    """The first frames of a clip."""
    target = folder / "tiny.mp4"
    _ffmpeg("-i", str(clip), "-an", "-frames:v", str(TINY_FRAMES), *_x264("ultrafast"), str(target))
    return target


def _enlarged(folder: Path, clip: Path, height_px: int, num_frames: int) -> Path:
    """A clip enlarged to 16:9 with grain."""
    target = folder / f"{height_px}p.mp4"
    filters = f"scale={height_px * 16 // 9}:{height_px},setsar=1,noise=alls=4:allf=t"
    _ffmpeg(
        *("-i", str(clip), "-an", "-frames:v", str(num_frames), "-vf", filters),
        *_x264("veryfast"),
        str(target),
    )
    return target


def _repeated(folder: Path, clip: Path) -> Path:
    """A clip twice in a row, not encoded anew."""
    target = folder / f"twice-{clip.stem}.mp4"
    _ffmpeg("-stream_loop", "1", "-i", str(clip), "-map", "0:v:0", "-c", "copy", str(target))
    return target


def _x264(preset: str) -> tuple[str, ...]:
    return ("-c:v", "libx264", "-preset", preset, "-pix_fmt", "yuv420p")


def _ffmpeg(*arguments: str) -> None:
    command = [ffmpeg_binary(), "-hide_banner", "-nostdin", "-y", "-loglevel", "error", *arguments]
    subprocess.run(command, check=True)
