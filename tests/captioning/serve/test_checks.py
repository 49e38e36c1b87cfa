"""What `plan` finds about servers without starting any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from captioning.client.config import UrlsConfig
from captioning.client.requests import Model
from captioning.serve import checks
from captioning.serve.checks import Finding, check_servers
from captioning.serve.config import VllmConfig
from captioning.serve.gpus import Gpu, NoDriver, find_gpus
from captioning.serve.models import ModelMissing
from captioning.serve.weights import Weights
from tests.captioning.serve.fake_vllm import make_environment
from tests.captioning.serve.test_weights import CONFIG, make_model

GIB = 1 << 30


@pytest.fixture
def python(tmp_path: Path) -> str:
    return make_environment(tmp_path)


def vllm(python: str, gpus: list[int] | None = None, **engine: Any) -> VllmConfig:
    return VllmConfig.model_validate({"python": python, "gpus": gpus, "engine": engine})


def on_gpus(monkeypatch: pytest.MonkeyPatch, *gib: int) -> None:
    gpus = [Gpu(index, "NVIDIA Test", size * GIB) for index, size in enumerate(gib)]
    monkeypatch.setattr(checks, "find_gpus", lambda: gpus)


def weighing(monkeypatch: pytest.MonkeyPatch, size_gib: float, missing_gib: float = 0) -> None:
    found = Weights(int(size_gib * GIB), int(missing_gib * GIB), Path("/"), CONFIG)
    monkeypatch.setattr(checks, "find_weights", lambda model: found)


def errors(findings: list[Finding]) -> list[str]:
    return [finding.detail for finding in findings if finding.severity == "error"]


def test_servers_that_run_already_are_not_looked_at() -> None:
    assert check_servers({"captioning.video": (UrlsConfig(urls=("http://h/v1",)), Model("m", "r"))}) == []


def test_a_model_that_fits_is_told_with_what_it_takes(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, 15.5)
    on_gpus(monkeypatch, 24)
    (finding,) = check_servers({"captioning.video": (vllm(python, max_model_len=8192), Model("m", "r"))})
    assert (finding.severity, finding.where) == ("note", "captioning.video")
    # 15.5 GiB of weights, 8192 tokens of 56 KiB, 2 GiB to work.
    assert "takes about 19.3 GB of GPU 0 (weights 16.6 GB, cache for 8192 tokens 0.5 GB" in finding.detail


def test_one_that_does_not_fit_is_an_error_with_ways_out(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighing(monkeypatch, 28)
    on_gpus(monkeypatch, 24)
    wanted = {"captioning.fusion": (vllm(python, max_model_len=4096), Model("m", "r"))}
    (error,) = errors(check_servers(wanted))
    assert "may take 23.2 GB of GPU 0 (NVIDIA Test, 25.8 GB, engine.gpu_memory_share 0.9)" in error
    assert "quantization: fp8" in error
    on_gpus(monkeypatch, 24, 24)
    spread = {"captioning.fusion": (vllm(python, gpus_per_replica=2), Model("m", "r"))}
    assert errors(check_servers(spread)) == []
    eight_bit = {"captioning.fusion": (vllm(python), Model("m", "r", "fp8"))}
    assert errors(check_servers(eight_bit)) == []


def test_a_gpu_that_is_not_there_is_named(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, 1)
    on_gpus(monkeypatch, 24)
    found = errors(check_servers({"captioning.video": (vllm(python, gpus=[3]), Model("m", "r"))}))
    assert found == ["GPU 3 is asked for, but there is none of that number here"]


def test_a_gpu_given_out_twice_is_an_error_unless_the_server_is_shared(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighing(monkeypatch, 1)
    on_gpus(monkeypatch, 80)
    same = vllm(python)
    wanted = {"captioning.video": (same, Model("m", "r")), "captioning.fusion": (same, Model("m", "r"))}
    assert errors(check_servers(wanted)) == []
    wanted["captioning.fusion"] = (same, Model("other", "r"))
    (error,) = errors(check_servers(wanted))
    assert "GPU 0 is shared out beyond its memory: captioning.video 0.9, captioning.fusion 0.9" in error
    halves = vllm(python, gpu_memory_share=0.5)
    wanted = {"captioning.video": (halves, Model("m", "r")), "captioning.fusion": (halves, Model("o", "r"))}
    assert errors(check_servers(wanted)) == []


def test_a_request_longer_than_the_model_takes_is_an_error(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighing(monkeypatch, 1)
    on_gpus(monkeypatch, 80)
    wanted = {"captioning.video": (vllm(python, max_model_len=200000), Model("m", "r"))}
    assert any("takes 128000 tokens" in error for error in errors(check_servers(wanted)))


def test_room_for_what_must_be_fetched(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, 16, missing_gib=16)
    on_gpus(monkeypatch, 80)
    monkeypatch.setattr(checks, "free_bytes", lambda folder: 20 * GIB)
    wanted = {"captioning.video": (vllm(python), Model("m", "r"))}
    findings = check_servers(wanted)
    assert errors(findings) == []
    assert any("17.2 GB will be fetched" in finding.detail for finding in findings)
    monkeypatch.setattr(checks, "free_bytes", lambda folder: 10 * GIB)
    assert any("Make room, or set HF_HOME" in error for error in errors(check_servers(wanted)))


def test_what_must_be_fetched_into_a_folder_is_added_up_over_models(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighing(monkeypatch, 16, missing_gib=16)
    on_gpus(monkeypatch, 80, 80)
    monkeypatch.setattr(checks, "free_bytes", lambda folder: 20 * GIB)
    wanted = {
        "captioning.video": (vllm(python, gpus=[0]), Model("m", "r")),
        "captioning.fusion": (vllm(python, gpus=[1]), Model("m", "r")),
    }
    assert errors(check_servers(wanted)) == []
    wanted["captioning.fusion"] = (vllm(python, gpus=[1]), Model("other", "r"))
    (finding,) = [each for each in check_servers(wanted) if each.severity == "error"]
    assert finding.where == "captioning.video, captioning.fusion"
    assert (
        "34.4 GB will be fetched into / (m 17.2 GB, other 17.2 GB), where 21.5 GB are free" in finding.detail
    )


def test_models_that_stages_load_themselves_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, 3, missing_gib=3)
    monkeypatch.setattr(checks, "free_bytes", lambda folder: 2 * GIB)
    (finding,) = check_servers({}, {"captioning.gates.likeness": Model("m", "r")})
    assert (finding.severity, finding.where) == ("error", "captioning.gates.likeness")

    def gone(model: Model) -> Weights:
        raise ModelMissing("m has no commit r on the hub")

    monkeypatch.setattr(checks, "find_weights", gone)
    assert errors(check_servers({}, {"curation.embed": Model("m", "r")})) == ["m has no commit r on the hub"]


def test_all_that_is_wrong_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> list[Gpu]:
        raise NoDriver("there is no nvidia-smi here, so no NVIDIA driver")

    monkeypatch.setattr(checks, "find_gpus", no_driver)
    folder = make_model(tmp_path / "m")
    wanted = {"captioning.video": (vllm("/nowhere/python"), Model(str(folder), "mine"))}
    found = errors(check_servers(wanted))
    assert len(found) == 2
    assert "is no program that can be run" in found[0]
    assert "there is no nvidia-smi here" in found[1]
    assert "gpus_per_replica to 0" in found[1]


def test_the_drivers_list_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    listed = "0, GPU-aa1, NVIDIA L4, 23034\\n1, GPU-bb2, NVIDIA H100 80GB HBM3, 81559\\n"
    tool.write_text(f"#!/bin/sh\nprintf '{listed}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert find_gpus() == [
        Gpu(0, "NVIDIA L4", 23034 << 20),
        Gpu(1, "NVIDIA H100 80GB HBM3", 81559 << 20),
    ]
    for one in ("1", "GPU-bb"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", one)
        assert find_gpus() == [Gpu(0, "NVIDIA H100 80GB HBM3", 81559 << 20)]
    tool.write_text("#!/bin/sh\nexit 9\n")
    with pytest.raises(NoDriver, match="nvidia-smi fails"):
        find_gpus()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(NoDriver, match="there is no nvidia-smi"):
        find_gpus()
