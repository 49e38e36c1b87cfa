"""What a run works with, made out of its config; every process of a run makes its own, in step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.checkpoints.state import Progress
from training.config import TrainConfig
from training.data import BatchLoader, open_stream
from training.engines.arithmetic import BatchArithmetic
from training.engines.check import check_engine
from training.estimate.cost import clip_cost
from training.logs.metrics import MetricsLog, OnLog
from training.logs.sinks import Sink, Sinks, open_sinks
from training.together import together

if TYPE_CHECKING:
    from shards.reading import SampleStream
    from training.engines.ranks import Ranks
    from training.objectives.objective import Objective
    from training.step import Trainee


def open_data(config: TrainConfig, ranks: Ranks) -> tuple[BatchArithmetic, SampleStream]:
    """What must fit before anything is loaded: batch and processes, engine, teachers and student, the shards.

    Raises:
        ValueError: something does not; the message says what to change.
        FileNotFoundError: there are no shards where `config.data` says.
    """
    arithmetic = BatchArithmetic(config.batch_size, ranks.world_size, config.engine.micro_batch_size)
    check_engine(config.engine, config.optimizer, arithmetic)
    config.objective.check(config.model)
    stream = open_stream(
        config.data,
        seed=config.seed,
        batch_size=config.batch_size,
        rank=ranks.rank,
        num_ranks=ranks.world_size,
        agree=ranks.agree if ranks.world_size > 1 else None,
    )
    return arithmetic, stream


def build_trainee(
    config: TrainConfig,
    ranks: Ranks,
    arithmetic: BatchArithmetic,
    *,
    fresh: bool,
    note: Callable[[str], None],
) -> Trainee:
    """The objective, its model, and the engine; a `fresh` run starts from `config.initial_weights`."""
    import torch

    from training.engines.build import build_engine
    from training.step import Trainee

    if config.num_threads is not None:
        torch.set_num_threads(config.num_threads)
    objective = together(ranks, partial(_build_objective, config, ranks.device, fresh=fresh, note=note))
    # A model without weights draws them now, as one that was built whole did first.
    torch.manual_seed(config.seed)
    engine = build_engine(config.engine, config.optimizer, objective.model, ranks, arithmetic)
    return Trainee(objective=objective, engine=engine, ranks=ranks, arithmetic=arithmetic)


def _build_objective(
    config: TrainConfig, device: Any, *, fresh: bool, note: Callable[[str], None]
) -> Objective[Any]:
    import torch

    from training.objectives.build import build_objective

    initial_weights = config.initial_weights if fresh else None
    torch.manual_seed(config.seed)
    objective = build_objective(
        config.objective,
        config.model,
        config.data.augmentation,
        device,
        # FSDP2 splits a model before it draws the weights, so that no process holds it whole.
        on_meta=config.engine.kind == "fsdp2" and initial_weights is None,
    )
    if initial_weights is not None:
        from training.released.load import load_into

        note(str(load_into(objective.model, initial_weights)))
    return objective


def build_loader(
    config: TrainConfig, stream: SampleStream, arithmetic: BatchArithmetic, ranks: Ranks
) -> BatchLoader:
    """Batches of this process; reading begins at once."""
    return BatchLoader(
        stream,
        config.data,
        batch_size=arithmetic.per_process,
        num_frames=config.objective.num_frames(config.model),
        seed=config.seed,
        epoch_cycle=config.objective.epoch_cycle,
        device=ranks.device,
    )


def open_metrics(
    config: TrainConfig,
    ranks: Ranks,
    folder: Path,
    progress: Progress,
    *,
    damaged_before: int,
    on_log: OnLog | None,
) -> MetricsLog:
    """The logs of a run that goes on from `progress`.

    Raises:
        ValueError: W&B is asked for and cannot be used.
    """
    return MetricsLog(
        config.logging,
        steps=config.steps,
        ranks=ranks,
        device=ranks.device,
        sink=together(ranks, partial(_open_sink, config, ranks, folder, progress)),
        on_log=on_log,
        cost=clip_cost(config.objective, config.model, config.data.augmentation),
        samples_before=progress.samples,
        damaged_before=damaged_before,
    )


def _open_sink(config: TrainConfig, ranks: Ranks, folder: Path, progress: Progress) -> Sink:
    if ranks.rank:
        return Sinks()
    return open_sinks(
        folder,
        config.logging,
        first_step=progress.step,
        name=config.name,
        settings=config.model_dump(mode="json"),
    )
