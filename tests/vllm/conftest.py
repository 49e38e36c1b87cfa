"""A real vLLM, on the CPU, in an environment of its own (tools/setup_vllm.sh)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from captioning.client.config import UrlsConfig
from captioning.client.requests import Model
from captioning.serve.config import VllmConfig
from captioning.serve.starting import served
from tests.vllm import taught_models, tiny_models

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("CLIPLOOM_VLLM_PYTHON", ROOT / ".venv-vllm" / "bin" / "python"))
START_S = 300.0


@dataclass(frozen=True)
class Running:
    """A served model."""

    urls: UrlsConfig
    model: Model
    log: Path

    @property
    def root(self) -> str:
        return self.urls.urls[0].removesuffix("/v1")

    @property
    def key(self) -> str:
        assert self.urls.api_key_env is not None
        return os.environ[self.urls.api_key_env]


@pytest.fixture(scope="session")
def vllm_python() -> str:
    """The interpreter of vLLM's environment; tests that need it are skipped, with the reason, without it."""
    if not (PYTHON.parents[1] / "installed").is_file() and "CLIPLOOM_VLLM_PYTHON" not in os.environ:
        pytest.skip(f"no vLLM at {PYTHON}: make it with tools/setup_vllm.sh, or set CLIPLOOM_VLLM_PYTHON")
    return str(PYTHON)


@pytest.fixture(scope="session")
def _offline() -> Iterator[None]:
    """What servers inherit: nothing is fetched, and the cache for keys and values is small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        yield


def build(python: str, maker: ModuleType, kind: str, folder: Path) -> Model:
    """A tiny model of a kind."""
    subprocess.run([python, "-m", maker.__name__, kind, str(folder)], cwd=ROOT, check=True, timeout=START_S)
    return Model(str(folder), "random")


def config(python: str, **engine: Any) -> VllmConfig:
    """A server on the CPU."""
    return VllmConfig.model_validate(
        {
            "python": python,
            "engine": {
                "gpus_per_replica": 0,
                "max_model_len": 4096,
                "max_num_seqs": 32,
                "start_within_s": START_S,
                **engine,
            },
            "traffic": {"patience_s": START_S},
        }
    )


@pytest.fixture(scope="session")
def text_model(vllm_python: str, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Random weights."""
    return build(vllm_python, tiny_models, "text", tmp_path_factory.mktemp("models") / "text")


@pytest.fixture(scope="session")
def told_model(vllm_python: str, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Fuses captions as it was taught to."""
    return build(vllm_python, taught_models, "text", tmp_path_factory.mktemp("models") / "told")


@pytest.fixture(scope="session")
def vision_model(vllm_python: str, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Tells the colour of pictures, as it was taught to."""
    return build(vllm_python, taught_models, "vision", tmp_path_factory.mktemp("models") / "vision")


@pytest.fixture(scope="session")
def text_server(
    vllm_python: str, _offline: None, text_model: Model, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    logs = tmp_path_factory.mktemp("text-server")
    with served(config(vllm_python), text_model, logs, "fusion", print) as urls:
        yield Running(urls, text_model, logs / "fusion-0.log")


@pytest.fixture(scope="session")
def vision_server(
    vllm_python: str, _offline: None, vision_model: Model, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    logs = tmp_path_factory.mktemp("vision-server")
    with served(config(vllm_python), vision_model, logs, "video", print) as urls:
        yield Running(urls, vision_model, logs / "video-0.log")
