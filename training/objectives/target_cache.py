"""Targets kept on disk, one file per view: what teachers said, rounded, and which patches were visible.

    FOLDER/<settings>/settings.json                what the entries beside it depend on, and their tensors
    FOLDER/<settings>/<2 digits>/<key>.safetensors one view; `crc32` of its tensors in the header

A key is a hash of the frames themselves, of the draw that crops and masks come from, and of whether the crop
may be mirrored. So an entry never serves another clip, whatever it is called, and processes that share a
folder write the same.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from training.objectives.target_cache_config import TargetCacheConfig
from training.randomness import Draw

FORMAT = 1
ABANDONED_S = 86_400
"""A temporary file as old as this belongs to no process that is still at work."""

Entry = dict[str, Tensor]
Layout = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
"""Types and shapes of the tensors of an entry, by name."""

log = logging.getLogger(__name__)


class TargetCache:
    """Finds entries by frames and draw, has the others made, and keeps those; close it when done.

    `settings` is all that entries depend on beside frames and draws, `layout` what they hold: with another
    one there are other entries. Clips of data sets in `unmirrored` are never mirrored.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(
        self,
        config: TargetCacheConfig,
        settings: Mapping[str, Any],
        layout: Layout,
        unmirrored: Collection[str] = (),
    ) -> None:
        tensors = {name: [str(dtype), shape] for name, (dtype, shape) in layout.items()}
        text = json.dumps({"format": FORMAT, "tensors": tensors, **settings}, sort_keys=True)
        self._layout = layout
        self._unmirrored = frozenset(unmirrored)
        self._settings_hash = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._folder = Path(config.folder) / self._settings_hash
        self._pool = ThreadPoolExecutor(config.threads, thread_name_prefix="targets")
        self._writing: list[Future[None]] = []
        self._hits = self._misses = 0
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        _put(self._folder / "settings.json", json.dumps(json.loads(text), indent=1).encode())

    def entries(
        self, video_BTHWC: Tensor, draws: Sequence[Draw], make: Callable[[list[int]], list[Entry]]
    ) -> list[Entry]:
        """An entry for each draw, on the processor; there are as many draws for each clip.

        `make` gets the numbers of the draws that nothing was kept for.

        Raises:
            OSError: entries could not be written, or read for another reason than damage.
        """
        self.finish()
        keys = self._keys(video_BTHWC, draws)
        found = list(self._pool.map(self._read, keys))
        missed = [number for number, entry in enumerate(found) if entry is None]
        self._hits += len(found) - len(missed)
        self._misses += len(missed)
        if missed:
            for number, entry in zip(missed, make(missed), strict=True):
                found[number] = entry
                self._writing.append(self._pool.submit(self._write, keys[number], entry))
        return [entry for entry in found if entry is not None]

    def finish(self) -> None:
        """Wait for what is still being written.

        Raises:
            OSError: it could not be.
        """
        writing, self._writing = self._writing, []
        for one in writing:
            one.result()

    def close(self) -> None:
        """Finish writing, end the threads, and tell the log how often teachers had to look.

        Raises:
            OSError: entries could not be written.
        """
        try:
            self.finish()
        finally:
            self._pool.shutdown()
        if self._hits or self._misses:
            log.info(
                "teachers looked at %d of %d views of this process; targets of the others were kept in %s",
                self._misses,
                self._hits + self._misses,
                self._folder,
            )

    def _keys(self, video_BTHWC: Tensor, draws: Sequence[Draw]) -> list[str]:
        clips = fingerprints(video_BTHWC)
        shape = list(video_BTHWC.shape[1:])
        per_clip = len(draws) // len(clips)
        keys = []
        for number, draw in enumerate(draws):
            mirrored = draw.source not in self._unmirrored
            text = json.dumps([shape, clips[number // per_clip], *draw.key, mirrored])
            keys.append(hashlib.sha256(text.encode()).hexdigest()[:40])
        return keys

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.safetensors"

    def _read(self, key: str) -> Entry | None:
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            entry = _unpack(data)
            self._check(entry)
        except (ValueError, KeyError, SafetensorError, struct.error) as error:
            log.warning("%s is damaged (%s): its targets are made again", path, error)
            return None
        return entry

    def _check(self, entry: Entry) -> None:
        found = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in entry.items()}
        if found != dict(self._layout):
            raise ValueError("other tensors than expected")

    def _write(self, key: str, entry: Entry) -> None:
        self._check(entry)
        data = _pack(entry)
        path = self._path(key)
        try:
            path.parent.mkdir(exist_ok=True)
            _put(path, data)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: targets cannot be kept in {self._folder}. Make room, or leave out "
                "objective.target_cache: a training goes on without it, for teachers then look in every step",
            ) from error

    def _sweep(self) -> None:
        for path in self._folder.glob("*/.*.tmp"):
            try:
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink()
            except FileNotFoundError:
                continue


def fingerprints(video_BTHWC: Tensor) -> list[int]:
    """A 64-bit number for the bytes of each clip, made on their device and the same on all."""
    bytes_BN = video_BTHWC.flatten(1)
    bytes_BN = torch.nn.functional.pad(bytes_BN, (0, -bytes_BN.shape[1] % 8))
    words_BN = bytes_BN.contiguous().view(torch.int64)
    # Odd factors, so that each bit of each word counts; sums of 64-bit integers wrap around.
    factors_N = torch.arange(words_BN.shape[1], device=words_BN.device) * 0x5851F42D4C957F2E + 1
    mixed_BN = words_BN * factors_N
    mixed_BN ^= mixed_BN >> 29
    numbers: list[int] = mixed_BN.mul_(factors_N).sum(dim=1).tolist()
    return numbers


def _pack(entry: Entry) -> bytes:
    plain = save(entry)
    (header,) = struct.unpack_from("<Q", plain)
    data: bytes = save(entry, metadata={"crc32": str(zlib.crc32(memoryview(plain)[8 + header :]))})
    return data


def _unpack(data: bytes) -> Entry:
    (header,) = struct.unpack_from("<Q", data)
    noted = json.loads(data[8 : 8 + header])["__metadata__"]["crc32"]
    if str(zlib.crc32(memoryview(data)[8 + header :])) != noted:
        raise ValueError("its checksum is another")
    entry: Entry = load(data)
    return entry


def _put(path: Path, data: bytes) -> None:
    """Write a file under a name of its own, and then give it its own."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
