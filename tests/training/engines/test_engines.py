"""Two processes train the same model on each engine, once for all tests here."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.engines.trials import (
    BATCH,
    FEW,
    KINDS,
    OPTIMIZER,
    SAVED,
    build,
    config,
    loader,
    loss_of,
    run,
    save,
    student,
    write_deepspeed_configs,
)
from training.engines.arithmetic import BatchArithmetic
from training.engines.build import build_engine
from training.engines.config import DdpConfig
from training.engines.engine import NonFiniteGradientError
from training.engines.ranks import Ranks

ROOT = Path(__file__).resolve().parents[3]
END_S = 900
TOLERANCE = 1e-4
BF16_TOLERANCE = 0.05
"""Relative: bf16 rounds inputs and weights to eight bits, and not at the same places in each engine."""

HERE = KINDS if find_spec("deepspeed") else KINDS[:2]
each_engine = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.skipif(kind not in HERE, reason="DeepSpeed is not installed"))
        for kind in KINDS
    ],
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """On a busy machine threads that wait for each other make small models slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("engines")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    processes = []
    for rank in range(2):
        with (folder / f"log{rank}").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.training.engines.trials", str(folder), *HERE],
                    cwd=ROOT,
                    env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                    stdout=log,
                    stderr=log,
                )
            )
    try:
        ended = [process.wait(timeout=END_S) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert ended == [0, 0], "\n\n".join((folder / f"log{rank}").read_text()[-4000:] for rank in range(2))
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def apart(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> float:
    """The largest difference of losses or norms, relative to those above 1."""
    assert len(first) == len(second)
    pairs = [pair for one, other in zip(first, second, strict=True) for pair in zip(one, other, strict=True)]
    return max(abs(a - b) / max(1.0, abs(b)) for a, b in pairs)


@each_engine
def test_losses_and_gradient_norms_are_those_of_ddp(results: dict[str, Any], kind: str) -> None:
    # With dropped paths, two passes per step, weight decay, frozen parameters, a checkpointed block.
    losses = results["ddp"]["dropping"]
    norms = [norm for _, norm in losses]
    assert min(norms) < OPTIMIZER.max_grad_norm < max(norms), "clipping must be at work in some steps only"
    assert losses[-1][0] < losses[0][0] / 10
    assert apart(results[kind]["dropping"], losses) < TOLERANCE


def test_two_processes_train_like_one(results: dict[str, Any], tmp_path: Path) -> None:
    ranks = Ranks.join("cpu")
    alone = run(build(config("ddp", tmp_path), ranks), ranks, 1, 0, SAVED)
    for kind in HERE:
        assert apart(results[kind]["plain"], alone) < TOLERANCE
    in_passes = run(build(config("ddp", tmp_path, micro_batch_size=2), ranks), ranks, BATCH // 2, 0, SAVED)
    assert apart(in_passes, alone) < TOLERANCE


@each_engine
def test_a_model_without_memory_gets_the_weights_of_one_with(results: dict[str, Any], kind: str) -> None:
    assert results[kind]["meta"] == results[kind]["plain"][:2]


@each_engine
def test_bf16_trains_about_the_same(results: dict[str, Any], kind: str) -> None:
    low, full = results[kind]["bf16"], results["ddp"]["plain"][:FEW]
    assert low != full
    assert apart(low, full) < BF16_TOLERANCE
    assert results[kind]["bf16_restored_same"]


@each_engine
def test_a_restored_engine_goes_on_bit_for_bit(results: dict[str, Any], kind: str) -> None:
    trial = results[kind]
    assert trial["restored_same"]
    assert trial["continued"] == trial["dropping"][SAVED:]
    assert trial["continued_same"]
    assert trial["frozen_same"]


@each_engine
def test_an_engine_goes_on_with_what_another_saved(results: dict[str, Any], kind: str) -> None:
    before = HERE[HERE.index(kind) - 1]
    assert results[kind]["names"] == results[before]["names"]
    assert apart(results[f"{before} to {kind}"], results[kind]["dropping"][SAVED : SAVED + FEW]) < TOLERANCE


@each_engine
def test_a_gradient_that_is_no_number_changes_nothing(results: dict[str, Any], kind: str) -> None:
    assert results[kind]["explosion"].startswith("NonFiniteGradientError: gradient norm ")
    assert results[kind]["explosion_harmless"]


@each_engine
def test_parameters_without_gradient_are_named(results: dict[str, Any], kind: str) -> None:
    assert results[kind]["unused"] == (
        "ValueError: The loss does not depend on idle.bias, idle.weight. Leave that part out of the model, "
        "or give the objective a term that trains it."
    )


def test_processes_tell_each_other(results: dict[str, Any]) -> None:
    assert results["talk"] == {
        "any": [False, True],
        "gather": [{"rank": 0, "text": ""}, {"rank": 1, "text": "ééé"}],
        "agree": [[results["talk"]["agree"][0][0], "same"]] * 2,
    }
    assert results["talk"]["agree"][0][0] in ("version 0", "version 1")


def test_a_lone_process_makes_a_group_only_where_it_must(tmp_path: Path) -> None:
    write_deepspeed_configs(tmp_path)
    found = {}
    # ZeRO twice, since DeepSpeed keeps groups in mind.
    for kind in ("ddp", "fsdp2", *(kind for kind in HERE if kind in ("zero2", "zero3"))):
        ranks = Ranks.join("cpu")
        engine = build(config(kind, tmp_path), ranks)
        assert torch.distributed.is_initialized() == (kind != "ddp")
        found[kind] = run(engine, ranks, 1, 0, 3)
        saved = save(engine, ranks, tmp_path / kind)
        again = build(config(kind, tmp_path), ranks, seed=1)
        again.restore(loader(saved), 3)
        assert run(again, ranks, 1, 3, 4) == run(engine, ranks, 1, 3, 4)
        ranks.close()
        assert not torch.distributed.is_initialized()
    for steps in found.values():
        assert apart(steps, found["ddp"]) < TOLERANCE


def test_a_failed_step_leaves_the_engine_usable(tmp_path: Path) -> None:
    ranks = Ranks.join("cpu")
    engine = build(config("ddp", tmp_path), ranks)
    clips = torch.ones(BATCH, 3, 2, 16, 16)
    engine.backward(loss_of(engine, clips) * float("nan"), last=True)
    with pytest.raises(NonFiniteGradientError):
        engine.step(1e-3)
    assert run(engine, ranks, 1, 0, 2) == run(build(config("ddp", tmp_path), ranks), ranks, 1, 0, 2)


def test_blocks_are_compiled_one_by_one() -> None:
    ranks = Ranks.join("cpu")
    model = student()
    build_engine(DdpConfig(compile=True), OPTIMIZER, model, ranks, BatchArithmetic(BATCH, 1))
    compiled = [name for name, module in model.named_modules() if module._compiled_call_impl is not None]
    assert compiled == ["blocks.0", "blocks.1", "blocks.2"]
