"""How reading scales: a resume deep in a large data set, the first batch, memory, bytes per node, and what
a sample costs beyond its bytes.

- Start: a reader is opened on an index of a million samples and gives 32 of them, from slot 0 and from slot
  1,000,000 (interleaved, in this process); and the same in a new process, imports and all. Also over bare
  tars with keys by others, which have no manifest, so that all of their indexes are read first.
- Memory: resident size of a process after 1,000 to 20,000 samples.
- Nodes: two ranks read an epoch from a server on loopback that counts what it sends, by ranges and with a
  private cache of whole shards each; beside half of the bytes of all tars.
- Cost: a sample of 300 KB by the reader's fetcher, beside its limit (the same bytes by `pread`, and their
  sha256), in seconds per 1,000 samples.

    python -m benchmarks.loader_scale

Needs 500 MB of disk; the million samples are holes in files.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.counting_server import counting_server
from benchmarks.interleaved import Timing, interleave, last_line, show
from benchmarks.loader_scale_data import real_data_set, sparse_data_set
from shards.reading import ShardReader
from shards.reading.cache_config import CacheConfig
from shards.reading.fetch import Fetcher
from shards.reading.manifest import open_shards

BATCH = 32
DEEP = 1_000_000
IN_NEW_PROCESS = """
import sys, time
begun = time.perf_counter()
from itertools import islice
from shards.reading import ShardReader
imported = time.perf_counter()
reader = ShardReader(sys.argv[1])
list(islice(reader, {batch}))
print(imported - begun, time.perf_counter() - imported)
"""
MEMORY = """
import resource, sys
from shards.reading import ShardReader
def rss():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
found = []
for number, _ in enumerate(ShardReader(sys.argv[1]), 1):
    if number % 1000 == 0:
        found.append(rss() * 1024)
    if number == 20_000:
        break
print(*found)
"""


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="runs of each (default 9)")
    parser.add_argument("--shards", type=int, default=1000, help="shards of 1,000 samples (default 1000)")
    repeats = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loader-scale-") as name:
        large = sparse_data_set(Path(name, "large"), repeats.shards, 1000)
        foreign = sparse_data_set(Path(name, "foreign"), repeats.shards, 1000, foreign=True)
        small = real_data_set(Path(name, "small"), 64, 24)
        figures = {
            **_start(large, foreign, repeats.repeats),
            **_memory(large),
            **_nodes(Path(small)),
            **_cost(small, repeats.repeats),
        }
    last_line(benchmark="loader_scale", cores=os.cpu_count(), **figures)


def _start(large: str, foreign: str, repeats: int) -> dict[str, Any]:
    first, deep, bare, bare_deep = "slot 0", f"slot {DEEP}", "bare tars, slot 0", f"bare tars, slot {DEEP}"
    found = interleave(
        {
            first: partial(_first_batch, large, 0),
            deep: partial(_first_batch, large, DEEP),
            bare: partial(_first_batch, foreign, 0),
            bare_deep: partial(_first_batch, foreign, DEEP),
        },
        repeats,
    )
    show(found)
    processes = [_in_new_process(large) for _ in range(repeats)]
    imports, batch = (statistics.median(part) for part in zip(*processes, strict=True))
    print(f"new process: imports {imports:.3f} s, then the first batch {batch:.3f} s")
    return {
        "first_batch_s": _summary(found[first]),
        "resume_s": _summary(found[deep]),
        "resume_ratio": _ratio(found[deep], found[first]),
        "bare_first_batch_s": _summary(found[bare]),
        "bare_resume_ratio": _ratio(found[bare_deep], found[bare]),
        "new_process_first_batch_s": round(batch, 3),
        "new_process_imports_s": round(imports, 3),
    }


def _first_batch(url: str, slot: int) -> None:
    reader = ShardReader(url)
    if slot:
        reader.load_state_dict({**reader.state_dict(), "slot": slot})
    samples = list(islice(reader, BATCH))
    assert samples[0][0].index == slot


def _in_new_process(url: str) -> tuple[float, float]:
    command = [sys.executable, "-c", IN_NEW_PROCESS.format(batch=BATCH), url]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    imports, batch = answer.stdout.split()
    return float(imports), float(batch)


def _memory(url: str) -> dict[str, Any]:
    answer = subprocess.run([sys.executable, "-c", MEMORY, url], capture_output=True, text=True, check=True)
    sizes = [int(word) for word in answer.stdout.split()]
    growth = max(sizes) / sizes[0]
    print(
        f"resident after 1,000 samples {sizes[0] / 1e6:.0f} MB, most up to 20,000 {max(sizes) / 1e6:.0f} MB, "
        f"after 20,000 {sizes[-1] / 1e6:.0f} MB"
    )
    return {"rss_bytes": sizes, "rss_growth": round(growth, 3)}


def _nodes(folder: Path) -> dict[str, Any]:
    half = sum(path.stat().st_size for path in folder.glob("*.tar")) / 2
    figures: dict[str, Any] = {}
    for name, cached in (("ranges", False), ("cache", True)):
        with counting_server(folder) as (first_url, first), counting_server(folder) as (second_url, second):
            readers = [
                threading.Thread(target=_read_half, args=(url, rank, cached, int(2 * half)))
                for rank, url in enumerate((first_url, second_url))
            ]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
        parts = [round(sum(counts.sent.values()) / half, 4) for counts in (first, second)]
        requests = [counts.requests[".tar"] for counts in (first, second)]
        print(f"two nodes, {name}: bytes / half = {parts}, requests for tars = {requests}")
        figures[f"node_bytes_over_half_{name}"] = parts
        figures[f"node_requests_{name}"] = requests
    return figures


def _read_half(url: str, rank: int, cached: bool, limit: int) -> None:
    cache = CacheConfig(max_bytes=limit, ahead_shards=64) if cached else None
    with ShardReader(url, rank=rank, num_ranks=2, cache=cache) as reader:
        for _ in islice(reader, reader.num_samples // 2):
            pass


def _cost(url: str, repeats: int) -> dict[str, Any]:
    shards = open_shards(url).shards
    fetcher = Fetcher()
    places = [(shard, row) for shard in shards for row in range(shard.num_samples)]
    ranges = [
        (f"{url}/{shard.path}", [(m.offset, m.size) for m in fetcher.index(shard)[row].members])
        for shard, row in places
    ]
    opened = {path: os.open(path, os.O_RDONLY) for path, _ in ranges}

    def bytes_only(use: Callable[[bytes], object]) -> None:
        for path, parts in ranges:
            for offset, size in parts:
                use(os.pread(opened[path], size, offset))

    def ours() -> None:
        for shard, row in places:
            fetcher.members(shard, fetcher.index(shard)[row])

    limit, floor, name = "pread + sha256", "pread", "the reader's fetcher"
    found = interleave(
        {
            floor: partial(bytes_only, len),
            limit: partial(bytes_only, lambda data: hashlib.sha256(data).digest()),
            name: ours,
        },
        repeats,
    )
    show(found)
    cpu_s = {label: statistics.median(timing.cpu_s) for label, timing in found.items()}
    per_sample = {label: round(one / len(places) * 1e6, 1) for label, one in cpu_s.items()}
    print(f"CPU per sample, µs: {per_sample}")
    return {
        "cpu_us_per_sample": per_sample,
        "overhead_us_per_sample": round(per_sample[name] - per_sample[limit], 1),
        "cpu_over_limit": round(cpu_s[name] / cpu_s[limit], 3),
    }


def _summary(timing: Timing) -> list[float]:
    return [round(value, 4) for value in (timing.median_s, *timing.interval_s())]


def _ratio(above: Timing, below: Timing) -> list[float]:
    """Median and middle 80 % of the ratios of runs that were neighbours."""
    ratios = sorted(a / b for a, b in zip(above.wall_s, below.wall_s, strict=True))
    cut = len(ratios) // 10
    return [round(value, 3) for value in (statistics.median(ratios), ratios[cut], ratios[-1 - cut])]


if __name__ == "__main__":
    main()
