"""Servers from a config to its URLs, with a stand-in for vLLM."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from captioning.client.config import UrlsConfig
from captioning.client.requests import Model
from captioning.serve import child, server
from captioning.serve.config import VllmConfig
from captioning.serve.models import ModelMissing
from captioning.serve.starting import all_served, served
from tests.captioning.serve.fake_vllm import make_environment

HUB = Model("Qwen/Qwen2.5-VL-7B-Instruct", "cc594898137f460bfe9f0759e9844b3ce807cfb5")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(server, "_LOOK_S", 0.05)
    monkeypatch.setattr(child, "GRACE_S", 0.5)
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def config(tmp_path: Path, **engine: Any) -> VllmConfig:
    return VllmConfig.model_validate(
        {"python": make_environment(tmp_path), "engine": engine, "traffic": {"max_in_flight": 7}}
    )


def seen(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(tmp_path.glob("seen-*.json"))]


def test_copies_of_a_model_come_with_their_key_and_go(tmp_path: Path) -> None:
    with served(config(tmp_path, replicas=2), HUB, tmp_path / "logs", "captioning.video") as urls:
        assert len(urls.urls) == 2
        assert all(url.startswith("http://127.0.0.1:") and url.endswith("/v1") for url in urls.urls)
        assert urls.traffic.max_in_flight == 7
        assert urls.api_key_env is not None
        key = os.environ[urls.api_key_env]
        assert len(key) >= 32
        with urllib.request.urlopen(urls.urls[0].removesuffix("/v1") + "/key") as reply:
            assert reply.read().decode() == key
    assert urls.api_key_env not in os.environ
    started = seen(tmp_path)
    assert {one["environ"]["CUDA_VISIBLE_DEVICES"] for one in started} == {"0", "1"}
    assert not any(key in word for one in started for word in one["argv"])
    logs = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert logs == ["captioning.video-0.log", "captioning.video-1.log"]
    assert key not in "".join(path.read_text() for path in (tmp_path / "logs").iterdir())


def test_captioners_of_the_same_model_share_its_server(tmp_path: Path) -> None:
    settings = config(tmp_path)
    elsewhere = UrlsConfig(urls=("http://10.0.0.7:8000/v1",))
    wanted = {
        "captioning.video": (settings, HUB),
        "captioning.audio": (elsewhere, Model("Qwen/Qwen2-Audio-7B-Instruct", "x")),
        "captioning.fusion": (settings, HUB),
    }
    with all_served(wanted, tmp_path / "logs") as urls:
        assert urls["captioning.video"] == urls["captioning.fusion"]
        assert urls["captioning.audio"] == elsewhere
    assert len(seen(tmp_path)) == 1


def test_a_model_that_is_not_pinned_is_not_started(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelMissing, match="revision = 'main' is no commit"),
        served(config(tmp_path), Model(HUB.name, "main"), tmp_path / "logs"),
    ):
        pytest.fail("the block was entered")
    assert seen(tmp_path) == []
