"""Frames per second beside bare decoding, in turns, and start-up apart from it."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.interleaved import Timing
from benchmarks.shot_boundaries_contenders import (
    Contender,
    bare_decode,
    decode_in_process,
    probed,
    tree_cpu_s,
)
from curation.base.workspace import Workspace

OURS, RIVAL = "ours", "adaptive"
BARE, UNBOXED = "bare decode", "unboxed decode"
LARGE_HEIGHT_PX = 720


@dataclass(frozen=True)
class Speed:
    """Times of every contender on one source, and the frames that each looks at."""

    name: str
    width_px: int
    height_px: int
    timings: Mapping[str, Timing]
    num_frames: Mapping[str, int]

    @property
    def large(self) -> bool:
        """Whether decoding is what the target compares with."""
        return self.height_px >= LARGE_HEIGHT_PX

    def fps(self, name: str) -> tuple[float, float, float]:
        """Median frames per second and the interval of the repeats."""
        low_s, high_s = self.timings[name].interval_s()
        frames = self.num_frames[name]
        return frames / self.timings[name].median_s, frames / high_s, frames / low_s

    def cpu_ms(self, name: str) -> float:
        """Median CPU time per frame, of all processes that take part."""
        return statistics.median(self.timings[name].cpu_s) / self.num_frames[name] * 1000

    def ratio(self, name: str, other: str) -> tuple[float, float, float]:
        """Time per frame over that of another contender, each repeat beside its own: median and interval."""
        scale = self.num_frames[other] / self.num_frames[name]
        pairs = zip(self.timings[name].wall_s, self.timings[other].wall_s, strict=True)
        ratios = Timing([mine * scale / theirs for mine, theirs in pairs], [])
        return ratios.median_s, *ratios.interval_s()

    def figures(self) -> dict[str, object]:
        """For the line of JSON."""
        return {
            name: {
                "fps": round(self.fps(name)[0], 1),
                "interval": [round(each, 1) for each in self.fps(name)[1:]],
                "cpu_ms_per_frame": round(self.cpu_ms(name), 3),
            }
            for name in self.timings
        }


def measure(
    contenders: Mapping[str, Contender], workspace: Workspace, paths: Sequence[Path], repeats: int
) -> Iterator[Speed]:
    """Run contenders on every source `repeats` times, in turns: all on the first, on the others those that
    the targets speak of."""
    for path in paths:
        source = probed(path, workspace)
        runs: dict[str, Callable[[], int]] = {
            name: functools.partial(_num_frames, contender, path)
            for name, contender in contenders.items()
            if path == paths[0] or name in (OURS, RIVAL)
        }
        runs[BARE] = functools.partial(bare_decode, source)
        runs[UNBOXED] = functools.partial(decode_in_process, source)
        frames: dict[str, int] = {}
        timings = {name: Timing([], []) for name in runs}
        for _ in range(repeats):
            for name, run in runs.items():
                cpu, wall = tree_cpu_s(), time.perf_counter()
                frames[name] = run()
                timings[name].wall_s.append(time.perf_counter() - wall)
                timings[name].cpu_s.append(tree_cpu_s() - cpu)
        yield Speed(path.name, source.video.width_px, source.video.height_px, timings, frames)


def _num_frames(contender: Contender, path: Path) -> int:
    return contender.in_file(path).num_frames


def show_speed(speed: Speed) -> None:
    """A table of one source."""
    print(f"\n{speed.name}, {speed.width_px}x{speed.height_px}, {speed.num_frames[BARE]} frames")
    print(f"{'':<20}{'fps':>8}{'10-90 %':>16}{'CPU ms/frame':>14}")
    for name in speed.timings:
        fps, low, high = speed.fps(name)
        print(f"{name:<20}{fps:>8.0f}{f'{low:.0f}-{high:.0f}':>16}{speed.cpu_ms(name):>14.2f}", flush=True)
