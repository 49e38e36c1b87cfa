"""Serves a model by ray.serve.llm and asks it once.

Run as a script with the interpreter of vLLM's environment: ask_ray_serve.py FOLDER PORT START_WITHIN_S.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path

from captioning.client.requests import Model
from captioning.serve.config import RayServeConfig
from captioning.serve.starting import served


def main(folder: str, port: int, start_within_s: float) -> None:
    """Print the answer as JSON, on a line of its own."""
    config = RayServeConfig.model_validate(
        {
            "port": port,
            "engine": {
                "gpus_per_replica": 0,
                "max_model_len": 2048,
                "max_num_seqs": 8,
                "start_within_s": start_within_s,
            },
        }
    )
    import ray

    # Logical: replicas, their ingress and the engine each ask for some.
    ray.init("local", num_cpus=8, log_to_driver=False, include_dashboard=False)
    started = time.monotonic()
    with served(config, Model(folder, "random"), Path.cwd(), "fusion", print) as urls:
        ready_s = time.monotonic() - started
        body = {"model": folder, "max_tokens": 8, "messages": [{"role": "user", "content": "Say something."}]}
        asked = urllib.request.Request(
            f"{urls.urls[0]}/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as reply:
            answer = json.load(reply)
    ray.shutdown()
    print(json.dumps({"ready_s": ready_s, "url": urls.urls[0], "answer": answer}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
