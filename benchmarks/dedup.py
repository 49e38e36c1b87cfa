"""What the search for near-duplicates costs per clip, from 10^4 to 10^6 clips.

Of each table a tenth are copies of one clip, bit for bit (10^5 in the largest), and a tenth are noisy copies
of other clips: some bits of each frame's hash differ. A table of 10^5 copies and nothing else stands beside
them. The stage runs whole: tables in, records out.

    python benchmarks/dedup.py [--repeats 7] [--largest 1000000]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.interleaved import Timing, interleave, last_line, show
from curation.base.stages import Snapshot
from curation.base.workspace import Workspace
from curation.dedup.config import NearDedupConfig
from curation.dedup.stage import NearDedup
from curation.records import DuplicateOf

TARGET_RATIO = 2.0
NUM_FRAMES = 8
NOISE_BITS = (0, 1, 2, 3)
"""Bits per frame that differ from the original, on average; a quarter of the noisy copies each."""


@dataclass(frozen=True)
class Made(Snapshot):
    """Clips and fingerprints; `original` holds, for each clip, the number of what it is a copy of."""

    clips: pa.Table
    fingerprints: pa.Table
    places: pa.Array
    original: np.ndarray

    def table(self, name: str) -> pa.Table:
        return {"clips": self.clips, "fingerprints": self.fingerprints}[name]

    def arrival(self, name: str) -> pa.Array:
        return self.places

    def previous(self) -> pa.Table | None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--largest", type=int, default=1_000_000, help="clips in the largest table")
    options = parser.parse_args()
    sizes = [options.largest // 100, options.largest // 10, options.largest]
    made = {f"{size} clips": make(size, size // 10) for size in sizes}
    made[f"{sizes[1]} copies of one"] = make(sizes[1], sizes[1] - 1, noisy=0)
    before = peak_bytes()
    with tempfile.TemporaryDirectory() as folder:
        stage = NearDedup(NearDedupConfig(), Workspace.open(folder, folder))
        stage.setup()
        found: dict[str, list[DuplicateOf]] = {}
        runs = {name: runner(stage, name, tables, found) for name, tables in made.items()}
        timings = interleave(runs, options.repeats)
    show(timings)
    peak = peak_bytes()
    micros = {name: timing.median_s / len(made[name].original) * 1e6 for name, timing in timings.items()}
    quality = {name: precision_and_recall(made[name], found[name]) for name in made}
    print(f"\n{'':<28}{'µs per clip':>12}{'duplicates':>12}{'precision':>11}{'recall':>9}")
    for name in made:
        precision, recall = quality[name]
        print(f"{name:<28}{micros[name]:>12.2f}{len(found[name]):>12}{precision:>11.5f}{recall:>9.5f}")
    # The clock of CPU time ticks every 10 ms.
    cpu = {name: max(0.01, sum(timing.cpu_s)) / len(made[name].original) for name, timing in timings.items()}
    ratio, cpu_ratio = max(micros.values()) / min(micros.values()), max(cpu.values()) / min(cpu.values())
    lowest = least_ratio(timings, {name: len(tables.original) for name, tables in made.items()})
    print(
        f"\nslowest to fastest, per clip: {ratio:.2f}, {lowest:.2f} at least (target {TARGET_RATIO}); by CPU "
        f"time {cpu_ratio:.2f}; peak memory {peak / 1e6:.0f} MB, {before / 1e6:.0f} before the first run"
    )
    last_line(
        us_per_clip={name: round(value, 3) for name, value in micros.items()},
        ratio=round(ratio, 3),
        ratio_at_least=round(lowest, 3),
        cpu_ratio=round(cpu_ratio, 3),
        precision={name: round(value[0], 6) for name, value in quality.items()},
        recall={name: round(value[1], 6) for name, value in quality.items()},
        peak_bytes=peak,
        bytes_before=before,
        target_ratio=TARGET_RATIO,
        met=ratio <= TARGET_RATIO,
        missed=lowest > TARGET_RATIO,
    )


def least_ratio(timings: Mapping[str, Timing], clips: Mapping[str, int]) -> float:
    """The ratio of the slowest to the fastest time per clip that the intervals leave no doubt of."""
    bounds = [[bound / clips[name] for bound in timing.interval_s()] for name, timing in timings.items()]
    return max(1.0, max(low for low, _ in bounds) / min(high for _, high in bounds))


def runner(
    stage: NearDedup, name: str, tables: Made, found: dict[str, list[DuplicateOf]]
) -> Callable[[], object]:
    def run() -> None:
        found[name] = [item for item in stage(tables) if isinstance(item, DuplicateOf)]

    return run


def make(count: int, copies: int, noisy: int | None = None, seed: int = 0) -> Made:
    """Clips of which `copies` are clip 0 again and `noisy` (default: as many) are others with some noise."""
    random = np.random.default_rng(seed)
    noisy = copies if noisy is None else noisy
    unlike = count - copies - noisy
    hashes = random.integers(0, 1 << 64, (count, NUM_FRAMES), np.uint64)
    original = np.arange(count)
    original[unlike : unlike + copies] = 0
    hashes[unlike : unlike + copies] = hashes[0]
    original[unlike + copies :] = random.integers(1, unlike, noisy) if noisy else 0
    hashes[unlike + copies :] = hashes[original[unlike + copies :]] ^ noise(random, noisy)
    durations_s = random.uniform(2, 30, count)[original] * random.uniform(0.98, 1.02, count)
    # Ids are in no order of likeness, and copies lie anywhere among the others.
    shuffled = np.sort(random.permutation(count)[:unlike])
    place = np.empty(count, np.int64)
    place[:unlike] = shuffled
    place[unlike:] = np.setdiff1d(np.arange(count), shuffled)
    return _tables(hashes, durations_s, original, place)


def noise(random: np.random.Generator, count: int) -> np.ndarray:
    """Bits to turn over [count, frames]."""
    chance = np.asarray(NOISE_BITS)[np.arange(count) % len(NOISE_BITS)] / 64
    turned = np.zeros((count, NUM_FRAMES), np.uint64)
    for bit in range(64):
        turned |= (random.random((count, NUM_FRAMES)) < chance[:, None]).astype(np.uint64) << np.uint64(bit)
    return turned


def _tables(hashes: np.ndarray, durations_s: np.ndarray, original: np.ndarray, place: np.ndarray) -> Made:
    order = np.argsort(place)
    count = len(place)
    ids = pa.array([f"{number:032x}" for number in range(count)])
    sha256 = pa.array([f"{number:064x}" for number in range(count)])
    video = pa.StructArray.from_arrays([sha256], names=["sha256"])
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * NUM_FRAMES)
    columns = {
        "clip_id": ids,
        "hashes": pa.ListArray.from_arrays(offsets, pa.array(hashes[order].view(np.int64).ravel())),
        "duration_s": pa.array(durations_s[order]),
        "flat": pa.array(np.zeros(count, np.bool_)),
    }
    # Ids are hashes: they say nothing of who came first.
    places = pa.array(np.random.default_rng(1).permutation(count))
    return Made(
        pa.table({"clip_id": ids, "video_id": ids, "video": video}),
        pa.table(columns),
        places,
        place[original[order]],
    )


def precision_and_recall(made: Made, found: list[DuplicateOf]) -> tuple[float, float]:
    """Share of what was found that is true, and of the copies there are that were found."""
    clips = np.array([int(item.clip_id, 16) for item in found], np.int64)
    named = np.array([int(item.duplicate_of, 16) for item in found], np.int64)
    right = int((made.original[clips] == made.original[named]).sum())
    # What stands for a group is none of its copies: a group of n has n - 1.
    planted = len(made.original) - len(np.unique(made.original))
    return right / max(1, len(found)), right / max(1, planted)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
