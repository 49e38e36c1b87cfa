"""Trains the weights of the loom detector: python -m curation.detect.learning --help."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from curation.detect.learning.building import PoolReport, build_pool
from curation.detect.learning.card import Training, write_card
from curation.detect.learning.fit import FitConfig, Progress, fit
from curation.detect.learning.pool import ShotPool
from curation.detect.learning.scores import score
from curation.detect.models.loom import Loom

_log = logging.getLogger("curation.detect.learning")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the pools, train, measure, and write weights, card and log below the output folder."""
    options = _parser().parse_args(arguments)
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        handlers=[logging.StreamHandler(sys.stderr), logging.FileHandler(output / "training.log")],
    )
    started = time.monotonic()
    pool = _pool(output / "pool", options.scenes, options.footage, options.pictures, options.seed)
    held_out = _pool(
        output / "held_out",
        options.scenes // 10 + 1,
        options.held_out,
        options.held_out_pictures,
        options.seed + 1,
    )
    config = FitConfig(
        max_s=60 * options.minutes, peak_learning_rate=options.learning_rate, seed=options.seed
    )
    initial = options.initial.read_bytes() if options.initial else None
    model = fit(output / "pool", config, _report, initial=initial)
    measured = score(model, ShotPool.open(output / "held_out"))
    _log.info("held out: %s", measured)
    training = Training(
        config=config, seconds=time.monotonic() - started, pool=pool, held_out=held_out, score=measured
    )
    write_card(output, model, training)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m curation.detect.learning", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for pools, weights, card and log")
    parser.add_argument("--scenes", type=int, default=3000, help="procedural shots to train on")
    parser.add_argument(
        "--footage", type=Path, nargs="*", default=[], help="folders of videos, each file one shot"
    )
    parser.add_argument("--pictures", type=Path, nargs="*", default=[], help="folders of photographs")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[], help="as --footage, to measure with")
    parser.add_argument(
        "--held-out-pictures", type=Path, nargs="*", default=[], help="as --pictures, to measure with"
    )
    parser.add_argument("--initial", type=Path, help="weights (safetensors) to go on from")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="AdamW's, at its highest")
    parser.add_argument("--minutes", type=float, default=90.0, help="how long to train")
    parser.add_argument("--seed", type=int, default=1, help="of pools, weights and windows")
    return parser


def _pool(
    folder: Path, scenes: int, footage: Sequence[Path], pictures: Sequence[Path], seed: int
) -> PoolReport:
    report = build_pool(
        folder,
        scenes=scenes,
        footage=footage,
        pictures=pictures,
        seed=seed,
        processes=multiprocessing.cpu_count(),
    )
    _log.info("%s: %d shots, %d frames", folder.name, report.num_shots, report.num_frames)
    return report


def _report(progress: Progress, model: Loom) -> None:
    _log.info(
        "step %d: loss %.4f, %.1f windows/s, %.0f s",
        progress.step,
        progress.loss,
        progress.windows_per_s,
        progress.seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
