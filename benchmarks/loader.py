"""Samples a second of a training loader, 8 frames at 224 px, in one process and one thread each:

- limit: decoding of the same bytes, from memory, in a bare loop
- ours: `ShardReader` (shuffled, every member hashed) and `decode_frames`
- webdataset: plain `webdataset` (unshuffled, unchecked) and the same `decode_frames`
- decord: plain `webdataset` and decord, in an environment of its own

on our training form (H.264, short side 256, a keyframe each half second), ours and decord also on 720p clips
as the web has them. Each is a process that lives from the first to the last turn and takes some samples in
each, while the others wait; a ratio is the median over the turns of the ratio within a turn. The first batch
is timed in fresh processes, from opening the data set; imports are before it.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install decord webdataset
    python -m benchmarks.loader --decord /tmp/peer/bin/python film.mp4 ...
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from benchmarks.interleaved import last_line
from benchmarks.loader_data import ORIGINAL, SIZES, TRAINING, Dataset, make_clips, make_dataset

HERE = Path(__file__).parent
SHORT_SIDE_PX = 224


@dataclass
class Contender:
    """A process that takes samples when told; its turns in seconds per sample."""

    name: str
    command: Sequence[str]
    samples_per_turn: int
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    first_batch_s: float = 0.0
    _process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait for its first batch."""
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(HERE)} if "loader_decord" in self.command[1] else None,
        )  # fmt: skip
        self.first_batch_s = self._answer()["first_batch_s"]

    def turn(self) -> None:
        """Take some samples."""
        assert self._process is not None
        stdin = cast(IO[str], self._process.stdin)
        stdin.write(f"{self.samples_per_turn}\n")
        stdin.flush()
        answer = self._answer()
        self.wall_s.append(answer["wall_s"] / self.samples_per_turn)
        self.cpu_s.append(answer["cpu_s"] / self.samples_per_turn)

    def stop(self) -> None:
        """End it."""
        assert self._process is not None
        cast(IO[str], self._process.stdin).close()
        self._process.wait()

    def _answer(self) -> dict[str, float]:
        assert self._process is not None
        line = cast(IO[str], self._process.stdout).readline()
        if not line:
            raise SystemExit(f"{self.name} ended: {' '.join(self.command[:4])} ...")
        return cast(dict[str, float], json.loads(line))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path, help="videos to make clips of")
    parser.add_argument("--decord", help="a Python that has decord and webdataset (without: left out)")
    parser.add_argument("--repeats", type=int, default=21, help="turns of each (default 21)")
    parser.add_argument("--clips", type=int, default=12, help="distinct clips (default 12)")
    parser.add_argument("--clip-s", type=float, default=10.0, help="seconds of a clip (default 10)")
    parser.add_argument("--samples", type=int, default=240, help="samples of the data set (default 240)")
    parser.add_argument("--folder", type=Path, help="where clips are kept for the next time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loader-") as name:
        folder = Path(name)
        clips = make_clips(
            arguments.films, arguments.folder or folder / "clips",
            clip_s=arguments.clip_s, max_clips=arguments.clips,
        )  # fmt: skip
        datasets = {
            form: make_dataset(paths, folder / form, num_samples=arguments.samples, num_shards=8)
            for form, paths in clips.items()
        }
        contenders = _contenders(datasets, arguments.decord)
        _run(contenders, arguments.repeats)
        first = _first_batches(contenders, 7)
    _report(contenders, first, clips)


def _contenders(datasets: Mapping[str, Dataset], decord: str | None) -> list[Contender]:
    training, original = datasets[TRAINING], datasets[ORIGINAL]
    ours = [sys.executable, "-m", "benchmarks.loader_contender"]
    found = [
        Contender("limit", [*ours, "limit", *map(str, training.clips)], 12),
        Contender("ours", [*ours, "ours", training.url], 12),
        Contender("webdataset", [*ours, "webdataset", *training.tars], 12),
        Contender("ours, original", [*ours, "ours", original.url], 1),
    ]
    reason = _why_no_decord(decord)
    if reason:
        print(f"decord is left out: {reason}")
        return found
    for suffix, form, count in (("", TRAINING, 12), (", original", ORIGINAL, 1)):
        width, height = (round(side * SHORT_SIDE_PX / min(SIZES[form])) for side in SIZES[form])
        command = [str(decord), str(HERE / "loader_decord.py"), str(width), str(height)]
        found.append(Contender(f"decord{suffix}", [*command, *datasets[form].tars], count))
    return found


def _why_no_decord(python: str | None) -> str | None:
    if python is None:
        return "no --decord"
    found = subprocess.run([python, "-c", "import decord, webdataset"], capture_output=True, text=True)
    return None if found.returncode == 0 else found.stderr.strip().splitlines()[-1]


def _run(contenders: Sequence[Contender], repeats: int) -> None:
    for contender in contenders:
        contender.start()
    for repeat in range(repeats):
        # Whoever comes after a long turn of another finds the caches cold: each comes after each.
        first = repeat % len(contenders)
        for contender in [*contenders[first:], *contenders[:first]]:
            contender.turn()
    for contender in contenders:
        contender.stop()


def _first_batches(contenders: Sequence[Contender], repeats: int) -> dict[str, list[float]]:
    chosen = [each for each in contenders if each.name in ("limit", "ours", "webdataset", "decord")]
    first: dict[str, list[float]] = {contender.name: [] for contender in chosen}
    for _ in range(repeats):
        for contender in chosen:
            contender.start()
            contender.stop()
            first[contender.name].append(contender.first_batch_s)
    return first


def _report(
    contenders: Sequence[Contender], first: Mapping[str, Sequence[float]], clips: Mapping[str, Sequence[Path]]
) -> None:
    by_name = {contender.name: contender for contender in contenders}
    print(f"{'':<18}{'samples/s':>10}{'10-90 %':>16}{'CPU ms':>9}{'first batch s':>15}")
    for name, contender in by_name.items():
        rates = sorted(1 / wall for wall in contender.wall_s)
        cut = len(rates) // 10
        batch = f"{statistics.median(first[name]):.3f}" if name in first else ""
        print(
            f"{name:<18}{statistics.median(rates):>10.1f}{f'{rates[cut]:.1f}-{rates[-1 - cut]:.1f}':>16}"
            f"{1000 * statistics.median(contender.cpu_s):>9.2f}{batch:>15}"
        )
    pairs = {
        "ours_to_limit": ("ours", "limit"),
        "ours_to_webdataset": ("ours", "webdataset"),
        "ours_to_decord": ("ours", "decord"),
        "ours_to_decord_original": ("ours, original", "decord, original"),
        "training_to_original": ("ours", "ours, original"),
    }
    ratios = {
        name: _ratio(by_name[fast], by_name[slow])
        for name, (fast, slow) in pairs.items()
        if fast in by_name and slow in by_name
    }
    last_line(
        benchmark="loader",
        cores=os.cpu_count(),
        load_average=[round(value, 1) for value in os.getloadavg()],
        clip_kilobytes={
            form: round(statistics.mean(path.stat().st_size for path in paths) / 1000)
            for form, paths in clips.items()
        },
        samples_per_s={name: round(1 / statistics.median(each.wall_s), 1) for name, each in by_name.items()},
        cpu_ms={name: round(1000 * statistics.median(each.cpu_s), 2) for name, each in by_name.items()},
        first_batch_s={name: round(statistics.median(values), 3) for name, values in first.items()},
        ratios=ratios,
    )


def _ratio(fast: Contender, slow: Contender) -> dict[str, object]:
    """How many times as many samples a second, in wall and in CPU time: median and 10-90 % of the turns."""
    found: dict[str, object] = {}
    for name, ours, theirs in (("wall", fast.wall_s, slow.wall_s), ("cpu", fast.cpu_s, slow.cpu_s)):
        ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
        cut = len(ratios) // 10
        found[name] = round(statistics.median(ratios), 3)
        found[f"{name}_interval"] = [round(ratios[cut], 3), round(ratios[-1 - cut], 3)]
    return found


if __name__ == "__main__":
    main()
