"""The pool of single shots that training samples are joined from: one array on disk, and what is in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from curation.detect.detector import FRAME_HEIGHT_PX, FRAME_WIDTH_PX

Frames = npt.NDArray[np.uint8]

FRAME_SHAPE = (FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3)
MIN_FRAMES = 24
MAX_FRAMES = 240
"""Bounds on the length of a shot in the pool, in frames."""

_FRAMES_NAME = "frames.npy"
_SHOTS_NAME = "shots.json"


@dataclass(frozen=True, kw_only=True)
class ShotInfo:
    """What is known of a shot. `kind` is a kind of procedural scene, "picture" or "footage"; `source` names
    the file or generator it came from. Shots of one `family` show different views of one place, as the
    shots of a film's scene or the slides of a talk do; `sha256` is of the file, if it came from one.
    `first` and `num_frames` say where it lies in the pool; `write_pool` sets them."""

    kind: str
    source: str
    fps: float
    family: str | None = None
    sha256: str | None = None
    first: int = 0
    num_frames: int = 0


class ShotPool:
    """Single shots of uint8 RGB frames at 48x27, read from disk as they are asked for."""

    def __init__(self, frames: Frames, shots: Iterable[ShotInfo]) -> None:
        self._frames = frames
        self._shots = tuple(shots)

    @classmethod
    def open(cls, folder: Path) -> ShotPool:
        """A pool that `write_pool` wrote.

        Raises:
            ValueError: the folder holds no pool, or one that does not fit together.
        """
        try:
            frames = np.load(folder / _FRAMES_NAME, mmap_mode="r", allow_pickle=False)
            listed = json.loads((folder / _SHOTS_NAME).read_text(encoding="utf-8"))
            shots = [ShotInfo(**row) for row in listed]
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f"{folder}: no pool of shots ({error}). Build it again.") from None
        if frames.dtype != np.uint8 or frames.shape[1:] != FRAME_SHAPE:
            raise ValueError(
                f"{folder}: {_FRAMES_NAME} holds {frames.dtype} {frames.shape}, "
                f"not uint8 [frames, {', '.join(map(str, FRAME_SHAPE))}]. Build the pool again."
            )
        ends = [0, *(shot.first + shot.num_frames for shot in shots)]
        if [shot.first for shot in shots] != ends[:-1] or ends[-1] != len(frames):
            raise ValueError(
                f"{folder}: {_SHOTS_NAME} does not cover the {len(frames)} frames of {_FRAMES_NAME} "
                "one shot after another. Build the pool again."
            )
        return cls(frames, shots)

    def __len__(self) -> int:
        return len(self._shots)

    def frames(self, index: int) -> Frames:
        """Frames of a shot, uint8 [n, 27, 48, 3] (RGB): a view of the file, not writable."""
        shot = self._shots[index]
        return self._frames[shot.first : shot.first + shot.num_frames]

    def info(self, index: int) -> ShotInfo:
        """What is known of a shot."""
        return self._shots[index]


def write_pool(folder: Path, shots: Iterable[tuple[ShotInfo, Frames]]) -> list[ShotInfo]:
    """Write a pool under a temporary name, then give it its own; shots are consumed one by one.

    Returns what `ShotPool.info` will say of each.

    Raises:
        ValueError: the folder is there already, there are no shots, or one is not uint8 [n, 27, 48, 3] with
            24 to 240 frames.
    """
    if folder.exists():
        raise ValueError(f"{folder} is there already. Remove it, or choose another folder for the pool.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    partial.mkdir()
    try:
        written = _write_frames(partial / _FRAMES_NAME, shots)
        if not written:
            raise ValueError(f"{folder}: not one shot to write. Ask for scenes, footage or pictures.")
        rows = ",\n".join(json.dumps(_row(info)) for info in written)
        (partial / _SHOTS_NAME).write_text(f"[\n{rows}\n]\n", encoding="utf-8")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return written


def _write_frames(path: Path, shots: Iterable[tuple[ShotInfo, Frames]]) -> list[ShotInfo]:
    written: list[ShotInfo] = []
    with open(path, "xb") as file:
        _write_header(file, 0)
        data_offset = file.tell()
        total = 0
        for info, frames in _checked(shots):
            file.write(np.ascontiguousarray(frames).data)
            written.append(replace(info, first=total, num_frames=len(frames)))
            total += len(frames)
        file.seek(0)
        _write_header(file, total)
        assert file.tell() == data_offset, "numpy leaves room for the length to grow in its header"
        file.flush()
        os.fsync(file.fileno())
    return written


def _write_header(file: BinaryIO, num_frames: int) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (num_frames, *FRAME_SHAPE)}
    np.lib.format.write_array_header_1_0(file, header)


def _checked(shots: Iterable[tuple[ShotInfo, Frames]]) -> Iterator[tuple[ShotInfo, Frames]]:
    for info, frames in shots:
        fits = frames.dtype == np.uint8 and frames.shape[1:] == FRAME_SHAPE
        if not fits or not MIN_FRAMES <= len(frames) <= MAX_FRAMES:
            raise ValueError(
                f"a shot of '{info.source}' is {frames.dtype} {frames.shape}, not uint8 "
                f"[{MIN_FRAMES}..{MAX_FRAMES}, {', '.join(map(str, FRAME_SHAPE))}]"
            )
        yield info, frames


def _row(info: ShotInfo) -> dict[str, object]:
    return {key: value for key, value in asdict(info).items() if value is not None}
