"""What Ray Serve is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from captioning.client.requests import Model
from captioning.serve import ray_serve
from captioning.serve.config import RayServeConfig
from captioning.serve.installation import VllmMissing
from captioning.serve.ray_serve import application_name, leftovers, llm_arguments
from captioning.serve.starting import served

HUB = Model("Qwen/Qwen3-14B", "40c069824f4251a91eefaf281ebe4c544efd3e18")


def test_copies_are_as_closed_and_pinned_as_servers_of_their_own() -> None:
    config = RayServeConfig.model_validate({"engine": {"replicas": 3, "gpus_per_replica": 2}})
    found = llm_arguments(config, HUB)
    engine = found["engine_kwargs"]
    assert engine["revision"] == engine["tokenizer_revision"] == HUB.revision
    assert engine["trust_remote_code"] is False
    assert engine["load_format"] == "safetensors"
    assert engine["allowed_media_domains"] == ["media.invalid"]
    assert engine["tensor_parallel_size"] == 2
    assert found["deployment_config"]["num_replicas"] == 3
    assert found["runtime_env"]["env_vars"]["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] == "0"
    assert found["model_loading_config"] == {"model_id": HUB.name, "model_source": HUB.name}
    assert "placement_group_config" not in found


def test_a_folder_is_held_on_cpus_where_no_gpu_is_asked_for(tmp_path: Path) -> None:
    config = RayServeConfig.model_validate({"engine": {"gpus_per_replica": 0}})
    found = llm_arguments(config, Model(str(tmp_path), "mine"))
    assert found["placement_group_config"] == {"bundles": [{"CPU": 1}]}
    assert "revision" not in found["engine_kwargs"]


def test_an_application_is_its_runs_own_and_what_a_killed_process_of_it_left_is_found() -> None:
    mine, others = (application_name(owner, "captioning.video") for owner in ("host:/runs/a", "host:/runs/b"))
    assert mine.endswith("-captioning-video")
    assert mine != others
    killed = mine.replace(ray_serve._PROCESS, "0badcafe")
    fusion = application_name("host:/runs/a", "captioning.fusion")
    there = [mine, fusion, others, killed, "default", "cliploom-x"]
    assert leftovers(there, "host:/runs/a") == [killed]
    assert leftovers(there, "host:/runs/c") == []


def test_both_extras_are_named_where_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(VllmMissing, match=r"pip install 'cliploom\[ray,vllm\]'"),
        served(RayServeConfig(), HUB, tmp_path),
    ):
        pytest.fail("the block was entered")
