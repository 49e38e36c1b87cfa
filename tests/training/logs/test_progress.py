"""What the user sees while a run goes on."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from tests.training.logs.test_metrics import a_log
from training.logs.metrics import Note
from training.logs.progress import PLAIN_EVERY_S, TrainingProgress, describe


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_line_has_what_is_known() -> None:
    line = "loss 1.5000 lr 1.0e-03 grad 0.50 8.0 samples/s data-wait 25%"
    assert describe(a_log(1)) == line
    assert describe(a_log(1, mfu=0.413, damaged=2)) == f"{line} MFU 41% 2 damaged samples replaced"


def test_plain_lines_are_thinned_out_but_the_first_and_last_come(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("training.logs.progress.time.monotonic", lambda: now)
    stream = io.StringIO()
    with TrainingProgress(stream) as show:
        for step in (1, 2):
            show(a_log(step))
        show(Note("Continuing after step 2 of 9."))
        now += PLAIN_EVERY_S
        for step in (3, 4, 9):
            show(a_log(step))
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/9", "after", "3/9", "9/9"]
    assert lines[0] == f"step 1/9 {describe(a_log(1))}"


def test_a_terminal_has_a_live_line_and_notes_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with TrainingProgress(stream) as show:
        show(Note("Continuing after step 2 of 9 [sic]."))
        show(replace(a_log(9), mfu=0.5))
    shown = stream.getvalue()
    assert "Continuing after step 2 of 9 [sic]." in shown
    assert "9/9" in shown
    assert "MFU 50%" in shown
