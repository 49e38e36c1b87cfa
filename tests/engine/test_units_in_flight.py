"""Stages that wait for servers: many units at once in one process, with the faults of each kept apart."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli import USAGE
from pipelines.cli.messages import BadUsage, user_errors
from pipelines.executors.base import StageFailed
from pipelines.progress import JsonProgress
from tests.engine.asking_runs import FOREVER_S, Asking


def test_answers_are_awaited_together_and_come_out_as_one_by_one(tmp_path: Path) -> None:
    serial = Asking(tmp_path / "serial", 40)
    together = serial.beside(tmp_path / "together")
    serial.run(units_in_flight=1)
    together.run(units_in_flight=16)
    assert serial.most_at_once() == 1
    assert 12 <= together.most_at_once() <= 16
    assert together.span_s() < 0.4 * serial.span_s()
    assert together.told() == sorted(f"TEXT-{number}" for number in range(40))
    assert together.digests() == serial.digests()
    assert len(together.events("begin")) == 40
    assert len(together.events("setup")) == 1
    assert together.run(units_in_flight=16).executed == 0


def test_only_a_unit_that_kills_a_process_of_its_own_is_set_aside(tmp_path: Path) -> None:
    runs = Asking(tmp_path, 7)
    runs.write("0000.txt", "KILL")
    runs.run(wait_s=1.0)
    assert runs.view().reject_reasons() == {"worker_died": 1}
    assert runs.told() == sorted(f"TEXT-{number}" for number in range(1, 7))
    deaths = Counter(runs.deaths())
    poison = deaths.most_common(1)[0][0]
    assert len(deaths) > 1, "no other unit was in hand when the process died"
    assert deaths.pop(poison) == 4, "once in company, three times alone"
    assert set(deaths.values()) == {1}


def test_a_passing_fault_of_one_unit_holds_up_no_other(tmp_path: Path) -> None:
    runs = Asking(tmp_path, 6)
    runs.write("0000.txt", "RETRY")
    runs.run()
    assert runs.view().reject_reasons() == {}
    asked = Counter(event.text for event in runs.events("begin"))
    assert asked == {"RETRY": 2, **{f"text-{number}": 1 for number in range(1, 6)}}


def test_a_bug_ends_the_run_while_answers_are_out(tmp_path: Path) -> None:
    runs = Asking(tmp_path, 6)
    runs.write("0005.txt", "BUG")
    with pytest.raises(StageFailed, match="a bug in the stage"):
        runs.run(wait_s=FOREVER_S)
    (bug,) = [event for event in runs.events("begin") if event.text == "BUG"]
    assert time.monotonic() - bug.at_s < FOREVER_S / 2
    assert len(runs.events("begin")) > 1
    assert not runs.events("end")


class Impatient(JsonProgress):
    """Interrupts the run, as Ctrl-C does, as soon as a condition holds."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        super().__init__()
        self._condition = condition

    def tick(self) -> None:
        if self._condition():
            raise KeyboardInterrupt


def test_an_interrupt_ends_the_run_while_answers_are_out(tmp_path: Path) -> None:
    runs = Asking(tmp_path, 6)
    with pytest.raises(KeyboardInterrupt):
        runs.run(wait_s=FOREVER_S, progress=Impatient(lambda: len(runs.events("begin")) == 6))
    assert time.monotonic() - runs.events("begin")[-1].at_s < FOREVER_S / 2
    assert not runs.events("end")
    runs.run()
    assert len(runs.told()) == 6


def test_a_mistake_that_a_call_finds_ends_the_run_with_its_message(tmp_path: Path) -> None:
    runs = Asking(tmp_path, 6)
    runs.write("0005.txt", "DENIED")
    with pytest.raises(BadUsage) as caught, user_errors():
        runs.run(wait_s=FOREVER_S)
    assert caught.value.message == "stage 'ask': the server refuses the API key. Set another."
    assert caught.value.exit_code == USAGE
    assert runs.view().counts()["read"].committed >= 1
    assert runs.view().reject_reasons() == {}


def test_a_mistake_that_setup_finds_ends_the_run_with_its_message(tmp_path: Path) -> None:
    runs = Asking(tmp_path, 2)
    with pytest.raises(BadUsage) as caught, user_errors():
        runs.run(units_in_flight=1, has_weights=False)
    assert caught.value.message == "stage 'ask': weights.bin is not there. Fetch it."
    assert caught.value.exit_code == USAGE
