"""Whether pre-training teaches an encoder motion: an attentive probe on clips whose label is motion alone.

Per seed, with clips of its own (`motion_clips.py`), the trainer pre-trains two encoders from shards without
labels: one by masked pixels, one by distillation from a small teacher, which was taught motion on labelled
clips of its own (`learning_teacher.py`). A probe learns the labels from frozen features and is tried on
held-out clips that nobody else sees: over both, and over the encoder as it starts. Held-out clips with their
frames shuffled must come out at chance, and so must clips by a probe that was taught on shuffled ones.

The settings were chosen on seeds 100 and above; those reported are others.

    python -m benchmarks.learning
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.interleaved import last_line
from benchmarks.learning_probe import ProbeBudget, Probed, effective_rank, probe
from benchmarks.learning_runs import (
    by_distillation,
    by_pixels,
    teacher_config,
    trained_encoder,
    untrained_encoder,
    write_shards,
)
from benchmarks.learning_teacher import make_teacher
from benchmarks.motion_clips import MOTIONS, make_clips

UNTRAINED, PIXELS, DISTILLED = "untrained", "pixels", "distilled"
TARGET = 0.10
"""What pre-training must add to the accuracy of the untrained encoder."""
CHANCE = 1 / len(MOTIONS)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of everything: clips and steps."""

    clips: int = 4000
    labelled: int = 384
    held_out: int = 1000
    taught: int = 4000
    pixel_steps: int = 2500
    teacher_steps: int = 300
    distillation_steps: int = 800


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one encoder gave."""

    encoder: str
    seed: int
    accuracy: float
    shuffled: float
    effective_rank: float
    rate: float
    train_s: float


@dataclass(frozen=True, kw_only=True)
class SeedResult:
    """The encoders of a seed, and the accuracy of a probe that was taught on shuffled clips."""

    rows: tuple[Row, ...]
    taught_shuffled: float


def run_seed(seed: int, sizes: Sizes, budget: ProbeBudget) -> SeedResult:
    """Pre-train and probe with one seed; nothing is shared with another."""
    import torch

    torch.set_num_threads(1)
    counts = (sizes.clips, sizes.labelled, sizes.held_out, sizes.taught)
    clips, labelled, held_out, taught = (
        make_clips(1000 * seed + part, count) for part, count in enumerate(counts)
    )
    with tempfile.TemporaryDirectory(prefix="learning-") as name:
        folder = Path(name)
        url = write_shards(clips, folder / "shards")
        pixels, pixels_s = _timed(
            partial(by_pixels, url, folder / "pixels", steps=sizes.pixel_steps, seed=seed)
        )
        teacher = make_teacher(
            taught, teacher_config(), folder / "teacher", steps=sizes.teacher_steps, seed=seed
        )
        distilled, distilled_s = _timed(
            partial(
                by_distillation,
                url,
                teacher,
                folder / "distilled",
                steps=sizes.distillation_steps,
                seed=seed,
            )
        )
        encoders = {
            UNTRAINED: (untrained_encoder(seed), 0.0),
            PIXELS: (trained_encoder(pixels), pixels_s),
            DISTILLED: (trained_encoder(distilled), distilled_s),
        }
    rows = []
    for encoder, (model, seconds) in encoders.items():
        found = probe(model, labelled, held_out, seed=seed, budget=budget)
        rank = effective_rank(model, held_out)
        rows.append(_row(encoder, seed, found, rank, seconds))
    best, _ = encoders[PIXELS]
    control = probe(best, labelled.shuffled(seed), held_out, seed=seed, budget=budget)
    return SeedResult(rows=tuple(rows), taught_shuffled=control.accuracy)


def _timed(run: Callable[[], Path]) -> tuple[Path, float]:
    started = time.monotonic()
    return run(), time.monotonic() - started


def _row(encoder: str, seed: int, found: Probed, rank: float, seconds: float) -> Row:
    return Row(
        encoder=encoder, seed=seed, accuracy=round(found.accuracy, 4), shuffled=round(found.shuffled, 4),
        effective_rank=round(rank, 2), rate=found.rate, train_s=round(seconds, 1),
    )  # fmt: skip


def leads(results: Sequence[SeedResult], encoder: str) -> list[float]:
    """What an encoder adds to the untrained one of the same seed, seed by seed."""
    return [round(_of(result, encoder).accuracy - _of(result, UNTRAINED).accuracy, 4) for result in results]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--processes", type=int, default=2, help="seeds at the same time (default 2)")
    for name, usual in asdict(Sizes()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=usual, help=f"default {usual}")
    arguments = parser.parse_args()
    sizes = Sizes(**{name: getattr(arguments, name) for name in asdict(Sizes())})
    started = time.monotonic()
    # Each process has one core to itself: two threads for one of these small models gain next to nothing.
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(run_seed, seed, sizes, ProbeBudget()) for seed in arguments.seeds]
        results = [one.result() for one in running]
    report(results, sizes, time.monotonic() - started)


def report(results: Sequence[SeedResult], sizes: Sizes, seconds: float) -> None:
    """The table, the verdicts, and the line of JSON."""
    print(
        f"{'encoder':<12}{'accuracy':>18}{'over untrained':>20}{'shuffled':>18}{'effective rank':>18}"
        f"{'train s':>9}"
    )
    for encoder in (UNTRAINED, PIXELS, DISTILLED):
        rows = [_of(result, encoder) for result in results]
        lead = "" if encoder == UNTRAINED else _points(leads(results, encoder))
        print(
            f"{encoder:<12}{_percent([row.accuracy for row in rows]):>18}{lead:>20}"
            f"{_percent([row.shuffled for row in rows]):>18}"
            f"{_spread([row.effective_rank for row in rows], '.1f'):>18}"
            f"{statistics.mean(row.train_s for row in rows):>9.0f}"
        )
    taught = [result.taught_shuffled for result in results]
    print(f"chance {CHANCE:.1%}; a probe taught on shuffled clips, on clips in order: {_percent(taught)}")
    print("mean +- deviation over the seeds; accuracy on held-out clips")
    for encoder in (PIXELS, DISTILLED):
        worst = min(leads(results, encoder))
        verdict = "met" if worst >= TARGET else "missed"
        print(
            f"{encoder}: {100 * worst:+.1f} points or more with each seed "
            f"(target {100 * TARGET:+.0f}: {verdict})"
        )
    last_line(
        benchmark="learning",
        cores=os.cpu_count(),
        load_average=[round(value, 1) for value in os.getloadavg()],
        seconds=round(seconds, 1),
        sizes=asdict(sizes),
        chance=CHANCE,
        taught_shuffled=[round(value, 4) for value in taught],
        leads={encoder: leads(results, encoder) for encoder in (PIXELS, DISTILLED)},
        rows=[asdict(row) for result in results for row in result.rows],
    )


def _of(result: SeedResult, encoder: str) -> Row:
    return next(row for row in result.rows if row.encoder == encoder)


def _spread(values: Sequence[float], form: str) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):{form}} +- {deviation:{form}}"


def _percent(values: Sequence[float]) -> str:
    return f"{_spread([100 * value for value in values], '.1f')} %"


def _points(values: Sequence[float]) -> str:
    return _spread([100 * value for value in values], ".1f")


if __name__ == "__main__":
    main()
