"""What the loop costs beside the arithmetic: CPU time of the real loop over that of bare steps.

- bare: forward, backward, clipping, fused AdamW on rows that lie ready, in plain PyTorch
- bare, prepared: the same, after the objective has cropped, masked and (distillation) asked its teacher
- loop: `training.loop.run_steps` on the DDP engine, with metrics.jsonl and TensorBoard for every step

in turns, on the same batches from memory with the same random numbers: after the first step their weights
must be equal. Ratios are within a turn. Distillation has a moving average of the student as teacher, which
only the loop updates; bare steps do not ask it, so the loop is compared with prepared ones alone.

    python -m benchmarks.loop_overhead
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Read when torch is loaded; `training.run` sets it too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch import nn

from benchmarks.interleaved import Timing, last_line, show
from benchmarks.trainer_loop import MemoryLoader
from benchmarks.trainer_student import joined, random_batch
from training.batch import Batch
from training.checkpoints.state import Progress
from training.config import TrainConfig
from training.engines.arithmetic import BatchArithmetic
from training.engines.build import build_engine
from training.engines.ranks import Ranks
from training.estimate.cost import clip_cost
from training.logs.metrics import MetricsLog
from training.logs.sinks import open_sinks
from training.loop import run_steps
from training.objectives.build import build_objective
from training.objectives.objective import Objective
from training.optimizer import build_optimizer, set_learning_rate
from training.randomness import step_seed
from training.step import Trainee

BARE, PREPARED, LOOP = "bare", "bare, prepared", "loop"
TARGET = 0.05
"""Of the bare step's CPU time, for steps as long as a GPU's."""
SMALL = {
    "num_frames": 8,
    "size_px": 112,
    "patch_px": 14,
    "width": 192,
    "depth": 6,
    "heads": 3,
    "mlp_width": 768,
}
TINY = {
    "num_frames": 4,
    "size_px": 32,
    "patch_px": 8,
    "tubelet_frames": 2,
    "width": 32,
    "depth": 2,
    "heads": 2,
    "mlp_width": 64,
}
PIXELS = {"kind": "pixels", "mask_ratio": 0.75, "decoder": {"width": 96, "depth": 1, "heads": 3}}
TINY_PIXELS = PIXELS | {"decoder": {"width": 32, "depth": 1, "heads": 2}}
DISTILL = {
    "kind": "distill",
    "teacher": {"kind": "ema", "layers": 2, "precision": "fp32"},
    "mask": {"kind": "random", "ratio": 0.75},
}
NUM_BATCHES = 4


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, what it learns, and how long a turn is."""

    name: str
    model: dict[str, Any]
    objective: dict[str, Any]
    batch_size: int
    steps: int

    def config(self) -> TrainConfig:
        """Settings of a run; batches come from memory, so the shards are never opened."""
        return TrainConfig.model_validate(
            {
                "data": {"train": "memory", "frame_px": self.model["size_px"] * 8 // 7},
                "model": self.model,
                "objective": self.objective,
                "batch_size": self.batch_size,
                "steps": 1_000_000,
            }
        )


CASES = (
    Case(name="pixels", model=SMALL, objective=PIXELS, batch_size=4, steps=2),
    Case(name="distill", model=SMALL, objective=DISTILL, batch_size=4, steps=1),
    Case(name="pixels, tiny", model=TINY, objective=TINY_PIXELS, batch_size=4, steps=30),
)


class Bare:
    """Steps in plain PyTorch on a copy of an objective's model; call it with a number of steps."""

    def __init__(self, config: TrainConfig, objective: Objective[Any], batches: Sequence[Batch]) -> None:
        self._config = config
        self._objective = objective
        self.model: nn.Module = copy.deepcopy(objective.model)
        self._optimizer = build_optimizer(self.model, config.optimizer)
        self._trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self._batches = batches
        self._kept: list[Any] | None = None
        self._step = 0

    def prepare_once(self) -> None:
        """Prepare all batches now, and never again."""
        self._kept = [self._prepare(batch) for batch in self._batches]

    def __call__(self, steps: int) -> None:
        """Make some steps."""
        for _ in range(steps):
            number = self._step % len(self._batches)
            self._step += 1
            torch.manual_seed(step_seed(self._config.seed, self._step, 0))
            rows = self._kept[number] if self._kept else self._prepare(self._batches[number])
            loss = torch.stack(list(self._objective.terms(self.model, rows).values())).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._trained, self._config.optimizer.max_grad_norm)
            set_learning_rate(self._optimizer, self._config.learning_rate(self._step))
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)

    def _prepare(self, batch: Batch) -> Any:
        return self._objective.prepare(batch.video_uint8, batch.draws)


class Loop:
    """The real loop; each call goes on where the last one stopped."""

    def __init__(
        self,
        config: TrainConfig,
        objective: Objective[Any],
        batches: Sequence[Batch],
        ranks: Ranks,
        folder: Path,
    ) -> None:
        self._config = config
        arithmetic = BatchArithmetic(config.batch_size, ranks.world_size)
        engine = build_engine(config.engine, config.optimizer, objective.model, ranks, arithmetic)
        self._trainee = Trainee(objective=objective, engine=engine, ranks=ranks, arithmetic=arithmetic)
        self._loader = MemoryLoader(batches)
        self._progress = Progress(step=0, samples=0, stream=None)
        self._until = 0
        folder.mkdir()
        self._metrics = MetricsLog(
            config.logging,
            steps=config.steps,
            ranks=ranks,
            device=ranks.device,
            sink=open_sinks(folder, config.logging, first_step=0, name="overhead", settings={}),
            on_log=None,
            cost=clip_cost(config.objective, config.model, config.data.augmentation),
        )

    def __call__(self, steps: int) -> None:
        """Make some steps."""
        self._until += steps
        self._progress = run_steps(
            # Only the end is another: rates follow from the config of the whole run.
            _Until(self._config, self._until),  # type: ignore[arg-type]
            self._trainee,
            self._loader,  # type: ignore[arg-type]  # BatchLoader is no protocol
            self._metrics,
            self._progress,
            due=lambda step: False,
            save=lambda progress: None,
            interrupted=lambda: False,
        )

    def close(self) -> None:
        """Close the logs."""
        self._metrics.__exit__()


class _Until:
    """A config whose run ends early."""

    def __init__(self, config: TrainConfig, steps: int) -> None:
        self._config = config
        self.steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._config, name)


def compare(case: Case, ranks: Ranks, folder: Path, turns: int) -> dict[str, Timing]:
    """Time the three in turns, after one of warm-up."""
    config = case.config()
    torch.manual_seed(0)
    objective = build_objective(config.objective, config.model, config.data.augmentation, ranks.device)
    num_frames = config.objective.num_frames(config.model)
    batches = [
        random_batch(case.batch_size, num_frames, config.data.frame_px, number)
        for number in range(NUM_BATCHES)
    ]
    bare, prepared = (Bare(config, objective, batches) for _ in range(2))
    bare.prepare_once()
    loop = Loop(config, objective, batches, ranks, folder / case.name.replace(", ", "-"))
    runs: dict[str, Callable[[int], None]] = {BARE: bare, PREPARED: prepared, LOOP: loop}
    for run in runs.values():
        run(1)
    # After one step, since from then on the teacher that follows the loop's student is another.
    for model in (bare.model, prepared.model):
        _check_equal(case, model, objective.model)
    found = _in_turns({name: _turn(run, case.steps) for name, run in runs.items()}, turns)
    loop.close()
    return found


def _in_turns(contenders: dict[str, Callable[[], None]], turns: int) -> dict[str, Timing]:
    """Short turns, many of them, for the load changes; each comes after each, since one finds the caches as
    another has left them. CPU time is that of this process, finer than a tick of the system's clock."""
    found = {name: Timing([], []) for name in contenders}
    names = list(contenders)
    for turn in range(turns):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            wall, cpu = time.perf_counter(), time.process_time()
            contenders[name]()
            found[name].wall_s.append(time.perf_counter() - wall)
            found[name].cpu_s.append(time.process_time() - cpu)
    return found


def _turn(run: Callable[[int], None], steps: int) -> Callable[[], None]:
    return lambda: run(steps)


def _check_equal(case: Case, one: nn.Module, other: nn.Module) -> None:
    """Both made the same steps, or what is compared is not the same work."""
    for (name, mine), theirs in zip(one.named_parameters(), other.parameters(), strict=True):
        if not torch.equal(mine, theirs):
            raise SystemExit(f"{case.name}: after the same steps {name} differs between the contenders")


def overhead(timing: Timing, base: Timing) -> dict[str, float]:
    """CPU time beyond that of the base, as a share of it: median and 10-90 % of the turns."""
    shares = sorted(mine / its - 1 for mine, its in zip(timing.cpu_s, base.cpu_s, strict=True))
    cut = len(shares) // 10
    return {
        "median": round(statistics.median(shares), 4),
        "low": round(shares[cut], 4),
        "high": round(shares[-1 - cut], 4),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="default: all")
    parser.add_argument("--turns", type=int, default=31, help="turns of each (default 31)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the model (default 1)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    figures: dict[str, Any] = {}
    with joined("cpu") as ranks, tempfile.TemporaryDirectory(prefix="overhead-") as name:
        for case in CASES:
            if arguments.case and case.name not in arguments.case:
                continue
            found = compare(case, ranks, Path(name), arguments.turns)
            figures[case.name] = _report(case, found)
    last_line(
        benchmark="loop_overhead",
        cores=os.cpu_count(),
        threads=arguments.threads,
        load_average=[round(value, 1) for value in os.getloadavg()],
        turns=arguments.turns,
        target=TARGET,
        cases=figures,
    )


def _report(case: Case, found: dict[str, Timing]) -> dict[str, Any]:
    cpu_ms = {name: 1000 * statistics.median(each.cpu_s) / case.steps for name, each in found.items()}
    bases = (BARE, PREPARED) if case.objective["kind"] == "pixels" else (PREPARED,)
    against = {name: overhead(found[LOOP], found[name]) for name in bases}
    print(f"\n{case.name}: {case.steps} steps a turn, {cpu_ms[BARE]:.1f} ms of CPU a bare step")
    show(found)
    for name, share in against.items():
        verdict = "met" if share["median"] < TARGET else "missed"
        if verdict == "missed" and share["low"] <= TARGET:
            verdict = "undecided, within the spread"
        print(
            f"  loop over '{name}': {share['median']:+.1%} ({share['low']:+.1%} to {share['high']:+.1%}), "
            f"target < {TARGET:.0%}: {verdict}",
            flush=True,
        )
    return {"cpu_ms_per_step": {name: round(value, 3) for name, value in cpu_ms.items()}, "over": against}


if __name__ == "__main__":
    main()
