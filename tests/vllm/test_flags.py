"""The flags that servers are started with, of which only some are used without a GPU."""

from __future__ import annotations

import re
import subprocess

import pytest

from captioning.client.requests import Model
from captioning.serve.command import vllm_command
from captioning.serve.config import EngineConfig
from captioning.serve.installation import find_vllm
from tests.vllm.conftest import START_S

HUB = Model("Qwen/Qwen3-14B", "40c069824f4251a91eefaf281ebe4c544efd3e18", "fp8")


@pytest.mark.usefixtures("_offline")
def test_every_flag_is_one_of_vllm(vllm_python: str) -> None:
    command = [*vllm_command(find_vllm(vllm_python), HUB, EngineConfig()), "--port", "1"]
    start = command.index("serve")
    given = {word.partition("=")[0] for word in command[start:] if word.startswith("--")}
    told = subprocess.run(
        [*command[: start + 1], "--help=all"], capture_output=True, text=True, check=True, timeout=START_S
    )
    known = set(re.findall(r"(?<!\S)--[a-z0-9-]+", told.stdout))
    assert {"--gpu-memory-utilization", "--quantization", "--revision"} <= given
    assert given <= known, given - known
