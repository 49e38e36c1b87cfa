"""A film of any length in full HD, cheap to make and hard on a pipeline: no two of its clips are the same.

The scenes of the demo's footage are rendered once, longer than there, and encoded in full HD with a
keyframe each second. The film is then put together without encoding again: stretches of scenes that start
and end at keyframes, each of them used once, over a loop of the scenes' own sound and narration.
"""

from __future__ import annotations

import itertools
import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curation.media.ffmpeg import ffmpeg_binary
from examples.footage.film import Film
from examples.footage.films import FILMS
from examples.footage.render import render_films

WIDTH_PX, HEIGHT_PX = 1920, 1080
SCENE_S = 36
STARTS_S = range(9)
LENGTHS_S = range(8, 29)
"""Lengths of the shots: none is as long as the longest clip, so each becomes one clip."""


@dataclass(frozen=True)
class Stretch:
    """A part of a scene, in whole seconds."""

    scene: Path
    start_s: int
    length_s: int


def make_long_source(folder: Path, duration_s: int, frames_per_s: int) -> Path:
    """Put a film of this length into a folder, beside what it is made of; a film that is there stays.

    Raises:
        ValueError: there are not enough different stretches for such a length.
        subprocess.CalledProcessError: ffmpeg failed; its message is on stderr.
    """
    film = folder / f"film-{duration_s}s-{frames_per_s}fps" / "film.mp4"
    if film.exists():
        return film
    parts = folder / f"scenes-{frames_per_s}fps"
    rendered = _scenes(frames_per_s)
    render_films(rendered, parts, seed=0)
    scenes = [_in_full_hd(parts / scene.name, frames_per_s) for scene in rendered]
    _write_list(parts / "sound.txt", [parts / scene.name for scene in rendered if scene.sound is not None])
    _ffmpeg(*_joined(parts / "sound.txt"), "-vn", "-c", "copy", str(parts / "sound.m4a"))
    _write_stretches(parts / "film.txt", list(_stretches(scenes, duration_s)))
    film.parent.mkdir(exist_ok=True)
    part = film.with_suffix(".part.mp4")
    sound = ["-stream_loop", "-1", "-i", str(parts / "sound.m4a")]
    streams = ["-map", "0:v", "-map", "1:a", "-c", "copy", "-t", str(duration_s)]
    _ffmpeg(*_joined(parts / "film.txt"), *sound, *streams, str(part))
    part.replace(film)
    return film


def _scenes(frames_per_s: int) -> list[Film]:
    """Each shot of the demo as a film of its own, with the sound of the film that it was in."""
    shots = [(film, shot) for film in FILMS for shot in film.shots]
    return [
        replace(
            film,
            name=f"scene-{number:02d}.mp4",
            fps=frames_per_s,
            shots=(replace(shot, duration_s=float(SCENE_S), fps=None),),
            joins=(),
            fade_in=0,
            fade_out=0,
            hard_negatives=(),
        )
        for number, (film, shot) in enumerate(shots)
    ]


def _in_full_hd(scene: Path, frames_per_s: int) -> Path:
    path = scene.with_suffix(".hd.mp4")
    if not path.exists():
        part = path.with_suffix(".part.mp4")
        x264 = f"keyint={frames_per_s}:min-keyint={frames_per_s}:scenecut=0"
        _ffmpeg(
            *("-i", str(scene), "-an", "-vf", f"scale={WIDTH_PX}:{HEIGHT_PX}", "-c:v", "libx264"),
            *("-preset", "ultrafast", "-crf", "26", "-x264-params", x264, str(part)),
        )
        part.replace(path)
    return path


def _stretches(scenes: Sequence[Path], duration_s: int) -> Iterator[Stretch]:
    """Stretches in an order that is always the same, until they fill the film."""
    every = [Stretch(*choice) for choice in itertools.product(scenes, STARTS_S, LENGTHS_S)]
    random.Random(0).shuffle(every)
    filled_s = 0
    for stretch in every:
        if filled_s >= duration_s:
            return
        yield stretch
        filled_s += stretch.length_s
    raise ValueError(
        f"the scenes give {filled_s} s without repeating a stretch, {duration_s} s were asked for"
    )


def _write_stretches(path: Path, stretches: Sequence[Stretch]) -> None:
    path.write_text(
        "".join(
            f"file '{each.scene.name}'\ninpoint {each.start_s}\noutpoint {each.start_s + each.length_s}\n"
            for each in stretches
        )
    )


def _write_list(path: Path, files: Sequence[Path]) -> None:
    path.write_text("".join(f"file '{file.name}'\n" for file in files))


def _joined(listing: Path) -> list[str]:
    return ["-f", "concat", "-i", str(listing)]


def _ffmpeg(*arguments: str) -> None:
    command = [ffmpeg_binary(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments]
    subprocess.run(command, check=True)
