"""Checks of a machine and of a storage, each with what to do where it fails."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from curation.base.ids import attempt_id
from curation.base.storage import Storage
from pipelines.shadowing import OURS, PACKAGES, other_owners, shadow_of

EXTRAS = {"ray": "ray", "vllm": "vllm", "whisper": "whisper", "train": "deepspeed", "gpu": "flash_attn"}
RACERS = 8


@dataclass(frozen=True)
class Finding:
    """One check: `ok` is None where something optional is not there."""

    name: str
    ok: bool | None
    detail: str


def check_machine() -> Iterator[Finding]:
    """Everything a local run needs."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")
    yield from check_packages()
    yield _ffmpeg()
    yield _sandbox()
    free = shutil.disk_usage(tempfile.gettempdir()).free
    yield Finding(
        "scratch", free > 2 << 30, f"{tempfile.gettempdir()}: {free / 1e9:.1f} GB free (2 GB needed)"
    )
    cores = len(os.sched_getaffinity(0))
    yield Finding("cores", True, f"{cores} usable")
    yield _gpu()
    for extra, module in EXTRAS.items():
        there = util.find_spec(module) is not None
        detail = "installed" if there else f"not installed: pip install 'cliploom[{extra}]'"
        yield Finding(f"extra {extra}", True if there else None, detail)


def check_packages() -> Iterator[Finding]:
    """Other distributions that own one of our package names, and folders or files that shadow one."""
    for package in PACKAGES:
        name, ours = f"package {package}", OURS / package
        if others := other_owners(package):
            names = ", ".join(others)
            yield Finding(name, False, f"also owned by {names}: pip uninstall {' '.join(others)}")
        elif (shadow := shadow_of(package)) is None:
            yield Finding(name, True, str(ours))
        elif shadow.now:
            detail = (
                f"'{shadow.path}' is imported instead of '{ours}': rename it, or take it out of PYTHONPATH"
            )
            yield Finding(name, False, detail)
        else:
            detail = (
                f"'{shadow.path}' is imported instead of '{ours}' by `python -m`, `torchrun -m` and scripts "
                "started here: rename it, or work in another folder"
            )
            yield Finding(name, False, detail)


def check_storage(url: str) -> Iterator[Finding]:
    """Whether runs can live at a URL: create-only writes, atomic replacement, listing, Delta commits."""
    storage = Storage(url)
    folder = f".cliploom-doctor-{attempt_id()}"
    try:
        for name, check in (
            ("create-only put", _create_only),
            ("replace and read", _replace),
            ("Delta commits", _delta),
        ):
            yield _guarded(name, lambda check=check: check(storage, folder))  # type: ignore[misc]
    finally:
        storage.remove(folder)


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except (OSError, ValueError) as error:
        return Finding(name, False, f"{type(error).__name__}: {error}")


def _create_only(storage: Storage, folder: str) -> Finding:
    """Race writers on one name: exactly one may win, and its bytes must be the ones that stay."""
    wins: list[int] = []
    errors: list[Exception] = []
    start = threading.Barrier(RACERS)

    def race(number: int) -> None:
        start.wait()
        try:
            if Storage(storage.url).create(f"{folder}/lease", str(number).encode()):
                wins.append(number)
        except OSError as error:
            errors.append(error)

    racers = [threading.Thread(target=race, args=(number,)) for number in range(RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    kept = storage.read_bytes(f"{folder}/lease").decode() if wins else None
    if len(wins) == 1 and kept == str(wins[0]):
        return Finding("create-only put", True, f"one of {RACERS} racing writers won, as it must be")
    detail = (
        f"{len(wins)} of {RACERS} racing writers won{f' ({errors[0]})' if errors else ''}: two processes "
        "could commit to one run. Use a local disk, or an S3 service with If-None-Match."
    )
    return Finding("create-only put", False, detail)


def _replace(storage: Storage, folder: str) -> Finding:
    for text in (b"first", b"second"):
        storage.write_bytes(f"{folder}/file", text)
    seen = storage.read_bytes(f"{folder}/file")
    listed = storage.list(folder)
    ok = seen == b"second" and f"{folder}/file" in listed
    return Finding(
        "replace and read", ok, "a replaced file reads as replaced and is listed" if ok else f"read {seen!r}"
    )


def _delta(storage: Storage, folder: str) -> Finding:
    import pyarrow as pa

    from curation.base.tables import Tables

    tables = Tables(Storage(storage.uri(folder)))
    for number in range(2):
        tables.append("probe", pa.table({"number": [number]}), partitioned=False)
    found = tables.read("probe")
    ok = found is not None and sorted(found.column("number").to_pylist()) == [0, 1]
    return Finding("Delta commits", ok, "two commits read back" if ok else "commits did not read back")


def _ffmpeg() -> Finding:
    from curation.media.ffmpeg import ffmpeg_binary, ffmpeg_version

    try:
        return Finding("ffmpeg", True, f"{ffmpeg_version()} at {ffmpeg_binary()}")
    except (OSError, RuntimeError, ValueError) as error:
        return Finding(
            "ffmpeg", False, f"{error}; set CLIPLOOM_FFMPEG to a working binary or reinstall cliploom"
        )


def _sandbox() -> Finding:
    """Whether a decoding child can be started and held to its limits."""
    from curation.base.rejects import Reason
    from curation.base.stages import Retry
    from curation.media.limits import DecodeLimits
    from curation.media.sandbox import DecodeError, Sandbox

    sandbox = Sandbox(DecodeLimits())
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.mp4"
        text.write_text("this is no video")
        try:
            sandbox.probe(text)
        except DecodeError as error:
            ok = error.reason is Reason.NOT_MEDIA
            return Finding("decode sandbox", ok, "a text file named .mp4 was refused")
        except Retry as error:
            return Finding("decode sandbox", False, str(error))
        finally:
            sandbox.close()
    return Finding("decode sandbox", False, "a text file named .mp4 was taken for a video")


def _gpu() -> Finding:
    if not Path("/proc/driver/nvidia/version").exists():
        return Finding("gpu", None, "no NVIDIA driver: decoding, captioning and training run on CPU")
    import torch

    if torch.cuda.is_available():
        return Finding("gpu", True, torch.cuda.get_device_name(0))
    return Finding("gpu", None, f"a driver is there, but torch {torch.__version__} cannot use it")
