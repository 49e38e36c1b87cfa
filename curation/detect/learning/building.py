"""Building a pool: procedural scenes, the user's footage and the user's pictures, in that order."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from curation.detect.learning.footage import footage_shots, sha256_of
from curation.detect.learning.pool import MAX_FRAMES, Frames, ShotInfo, write_pool
from curation.detect.learning.procedural import KINDS, render_scene
from curation.media.sandbox import DecodeError

_log = logging.getLogger(__name__)

_FPS = (12.0, 15.0, 24.0, 25.0, 30.0, 50.0, 60.0)
_FPS_SHARES = (0.03, 0.07, 0.25, 0.25, 0.25, 0.05, 0.1)
_FAMILY_SIZES = (1, 2, 3, 4)
_SHOTS_PER_PICTURE = 3
_MIN_MADE_FRAMES = 60
_PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_CHUNK = 8

_SCENES, _FAMILIES, _PICTURES = range(3)
"""First number of the spawn key of each random stream."""

Shot = tuple[ShotInfo, Frames]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class PoolSource:
    """What a pool took from a file, or from a kind of procedural scene (then there is no `sha256`)."""

    name: str
    kind: str
    num_shots: int
    num_frames: int
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class PoolReport:
    """What went into a pool, for the card of a model trained on it; `skipped` has a line for each file that
    could not be used."""

    num_shots: int
    num_frames: int
    sources: tuple[PoolSource, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class _SceneJob:
    seed: int
    number: int
    family: int
    kind: str
    fps: float
    look_seed: int


@dataclass(frozen=True)
class _PictureJob:
    seed: int
    number: int
    path: Path
    name: str


def build_pool(
    folder: Path,
    *,
    scenes: int,
    footage: Sequence[Path],
    pictures: Sequence[Path],
    seed: int,
    processes: int,
) -> PoolReport:
    """Write a pool of `scenes` procedural shots, of videos (each file one shot) and of photographs.

    `footage` and `pictures` are files, or folders that are searched through; hidden files are passed over.
    The same seed and files give the same pool, whatever the number of processes.

    Raises:
        ValueError: `folder` is there already, a path is not there, or nothing could be used.
    """
    skipped: list[str] = []
    jobs = [*_scene_jobs(scenes, seed)]
    videos = _files_below(footage, None)
    photographs = _files_below(pictures, _PICTURE_SUFFIXES)
    picture_jobs = [_PictureJob(seed, number, *named) for number, named in enumerate(photographs)]

    def shots() -> Iterator[Shot]:
        yield from _mapped(_render, jobs, processes)
        yield from _footage(videos, skipped)
        for found in _mapped(_film_picture, picture_jobs, processes):
            if isinstance(found, str):
                _skip(skipped, found)
            else:
                yield from found

    written = write_pool(folder, shots())
    return PoolReport(
        num_shots=len(written),
        num_frames=sum(info.num_frames for info in written),
        sources=tuple(_sources(written)),
        skipped=tuple(skipped),
    )


def _scene_jobs(scenes: int, seed: int) -> Iterator[_SceneJob]:
    """Scenes in families: shots that follow each other and share a look."""
    kinds, weights = list(KINDS), np.array(list(KINDS.values()))
    number = family = 0
    while number < scenes:
        rng = _rng(seed, _FAMILIES, family)
        usual = str(rng.choice(kinds, p=weights / weights.sum()))
        fps = float(rng.choice(_FPS, p=_FPS_SHARES))
        look_seed = int(rng.integers(1 << 62))
        for _ in range(min(int(rng.choice(_FAMILY_SIZES)), scenes - number)):
            kind = usual if rng.uniform() < 0.75 else str(rng.choice(kinds, p=weights / weights.sum()))
            yield _SceneJob(seed, number, family, kind, fps, look_seed)
            number += 1
        family += 1


def _render(job: _SceneJob) -> Shot:
    rng = _rng(job.seed, _SCENES, job.number)
    num_frames = int(rng.integers(_MIN_MADE_FRAMES, MAX_FRAMES + 1))
    frames = render_scene(job.kind, rng, num_frames, job.fps, look_seed=job.look_seed)
    info = ShotInfo(kind=job.kind, source="procedural", fps=job.fps, family=f"procedural/{job.family}")
    return info, frames


def _film_picture(job: _PictureJob) -> list[Shot] | str:
    """Shots of a photograph, or why there are none."""
    from curation.detect.learning.scenes.pictures import BadPicture, picture_scene, read_picture

    try:
        picture = read_picture(job.path)
    except BadPicture as error:
        return f"{job.path}: {error}"
    rng = _rng(job.seed, _PICTURES, job.number)
    look_seed, fps = int(rng.integers(1 << 62)), float(rng.choice(_FPS, p=_FPS_SHARES))
    info = ShotInfo(
        kind="picture", source=job.name, fps=fps, family=f"picture/{job.name}", sha256=sha256_of(job.path)
    )
    shots: list[Shot] = []
    for _ in range(_SHOTS_PER_PICTURE):
        num_frames = int(rng.integers(_MIN_MADE_FRAMES, MAX_FRAMES + 1))
        shots.append((info, picture_scene(picture, rng, num_frames, fps, look_seed=look_seed)))
    return shots


def _footage(videos: Iterable[tuple[Path, str]], skipped: list[str]) -> Iterator[Shot]:
    """Shots of each video; a second file with the same bytes is skipped."""
    seen: dict[str, str] = {}
    for path, name in videos:
        first = seen.setdefault(sha256_of(path), name)
        if first != name:
            _skip(skipped, f"{path}: is a copy of {first}")
            continue
        try:
            yield from footage_shots(path, name)
        except DecodeError as error:
            _skip(skipped, f"{path}: {error.detail}")


def _skip(skipped: list[str], line: str) -> None:
    _log.warning("not in the pool: %s", line)
    skipped.append(line)


def _files_below(paths: Sequence[Path], suffixes: frozenset[str] | None) -> list[tuple[Path, str]]:
    """Each file with its name relative to the folder that was given."""
    found: list[tuple[Path, str]] = []
    for root in paths:
        if not root.exists():
            raise ValueError(f"{root}: not there. Give a file, or a folder of files.")
        files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        for path in files:
            name = path.name if path == root else path.relative_to(root).as_posix()
            hidden = any(part.startswith(".") for part in Path(name).parts)
            if not hidden and (suffixes is None or path.suffix.lower() in suffixes):
                found.append((path, name))
    return found


J = TypeVar("J")


def _mapped(work: Callable[[J], T], jobs: Sequence[J], processes: int) -> Iterator[T]:
    """Results in the order of the jobs; few are held at a time."""
    if processes == 1 or len(jobs) < 2 * _CHUNK:
        yield from map(work, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_one_thread) as executor:
        remaining = iter(jobs)
        while block := list(islice(remaining, 8 * _CHUNK * processes)):
            yield from executor.map(work, block, chunksize=_CHUNK)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _sources(written: Iterable[ShotInfo]) -> Iterator[PoolSource]:
    groups: dict[tuple[str, str, str | None], list[int]] = {}
    for info in written:
        groups.setdefault((info.source, info.kind, info.sha256), []).append(info.num_frames)
    for (name, kind, sha256), lengths in sorted(groups.items(), key=lambda item: str(item[0])):
        yield PoolSource(name=name, kind=kind, num_shots=len(lengths), num_frames=sum(lengths), sha256=sha256)
