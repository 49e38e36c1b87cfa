"""Logging to Weights & Biases: what is asked of it, with a module that records, and with itself where it is
installed, offline."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.training.logs.test_metrics import a_log
from training.logs.metrics import LoggingConfig
from training.logs.sinks import open_sinks
from training.logs.wandb_config import WandbConfig


class Recorder(ModuleType):
    """What we use of wandb, written down."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.errors = SimpleNamespace(Error=ConnectionRefusedError)
        self.refusal: Exception | None = None

    def Settings(self, **values: Any) -> dict[str, Any]:  # noqa: N802 (its name there)
        return values

    def init(self, **values: Any) -> Recorder:
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(("init", values))
        return self

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.calls.append(("define_metric", {"name": name, "step_metric": step_metric}))

    def log(self, values: dict[str, Any]) -> None:
        self.calls.append(("log", values))

    def finish(self) -> None:
        self.calls.append(("finish", {}))


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "wandb", recorder)
    return recorder


def log_steps(output: Path, *steps: int, first_step: int = 0, **config: Any) -> None:
    settings = LoggingConfig(tensorboard=False, wandb=WandbConfig(project="videos", **config))
    sink = open_sinks(output, settings, first_step=first_step, name="stage1", settings={"steps": 9})
    for step in steps:
        sink.write(a_log(step))
    sink.close()


def test_a_continued_training_continues_its_run(wandb: Recorder, tmp_path: Path) -> None:
    log_steps(tmp_path, 1, 2, entity="us")
    log_steps(tmp_path, 2, 3, first_step=1, entity="us")
    first, second = (values for name, values in wandb.calls if name == "init")
    assert (first["project"], first["entity"], first["name"]) == ("videos", "us", "stage1")
    assert (first["mode"], first["resume"], first["config"]) == ("online", "allow", {"steps": 9})
    assert first["dir"] == str(tmp_path)
    assert first["id"] == second["id"] == (tmp_path / "wandb_run_id").read_text().strip()
    logged = [values for name, values in wandb.calls if name == "log"]
    assert [values["step"] for values in logged] == [1, 2, 2, 3]
    assert logged[0]["loss"] == 1.5
    assert logged[0]["sources/web"] == 0.75
    assert "mfu" not in logged[0]
    assert ("define_metric", {"name": "*", "step_metric": "step"}) in wandb.calls
    assert wandb.calls[-1][0] == "finish"


@pytest.mark.parametrize("found", ["", "../../x y", "a" * 65, "überlauf"])
def test_an_id_that_is_none_is_not_handed_on(wandb: Recorder, tmp_path: Path, found: str) -> None:
    (tmp_path / "wandb_run_id").write_text(found)
    with pytest.raises(ValueError, match="wandb_run_id holds no id of a W&B run"):
        log_steps(tmp_path, 1)
    assert not wandb.calls


def test_another_output_is_another_run(wandb: Recorder, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        log_steps(tmp_path / name, 1)
    ids = [values["id"] for name, values in wandb.calls if name == "init"]
    assert len(set(ids)) == 2


def test_what_it_refuses_is_said_with_what_to_do(wandb: Recorder, tmp_path: Path) -> None:
    wandb.refusal = ConnectionRefusedError("No API key configured.")
    with pytest.raises(ValueError, match=r"No API key configured\. Run `wandb login`, or set .*offline"):
        log_steps(tmp_path, 1)


def test_it_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "wandb":
            raise ImportError(name)
        return find(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ValueError, match="pip install wandb"):
        log_steps(tmp_path, 1)


def test_itself_keeps_an_offline_run_in_the_output(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed: it is an extra of the user's own")
    log_steps(tmp_path, 1, 2, mode="offline")
    made = (tmp_path / "wandb_run_id").read_text().strip()
    log_steps(tmp_path, 2, 3, first_step=1, mode="offline")
    kept = [path for path in (tmp_path / "wandb").iterdir() if path.name.startswith("offline-run-")]
    assert kept
    assert all(path.name.endswith(made) for path in kept)
