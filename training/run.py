"""One training run: opens what it needs, continues where the last one stopped, closes everything."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from training.checkpoint import Checkpoint, CheckpointFolder
from training.config import TrainConfig
from training.data import BatchLoader, open_stream
from training.interrupt import Interruption
from training.metrics import MetricsLog, Note, OnLog, Totals
from training.optimizer import build_optimizer
from training.output import OutputRefusedError, sole_writer
from training.reading_notes import telling
from training.resume import check_same_config, config_hash, semantic_config
from training.state import Progress, SavedState, load_checkpoint, random_state, read_state, write_checkpoint

if TYPE_CHECKING:
    from training.loop import Trainee

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a call of `train` did: the steps after `first_step`, up to `step`.

    `loss` is that of the last step, None if none was made. `samples`, `seconds`, `samples_per_s` and
    `data_wait_share` (0..1) are of this call alone.
    """

    output: str
    checkpoint: str | None
    first_step: int
    step: int
    steps: int
    samples: int
    loss: float | None
    seconds: float
    samples_per_s: float
    data_wait_share: float
    interrupted: bool

    @property
    def nothing_to_do(self) -> bool:
        """Whether all steps had been made before."""
        return self.first_step == self.steps


def train(
    config: TrainConfig,
    *,
    output: str,
    resume: bool = True,
    accept_new_shards: bool = False,
    on_log: OnLog | None = None,
) -> TrainResult:
    """Train in a local folder, from its newest whole checkpoint on if it has one.

    SIGINT and SIGTERM end the run after the step under way, with a checkpoint; calling again with the
    same arguments continues the same stream. `on_log` receives each logged step, and notes. With
    `resume` False a folder that has checkpoints is refused.

    Raises:
        ValueError: config, data set or output folder cannot be used; the message says what to do.
        FileNotFoundError: there are no shards where `config.data` says.
        OSError: shards could not be read, or a checkpoint not be written.
        TooManyDamagedError: more samples are damaged than `config.data` bears.
    """
    with (
        Interruption() as interrupted,
        sole_writer(output) as folder,
        closing(_Run(config, folder, on_log)) as run,
    ):
        start = run.find_start(resume=resume, accept_new_shards=accept_new_shards)
        if start is not None and start.step == config.steps:
            run.note(f"All {config.steps} steps were made before: nothing left to do.")
            return run.result(start.step, start.step, interrupted=False)
        return run.train_from(start, interrupted)


class _Run:
    """What one call of `train` works with."""

    def __init__(self, config: TrainConfig, folder: Path, on_log: OnLog | None) -> None:
        self._config = config
        self._folder = folder
        self._on_log = on_log
        self._stream = open_stream(config.data, seed=config.seed, batch_size=config.batch_size)
        self._checkpoints = CheckpointFolder(folder / CHECKPOINTS, config.checkpoint.keep)
        self._checkpoints.sweep()

    def close(self) -> None:
        """Let go of the shards."""
        self._stream.close()

    def find_start(self, *, resume: bool, accept_new_shards: bool) -> Checkpoint | None:
        """The checkpoint to go on from, once it is sure that it belongs to this run."""
        search = self._checkpoints.newest()
        for damage in search.damaged:
            self.note(f"Passed over a damaged checkpoint: {damage}")
        if search.found is None:
            return None
        if not resume:
            raise OutputRefusedError(
                f"{self._folder} holds a run up to step {search.found.step}. Continue it, or choose another "
                "folder."
            )
        saved = read_state(search.found.path)
        check_same_config(saved, self._config, self._folder)
        assert saved.progress.stream is not None
        self._stream.load_state_dict(saved.progress.stream, accept_new_shards=accept_new_shards)
        return search.found

    def train_from(self, start: Checkpoint | None, interrupted: Callable[[], bool]) -> TrainResult:
        """Train to the last step, or until interrupted."""
        # An OpenMP thread that spins while it waits takes its core from a decoder: on two busy cores that
        # made steps ten times slower. Read when torch is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from training.loop import run_steps

        config = self._config
        trainee = self._build()
        progress = Progress(step=0, samples=0, stream=None)
        if start is not None:
            progress = self._restore(start, trainee)
        if self._stream.num_samples < config.batch_size:
            self.note(
                f"{self._stream.num_samples} samples are fewer than batch_size = {config.batch_size}: "
                "a batch holds samples of several passes."
            )
        metrics = MetricsLog(
            self._folder, config.logging, steps=config.steps, first_step=progress.step, on_log=self._on_log
        )
        loader = BatchLoader(
            self._stream,
            config.data,
            batch_size=config.batch_size,
            num_frames=config.model.num_frames,
            seed=config.seed,
        )
        save = partial(self._save, trainee)
        with telling(self.note), metrics, closing(loader):
            end = run_steps(config, trainee, loader, metrics, progress, save=save, interrupted=interrupted)
        return self.result(progress.step, end.step, interrupted=end.step < config.steps, metrics=metrics)

    def result(
        self, first_step: int, step: int, *, interrupted: bool, metrics: MetricsLog | None = None
    ) -> TrainResult:
        """Sum up a call that made the steps after `first_step`, up to `step`."""
        totals = Totals() if metrics is None else metrics.totals
        return TrainResult(
            output=str(self._folder),
            checkpoint=str(self._checkpoints.path(step)) if step else None,
            first_step=first_step,
            step=step,
            steps=self._config.steps,
            samples=totals.samples,
            loss=totals.loss,
            seconds=round(totals.seconds, 3),
            samples_per_s=round(totals.samples_per_s, 3),
            data_wait_share=round(totals.data_wait_share, 4),
            interrupted=interrupted,
        )

    def note(self, text: str) -> None:
        """Tell the user something that belongs to no step."""
        if self._on_log is not None:
            self._on_log(Note(text))

    def _build(self) -> Trainee:
        import torch

        from training.loop import Trainee
        from training.objectives.masked_pixels import MaskedPixels

        config = self._config
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device = cuda, but torch sees no CUDA device on this machine. Set device: cpu.")
        if config.num_threads is not None:
            torch.set_num_threads(config.num_threads)
        torch.manual_seed(config.seed)
        model = MaskedPixels(config.objective, config.model).to(config.device)
        return Trainee(model=model, optimizer=build_optimizer(model, config.optimizer))

    def _restore(self, start: Checkpoint, trainee: Trainee) -> Progress:
        import torch

        saved = read_state(start.path)
        load_checkpoint(start.path, trainee.model, trainee.optimizer, self._config.device)
        self.note(f"Continuing after step {start.step} of {self._config.steps}.")
        if saved.num_threads != torch.get_num_threads():
            self.note(
                f"The checkpoint was trained with {saved.num_threads} CPU threads, this run has "
                f"{torch.get_num_threads()}: losses will agree, but not to the last bit."
            )
        return saved.progress

    def _save(self, trainee: Trainee, progress: Progress) -> None:
        import torch

        state = SavedState(
            progress=progress,
            config=semantic_config(self._config),
            config_hash=config_hash(self._config),
            dataset_version=self._stream.version,
            num_threads=torch.get_num_threads(),
            random=random_state(self._config.device),
        )
        write = partial(write_checkpoint, model=trainee.model, optimizer=trainee.optimizer, state=state)
        self._checkpoints.save(progress.step, write)
