"""One training run: opens what it needs, continues where the last one stopped, closes everything."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from curation.base.storage import normalise
from training.assembly import build_loader, build_trainee, open_data, open_metrics
from training.checkpoints.export import describe_model
from training.checkpoints.resume import check_same_config, config_hash, semantic_config, what_bends
from training.checkpoints.state import Progress, SavedState, Setting, read_state
from training.checkpoints.upload import FINISH_WITHIN_S
from training.config import TrainConfig
from training.data import reading_notes
from training.errors import NonFiniteLossError, ToldElsewhereError
from training.interrupt import Interruption
from training.logs.metrics import MetricsLog, Note, OnLog, Totals
from training.logs.reading_notes import telling
from training.objectives.notes import objective_notes
from training.output import OutputRefusedError, sole_writer
from training.result import TrainResult
from training.together import together

if TYPE_CHECKING:
    from training.checkpoints.folder import Checkpoint
    from training.engines.ranks import Ranks
    from training.step import Trainee

CHECKPOINTS = "checkpoints"
HURRIED_S = 5.0
NON_FINITE_FILE = "nonfinite.json"
"""In the output folder: step, message and sample keys of a batch whose loss was no number."""


def train(
    config: TrainConfig,
    *,
    output: str,
    resume: bool = True,
    accept_new_shards: bool = False,
    on_log: OnLog | None = None,
) -> TrainResult:
    """Train in a local folder, from its newest whole checkpoint on if it has one.

    Under `torchrun` every process calls this; they share the folder and train one model. SIGINT and
    SIGTERM end the run after the step under way, with a checkpoint; calling again with the same arguments
    continues the same stream, with as many processes as there are then. `on_log` receives each logged
    step, and notes, on the first process. With `resume` False a folder that has checkpoints is refused.

    Raises:
        ValueError: config, data set or output folder cannot be used; the message says what to do.
        ToldElsewhereError: the same, and another process has the message.
        FileNotFoundError: there are no shards where `config.data` says.
        NonFiniteLossError: a loss or gradient is no number; no checkpoint holds what came of it.
        OSError: shards could not be read, or a checkpoint not be written.
        TooManyDamagedError: more samples are damaged than `config.data` bears.
    """
    # An OpenMP thread that spins while it waits takes its core from a decoder: on two busy cores that made
    # steps ten times slower. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from training.engines.ranks import Ranks

    with ExitStack() as stack:
        interrupted = stack.enter_context(Interruption())
        ranks = stack.enter_context(closing(Ranks.join(config.device)))
        folder = together(ranks, lambda: stack.enter_context(_folder(output, ranks)))
        run = _Run(config, folder, ranks, on_log if ranks.rank == 0 else None)
        stack.push(lambda failed, *_: run.close(hurried=failed is not None or interrupted()))
        start = run.find_start(resume=resume, accept_new_shards=accept_new_shards)
        if start is not None and start.step == config.steps:
            run.note(f"All {config.steps} steps were made before: nothing left to do.")
            return run.result(start.step, start.step, interrupted=False)
        return run.train_from(start, interrupted)


def _folder(output: str, ranks: Ranks) -> AbstractContextManager[Path]:
    """The output folder; the first process holds it against other runs."""
    return sole_writer(output) if ranks.rank == 0 else nullcontext(Path(normalise(output)))


class _Run:
    """What one call of `train` works with. Processes call its methods in step."""

    def __init__(self, config: TrainConfig, folder: Path, ranks: Ranks, on_log: OnLog | None) -> None:
        from training.checkpoints.folder import CheckpointFolder

        self._config = config
        self._folder = folder
        self._ranks = ranks
        self._on_log = on_log
        self._arithmetic, self._stream = together(ranks, partial(open_data, config, ranks))
        self._checkpoints = CheckpointFolder(folder / CHECKPOINTS, config.checkpoint, ranks, note=self.note)
        self._checkpoints.sweep()

    def close(self, *, hurried: bool) -> None:
        """Let go of the shards, and wait for what is being uploaded; not for long if `hurried`: who ends a
        process gives it half a minute, and what was not copied is copied by the next call."""
        self._stream.close()
        self._checkpoints.close(wait_s=HURRIED_S if hurried else FINISH_WITHIN_S)

    def find_start(self, *, resume: bool, accept_new_shards: bool) -> Checkpoint | None:
        """The checkpoint to go on from, once it is sure that it belongs to this run."""
        search = self._checkpoints.newest()
        for damage in search.damaged:
            self.note(f"Passed over a damaged checkpoint: {damage}")
        if search.found is None:
            return None
        adopt = partial(self._adopt, search.found, resume=resume, accept_new_shards=accept_new_shards)
        together(self._ranks, adopt)
        return search.found

    def train_from(self, start: Checkpoint | None, interrupted: Callable[[], bool]) -> TrainResult:
        """Train to the last step, or until interrupted."""
        trainee = build_trainee(
            self._config, self._ranks, self._arithmetic, fresh=start is None, note=self.note
        )
        with telling(self.note), closing(trainee.objective):
            return self._train(trainee, start, interrupted)

    def _train(
        self, trainee: Trainee, start: Checkpoint | None, interrupted: Callable[[], bool]
    ) -> TrainResult:
        from training.loop import run_steps

        config, ranks = self._config, self._ranks
        progress = Progress(step=0, samples=0, stream=None)
        if start is not None:
            progress = self._restore(start, trainee)
        num_samples = self._stream.num_samples
        for text in (
            *reading_notes(self._stream, batch_size=config.batch_size, num_ranks=ranks.world_size),
            *objective_notes(config.objective, config.model, config.data.augmentation, num_samples),
        ):
            self.note(text)
        # Logs first: a loader has threads at work from the beginning, which must be closed whatever comes.
        metrics = open_metrics(
            config,
            ranks,
            self._folder,
            progress,
            damaged_before=self._stream.num_substituted,
            on_log=self._on_log,
        )
        with ExitStack() as stack:
            stack.enter_context(metrics)
            loader = stack.enter_context(closing(build_loader(config, self._stream, self._arithmetic, ranks)))
            stack.enter_context(self._non_finite())
            end = run_steps(
                config,
                trainee,
                loader,
                metrics,
                progress,
                due=self._checkpoints.due,
                save=partial(self._save, trainee),
                interrupted=interrupted,
            )
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

    def _adopt(self, start: Checkpoint, *, resume: bool, accept_new_shards: bool) -> None:
        """Refuse a checkpoint of another run, and go to its place in the stream."""
        if not resume:
            raise OutputRefusedError(
                f"{self._folder} holds a run up to step {start.step}. Continue it, or choose another folder."
            )
        saved = read_state(start.path)
        check_same_config(saved, self._config, self._folder)
        assert saved.progress.stream is not None
        self._stream.load_state_dict(saved.progress.stream, accept_new_shards=accept_new_shards)

    @contextmanager
    def _non_finite(self) -> Iterator[None]:
        """Keep the keys of a batch whose loss is no number, and say so once."""
        try:
            yield
        except NonFiniteLossError as error:
            if self._ranks.rank:
                raise ToldElsewhereError(str(error)) from None
            path = self._folder / NON_FINITE_FILE
            found = {"step": error.step, "message": str(error), "keys": error.keys}
            path.write_text(json.dumps(found, indent=1), encoding="utf-8")
            raise NonFiniteLossError(f"{error} (all keys: {path})", error.step, error.keys) from None

    def _restore(self, start: Checkpoint, trainee: Trainee) -> Progress:
        self._checkpoints.load(start, trainee.engine, trainee.objective)
        self.note(f"Continuing after step {start.step} of {self._config.steps}.")
        saved = read_state(start.path)
        if text := what_bends(saved.setting, Setting.of(self._config, self._ranks, self._arithmetic)):
            self.note(text)
        return saved.progress

    def _save(self, trainee: Trainee, progress: Progress) -> None:
        state = SavedState(
            progress=progress,
            config=semantic_config(self._config),
            config_hash=config_hash(self._config),
            model=describe_model(self._config),
            dataset_version=self._stream.version,
            setting=Setting.of(self._config, self._ranks, self._arithmetic),
        )
        self._checkpoints.save(state, {**trainee.engine.tensors(), **trainee.objective.tensors()})
