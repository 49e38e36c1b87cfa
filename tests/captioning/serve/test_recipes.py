"""The recipes for machines with GPUs: valid, pinned, and within the memory that their names promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from captioning.client.requests import Model
from captioning.serve import checks
from captioning.serve.checks import check_servers
from captioning.serve.config import VllmConfig
from captioning.serve.gpus import Gpu
from captioning.serve.models import local_folder
from captioning.serve.sections import served_sections
from captioning.serve.weights import Weights
from pipelines.config import PipelineConfig
from pipelines.config_file import load_config
from tests.captioning.serve.fake_vllm import make_environment

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "captioning"
FILES: dict[str, tuple[float, dict[str, int]]] = {
    "Qwen/Qwen2.5-VL-7B-Instruct": (16.6, {"num_hidden_layers": 28, "num_key_value_heads": 4}),
    "Qwen/Qwen3-VL-8B-Instruct": (17.5, {"num_hidden_layers": 36, "num_key_value_heads": 8}),
    "Qwen/Qwen2-Audio-7B-Instruct": (16.8, {"num_hidden_layers": 32, "num_key_value_heads": 32}),
    "openai/whisper-large-v3-turbo": (1.6, {"num_hidden_layers": 4, "num_key_value_heads": 20}),
    "Qwen/Qwen3-14B": (29.5, {"num_hidden_layers": 40, "num_key_value_heads": 8}),
}
"""GB of weights, and what decides the size of the cache, of the models as published; heads are 128 wide, or
64 (Whisper)."""


def weights_of(model: Model) -> Weights:
    size_gb, config = FILES[model.name]
    width = 64 if "whisper" in model.name else 128
    config = {**config, "num_attention_heads": 32, "hidden_size": 32 * width, "head_dim": width}
    return Weights(int(size_gb * 1e9), 0, Path("/"), config)


@pytest.mark.parametrize(
    ("recipe", "gpus", "gib"), [("gpu_1x24gb.yaml", 1, 24), ("gpu_8x80gb.yaml", 8, 80)], ids=["24gb", "80gb"]
)
def test_a_recipe_fits_its_machine(
    recipe: str, gpus: int, gib: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = make_environment(tmp_path)
    wanted: dict[str, tuple[VllmConfig, Model]] = {}
    for name, (server, model) in served_sections(loaded(recipe)).items():
        assert isinstance(server, VllmConfig)
        assert local_folder(model) is None
        wanted[name] = (server.model_copy(update={"python": python}), model)
    machine = [Gpu(index, "test", gib << 30) for index in range(gpus)]
    monkeypatch.setattr(checks, "find_gpus", lambda: machine)
    monkeypatch.setattr(checks, "find_weights", weights_of)
    findings = check_servers(dict(wanted))
    assert [finding.detail for finding in findings if finding.severity != "note"] == []
    used = set[int]()
    for server, _ in wanted.values():
        used |= {index for replica in range(server.engine.replicas) for index in server.gpus_of(replica)}
    assert used == set(range(gpus))


def test_in_the_small_recipe_one_server_writes_and_fuses() -> None:
    found = served_sections(loaded("gpu_1x24gb.yaml"))
    assert found["captioning.video"] == found["captioning.fusion"]


def loaded(recipe: str) -> PipelineConfig:
    return load_config(PipelineConfig, str(FOLDER / recipe), ())
