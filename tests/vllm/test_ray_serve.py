"""A model served by ray.serve.llm, once."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
from pathlib import Path

from captioning.client.requests import Model
from tests.vllm import ask_ray_serve
from tests.vllm.conftest import ROOT, START_S


def test_ray_serve_holds_a_model_on_loopback(vllm_python: str, text_model: Model, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_worker_niceness": "0",
    }
    log = tmp_path / "log"
    with log.open("w") as errors:
        asking = subprocess.Popen(
            [vllm_python, ask_ray_serve.__file__, text_model.name, str(port), str(START_S)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            cwd=tmp_path,
            start_new_session=True,
        )
        try:
            said, _ = asking.communicate(timeout=START_S + 120)
        finally:
            if asking.poll() is None:
                os.killpg(asking.pid, signal.SIGKILL)
                asking.wait()
    assert asking.returncode == 0, said + log.read_text()[-4000:]
    found = json.loads(said.strip().splitlines()[-1])
    print(f"ray.serve.llm was ready after {found['ready_s']:.1f} s")
    assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/cliploom-\w+-\w+-fusion/v1", found["url"])
    assert found["answer"]["usage"]["completion_tokens"] == 8
