"""What a server is started with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from captioning.client.requests import Model
from captioning.serve.command import vllm_command, vllm_environment
from captioning.serve.config import EngineConfig
from captioning.serve.installation import Installation

COMMIT = "cc594898137f460bfe9f0759e9844b3ce807cfb5"
HUB = Model("Qwen/Qwen2.5-VL-7B-Instruct", COMMIT)
VLLM = Installation("/opt/vllm/bin/python", "0.33.0", has_command=True)


def flags(command: list[str]) -> dict[str, str]:
    """Flags with their values, however they were joined."""
    found: dict[str, str] = {}
    for number, word in enumerate(command):
        if word.startswith("--"):
            name, joined, value = word.partition("=")
            following = command[number + 1] if number + 1 < len(command) else ""
            found[name] = value if joined else "" if following.startswith("--") else following
    return found


def test_a_model_of_the_hub_is_served_at_its_pinned_commit() -> None:
    command = vllm_command(VLLM, replace(HUB, quantization="fp8"), EngineConfig(gpus_per_replica=2))
    assert command[:5] == [VLLM.python, "-m", "vllm.entrypoints.cli.main", "serve", HUB.name]
    given = flags(command)
    assert given["--revision"] == given["--tokenizer-revision"] == COMMIT
    assert given["--served-model-name"] == HUB.name
    assert given["--tensor-parallel-size"] == "2"
    assert given["--gpu-memory-utilization"] == "0.9"
    assert given["--quantization"] == "fp8"
    assert given["--max-model-len"] == "16384"
    assert given["--max-num-seqs"] == "128"
    assert "--enforce-eager" not in given


def test_a_server_is_closed() -> None:
    command = vllm_command(VLLM, HUB, EngineConfig())
    given = flags(command)
    assert given["--host"] == "127.0.0.1"
    assert "--no-trust-remote-code" in given
    assert "--no-enable-log-requests" in given
    assert given["--load-format"] == "safetensors"
    assert given["--allowed-media-domains"] == "media.invalid"
    assert given["--max-num-queued-reqs"] == "512"
    assert json.loads(given["--limit-mm-per-prompt"]) == {"image": 128, "audio": 1, "video": 0}
    assert not [word for word in command if "key" in word or "local-media" in word or "middleware" in word]


def test_a_folder_has_no_revision_and_keeps_the_name_it_is_asked_by(tmp_path: Path) -> None:
    given = flags(vllm_command(VLLM, Model(str(tmp_path), "mine"), EngineConfig(max_model_len=None)))
    assert given["--served-model-name"] == str(tmp_path)
    assert given["--max-model-len"] == "-1"
    assert "--revision" not in given


def test_a_build_without_the_command_is_started_by_its_module(tmp_path: Path) -> None:
    other = Installation("/opt/vllm/bin/python", "0.32.0", has_command=False)
    command = vllm_command(other, Model(str(tmp_path), "mine"), EngineConfig(gpus_per_replica=0))
    assert command[1:5] == ["-m", "vllm.entrypoints.openai.api_server", "--model", str(tmp_path)]
    given = flags(command)
    assert "--enforce-eager" in given
    assert "--gpu-memory-utilization" not in given


def test_only_what_a_server_needs_of_the_environment_is_passed_on() -> None:
    environ = {
        "PATH": "/bin",
        "HF_HUB_OFFLINE": "1",
        "HF_TOKEN": "for gated models",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_ALLOW_INSECURE_SERIALIZATION": "1",
        "VLLM_PLUGINS": "anything",
        "PYTHONPATH": "/somewhere",
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "1",
    }
    given = vllm_environment(environ, "the key", (2, 3))
    kept = {"PATH", "HF_HUB_OFFLINE", "HF_TOKEN", "VLLM_CPU_KVCACHE_SPACE"}
    assert {name for name in environ if given.get(name) == environ[name]} == kept
    assert given["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] == "0"
    assert given["VLLM_API_KEY"] == "the key"
    assert given["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert given["VLLM_NO_USAGE_STATS"] == "1"


def test_processes_of_a_copy_speak_on_this_machine_only_unless_told_otherwise() -> None:
    given = vllm_environment({}, "k", (0, 1))
    assert (given["VLLM_HOST_IP"], given["GLOO_SOCKET_IFNAME"], given["NCCL_SOCKET_IFNAME"]) == (
        "127.0.0.1", "lo", "lo",
    )  # fmt: skip
    assert vllm_environment({"NCCL_SOCKET_IFNAME": "eth0"}, "k", (0,))["NCCL_SOCKET_IFNAME"] == "eth0"


def test_gpus_count_among_those_that_this_process_may_use() -> None:
    environ = {"CUDA_VISIBLE_DEVICES": "4,GPU-5a,6"}
    assert vllm_environment(environ, "k", (1, 2))["CUDA_VISIBLE_DEVICES"] == "GPU-5a,6"
    assert vllm_environment(environ, "k", ())["CUDA_VISIBLE_DEVICES"] == ""
    with pytest.raises(ValueError, match="GPU 3 was asked for, but CUDA_VISIBLE_DEVICES=4,GPU-5a,6 leaves 3"):
        vllm_environment(environ, "k", (3,))
