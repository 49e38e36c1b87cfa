"""How a process finds its place among the others."""

from __future__ import annotations

import pytest
import torch

from training.engines.ranks import Ranks


@pytest.fixture(autouse=True)
def _outside_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_a_lone_process_answers_itself() -> None:
    ranks = Ranks.join("cpu")
    assert (ranks.rank, ranks.world_size, ranks.device) == (0, 1, torch.device("cpu"))
    assert ranks.control is None
    assert ranks.any(True)
    assert not ranks.any(False)
    assert ranks.gather([1, "a"]) == [[1, "a"]]
    assert ranks.agree(1, "version") == "version"
    ranks.close()


def test_what_torchrun_did_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="but not LOCAL_RANK, MASTER_ADDR, MASTER_PORT"):
        Ranks.join("cpu")


def test_a_process_without_a_gpu_of_its_own_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("RANK", "2"),
        ("WORLD_SIZE", "3"),
        ("LOCAL_RANK", "2"),
        ("MASTER_ADDR", "127.0.0.1"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="LOCAL_RANK = 2, but torch sees 2 CUDA devices"):
        Ranks.join("cuda")


def test_without_cuda_it_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device = cuda, but torch sees no CUDA device"):
        Ranks.join("cuda")
