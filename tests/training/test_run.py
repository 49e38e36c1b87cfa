"""A run that is stopped, in whatever way, goes on as if it had not been."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import training.interrupt as interrupt_module
from shards.reading import ShardError
from tests.training.conftest import tiny_values
from tests.training.shard_set import write_shards
from training.checkpoints.resume import ConfigChangedError
from training.config import TrainConfig
from training.logs.metrics import Note, StepLog
from training.logs.progress import TrainingProgress
from training.output import OutputRefusedError
from training.run import train

Tiny = Callable[..., TrainConfig]
ROOT = Path(__file__).resolve().parents[2]


def figures(output: str) -> list[tuple[object, ...]]:
    """What every step gave, exactly; speed left out."""
    lines = (Path(output) / "metrics.jsonl").read_text().splitlines()
    names = ("step", "epoch", "loss", "grad_norm", "learning_rate", "damaged")
    return [tuple(json.loads(line)[name] for name in names) for line in lines]


@pytest.fixture(scope="module")
def undisturbed(shards: str, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    output = str(tmp_path_factory.mktemp("undisturbed") / "out")
    result = train(TrainConfig.model_validate(tiny_values(shards)), output=output)
    assert result.step == 12
    assert not result.interrupted
    return figures(output)


def test_a_run_writes_every_step_and_keeps_the_newest_checkpoints(tiny: Tiny, output: str) -> None:
    seen: list[StepLog | Note] = []
    result = train(tiny(checkpoint={"keep": 2}), output=output, on_log=seen.append)
    steps = [event for event in seen if isinstance(event, StepLog)]
    assert [log.step for log in steps] == list(range(1, 13))
    assert [row[:3] for row in figures(output)] == [(log.step, log.epoch, log.loss) for log in steps]
    assert (result.first_step, result.step, result.samples) == (0, 12, 48)
    assert result.loss == steps[-1].loss
    assert result.samples_per_s > 0
    assert 0 <= result.data_wait_share <= 1
    assert sorted(os.listdir(Path(output) / "checkpoints")) == ["step_00000008", "step_00000012"]
    assert result.checkpoint == str(Path(output) / "checkpoints" / "step_00000012")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_same_call_continues(
    tiny: Tiny, output: str, undisturbed: list[tuple[object, ...]], number: signal.Signals
) -> None:
    def interrupt(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == 6:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    result = train(tiny(), output=output, on_log=interrupt)
    assert signal.getsignal(number) is before
    assert (result.step, result.interrupted) == (6, True)
    assert result.checkpoint == str(Path(output) / "checkpoints" / "step_00000006")

    result = train(tiny(), output=output)
    assert (result.first_step, result.step, result.interrupted) == (6, 12, False)
    assert figures(output) == undisturbed


def test_a_signal_that_comes_twice_at_once_is_one_wish(tiny: Tiny, output: str) -> None:
    """A scheduler or the terminal signals all processes, and torchrun passes its own signal on."""

    def interrupt_twice(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == 2:
            for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
                os.kill(os.getpid(), number)

    result = train(tiny(), output=output, on_log=interrupt_twice)
    assert (result.step, result.interrupted) == (2, True)


def test_a_second_ctrl_c_of_an_impatient_user_is_not_held_up(
    tiny: Tiny, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupt_module, "SAME_REQUEST_S", -1.0)

    def interrupt_twice(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
            # Two that are both pending are one.
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

    with pytest.raises(KeyboardInterrupt):
        train(tiny(), output=output, on_log=interrupt_twice)


@pytest.mark.slow
def test_a_process_whose_logs_cannot_be_opened_ends(shards: str, output: str) -> None:
    """Nothing that reads ahead keeps it alive."""
    Path(output).mkdir()
    (Path(output) / "tensorboard").write_text("in the way")
    values = tiny_values(shards, logging={"tensorboard": True})
    command = [sys.executable, "-m", "tests.training.train_child", json.dumps(values), output]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode
    assert "tensorboard" in ended.stderr


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_undisturbed(
    shards: str, output: str, undisturbed: list[tuple[object, ...]]
) -> None:
    values = tiny_values(shards, checkpoint={"every_steps": 2})
    command = [sys.executable, "-m", "tests.training.train_child", json.dumps(values), output]
    for last_seen in (1, 5, 8):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if line.strip() == str(last_seen):
                    break
            child.kill()
    result = train(TrainConfig.model_validate(values), output=output)
    assert 6 <= result.first_step < 12
    assert result.step == 12
    assert figures(output) == undisturbed


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(
    tiny: Tiny, output: str, undisturbed: list[tuple[object, ...]]
) -> None:
    train(tiny(), output=output)
    newest = max((Path(output) / "checkpoints" / "step_00000012").glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-100])
    seen: list[StepLog | Note] = []
    result = train(tiny(), output=output, on_log=seen.append)
    notes = [event.text for event in seen if isinstance(event, Note)]
    assert "damaged checkpoint" in notes[0]
    assert f"step_00000012: {newest.name} has" in notes[0]
    assert "Continuing after step 8 of 12." in notes
    assert (result.first_step, result.step) == (8, 12)
    assert figures(output) == undisturbed


def test_a_finished_run_has_nothing_left_to_do(tiny: Tiny, output: str) -> None:
    train(tiny(), output=output)
    written = figures(output)
    seen: list[StepLog | Note] = []
    result = train(tiny(checkpoint={"every_steps": 5}), output=output, on_log=seen.append)
    assert result.nothing_to_do
    assert seen == [Note("All 12 steps were made before: nothing left to do.")]
    assert (result.first_step, result.step, result.samples, result.loss) == (12, 12, 0, None)
    assert figures(output) == written


def test_a_changed_config_is_refused_with_both_values(tiny: Tiny, output: str) -> None:
    train(tiny(), output=output)
    changed = tiny(steps=20, optimizer={"peak_learning_rate": 2e-3}, model={"depth": 3})
    with pytest.raises(ConfigChangedError) as refused:
        train(changed, output=output)
    message = str(refused.value)
    assert "steps = 12 in the checkpoint, 20 now" in message
    assert "optimizer.peak_learning_rate = 0.001 in the checkpoint, 0.002 now" in message
    assert "model.depth = 2 in the checkpoint, 3 now" in message
    assert "num_frames" not in message


def test_other_shards_are_refused_with_both_hashes_unless_accepted(
    tiny: Tiny, output: str, videos: dict[str, bytes], tmp_path: Path
) -> None:
    train(tiny(steps=4), output=output, on_log=lambda _: None)
    fewer = write_shards(tmp_path / "fewer", {key: videos[key] for key in sorted(videos)[:8]})
    versions = [
        json.loads((Path(url) / "manifest.json").read_text())["version"] for url in (tiny().data.train, fewer)
    ]

    def interrupt(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    output += "2"
    train(tiny(), output=output, on_log=interrupt)
    with pytest.raises(ShardError) as refused:
        train(tiny(data={"train": fewer}), output=output)
    assert all(version in str(refused.value) for version in versions)
    result = train(tiny(data={"train": fewer}), output=output, accept_new_shards=True)
    assert (result.first_step, result.step) == (3, 12)
    # Three steps used 12 slots of passes of 10, so the pass that follows is the third.
    assert figures(output)[3][1] == 2


def test_moved_shards_are_the_same_shards(
    tiny: Tiny, output: str, videos: dict[str, bytes], tmp_path: Path, undisturbed: list[tuple[object, ...]]
) -> None:
    moved = write_shards(tmp_path / "moved", videos, per_shard=4)
    train(tiny(data={"train": moved}), output=output)
    assert figures(output) == undisturbed
    assert train(tiny(), output=output).nothing_to_do


def test_a_set_smaller_than_a_batch_is_trained_on_with_a_note(
    tiny: Tiny, output: str, videos: dict[str, bytes], tmp_path: Path
) -> None:
    small = write_shards(tmp_path / "small", {key: videos[key] for key in ("clip00", "clip01", "clip02")})
    seen: list[StepLog | Note] = []
    result = train(tiny(data={"train": small}), output=output, on_log=seen.append)
    assert result.step == 12
    assert any(isinstance(e, Note) and "3 samples" in e.text and "batch_size = 4" in e.text for e in seen)


def test_missing_and_empty_shards_are_named_before_the_first_step(
    tiny: Tiny, output: str, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.*no manifest there"):
        train(tiny(data={"train": str(tmp_path / "nowhere")}), output=output)
    empty = write_shards(tmp_path / "empty", {})
    with pytest.raises(ShardError, match="no samples in split 'train'"):
        train(tiny(data={"train": empty}), output=output)
    with pytest.raises(ShardError, match="pipe"):
        train(tiny(data={"train": "pipe:cat x.tar"}), output=output)


def test_outputs_that_cannot_be_used_are_refused(tiny: Tiny, output: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputRefusedError, match="a file is in the way"):
        train(tiny(), output=str(tmp_path / "file"))
    with pytest.raises(OutputRefusedError, match="local folder"):
        train(tiny(), output="s3://bucket/run")
    train(tiny(steps=4), output=output)
    with pytest.raises(OutputRefusedError, match="holds a run up to step 4"):
        train(tiny(steps=4), output=output, resume=False)


def test_two_processes_do_not_train_into_one_folder(tiny: Tiny, output: str) -> None:
    seen: list[str] = []

    def train_too(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == 2:
            with pytest.raises(OutputRefusedError) as refused:
                train(tiny(), output=output)
            seen.append(str(refused.value))

    train(tiny(), output=output, on_log=train_too)
    assert f"Process {os.getpid()} is training into" in seen[0]


def test_it_trains_outside_the_main_thread(
    tiny: Tiny, output: str, undisturbed: list[tuple[object, ...]]
) -> None:
    thread = threading.Thread(target=train, args=(tiny(),), kwargs={"output": output})
    thread.start()
    thread.join()
    assert figures(output) == undisturbed


def test_tensorboard_has_every_step_once(tiny: Tiny, output: str) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def interrupt(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    for on_log in (interrupt, None):
        train(tiny(logging={"tensorboard": True}), output=output, on_log=on_log)
    events = EventAccumulator(str(Path(output) / "tensorboard")).Reload()
    expected = [(row[0], pytest.approx(row[2], rel=1e-6)) for row in figures(output)]
    assert [(event.step, event.value) for event in events.Scalars("loss")] == expected
    assert {"learning_rate", "grad_norm", "samples_per_s", "data_wait_share", "terms/pixels"} <= set(
        events.Tags()["scalars"]
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_plain_lines_or_a_live_one(
    tiny: Tiny, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, terminal = io.StringIO(), Terminal()
    with TrainingProgress(plain) as progress:
        train(tiny(), output=output, on_log=progress)
    lines = plain.getvalue().splitlines()
    assert lines[0].startswith("step 1/12 loss ")
    assert lines[-1].startswith("step 12/12 loss ")
    for word in ("lr ", "grad ", "samples/s", "data-wait "):
        assert word in lines[-1]
    monkeypatch.setenv("COLUMNS", "100")
    with TrainingProgress(terminal) as live:
        train(tiny(), output=f"{output}2", on_log=live)
    assert "12/12" in terminal.getvalue()
    assert "data-wait " in terminal.getvalue()
