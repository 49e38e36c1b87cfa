"""Packing (copying out of the run's media, three hashes, index) beside plain `tar` of the same bytes.

Both end with the shard on disk (fsync). `tar` packs the members as files that lie ready; `tarfile` is
Python's. Hashing once is shown for what a digest alone costs. The bytes of all are in the page cache.

    python -m benchmarks.shard_write --megabytes 256
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import statistics
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.interleaved import Timing, interleave, last_line, show
from benchmarks.loader_data import make_samples
from curation.base.workspace import Workspace
from shards.records import Sample, ShardFile
from shards.writing.pack import Pack, PackConfig

OURS, TAR, TARFILE, HASH = "cliploom", "tar", "tarfile", "sha256 once"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=256, help="size of the shard (default 256)")
    parser.add_argument("--clip-kilobytes", type=int, default=400, help="mean size of a video (default 400)")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each (default 7)")
    parser.add_argument("--folder", help="a folder on the disk to measure (default: the temporary one)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shard-write-", dir=arguments.folder) as name:
        folder = Path(name)
        workspace = Workspace.open(str(folder / "run"), str(folder / "scratch"))
        samples = _samples(workspace, arguments.megabytes, arguments.clip_kilobytes)
        files = _as_files(workspace, samples, folder / "files")
        found = interleave(
            {
                OURS: partial(_pack, workspace, samples),
                TAR: partial(_tar, folder / "files", folder / "plain.tar"),
                TARFILE: partial(_tarfile, files, folder / "python.tar"),
                HASH: partial(_hash, folder / "plain.tar"),
            },
            arguments.repeats,
        )
        size = sum(path.stat().st_size for path in files)
    show(found)
    last_line(
        benchmark="shard_write",
        cores=os.cpu_count(),
        load_average=[round(value, 1) for value in os.getloadavg()],
        samples=len(samples),
        megabytes=round(size / 1e6),
        megabytes_per_s={name: round(size / 1e6 / timing.median_s) for name, timing in found.items()},
        ours_to_tar=_ratio(found[OURS], found[TAR]),
        ours_to_tarfile=_ratio(found[OURS], found[TARFILE]),
    )


def _samples(workspace: Workspace, megabytes: int, clip_kilobytes: int) -> list[Sample]:
    generator = random.Random(0)
    count = max(2, megabytes * 1000 // clip_kilobytes)
    sizes = [int(clip_kilobytes * 1000 * generator.uniform(0.3, 1.7)) for _ in range(count)]
    samples = make_samples([generator.randbytes(size) for size in sizes], workspace, count, 1)
    # The order of a shard is not that of the media.
    positions = generator.sample(range(count), count)
    return [
        Sample(**{**vars(sample), "position": position})
        for sample, position in zip(samples, positions, strict=True)
    ]


def _as_files(workspace: Workspace, samples: Sequence[Sample], folder: Path) -> list[Path]:
    folder.mkdir()
    paths = []
    for sample in samples:
        contents = {"json": sample.metadata.encode(), "mp4": workspace.media.read(sample.members[0].media)}
        for extension, data in contents.items():
            paths.append(folder / f"{sample.clip_id}.{extension}")
            paths[-1].write_bytes(data)
    return paths


def _pack(workspace: Workspace, samples: Sequence[Sample]) -> None:
    (shard,) = Pack(PackConfig(), workspace)(samples)
    if not isinstance(shard, ShardFile):
        raise SystemExit(f"not packed: {shard}")


def _tar(folder: Path, path: Path) -> None:
    subprocess.run(["tar", "--create", "--sort=name", "-f", str(path), "-C", str(folder), "."], check=True)
    _to_disk(path)


def _tarfile(files: Sequence[Path], path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for each in files:
            tar.add(each, each.name)
    _to_disk(path)


def _to_disk(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _hash(path: Path) -> None:
    with open(path, "rb") as file:
        hashlib.file_digest(file, "sha256")


def _ratio(ours: Timing, theirs: Timing) -> dict[str, object]:
    """Times as fast: median and 10-90 % of the repeats."""
    ratios = sorted(b / a for a, b in zip(ours.wall_s, theirs.wall_s, strict=True))
    cut = len(ratios) // 10
    return {
        "median": round(statistics.median(ratios), 3),
        "interval": [round(ratios[cut], 3), round(ratios[-1 - cut], 3)],
    }


if __name__ == "__main__":
    main()
