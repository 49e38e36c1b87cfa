"""The command line and environment of one vLLM server, closed as far as vLLM allows.

Every flag was checked against the command line of vLLM 0.32. A server listens on loopback, wants a key,
fetches no media, runs no code of a model, reads no pickle, and turns requests away rather than queueing
without end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from captioning.client.requests import Model
from captioning.serve.config import EngineConfig
from captioning.serve.installation import Installation
from captioning.serve.models import local_folder

LOOPBACK = "127.0.0.1"
MAX_ITEMS = {"image": 128, "audio": 1, "video": 0}
"""Media that a request may hold: frames as pictures, one sound, and no video files, whose decoding in the
server has been a way in."""
QUEUED_PER_RUNNING = 4
"""Requests that a server takes on, running or waiting, per one that it works on at once; it turns more away
with 503, which clients answer by sending less."""

_NOWHERE = "media.invalid"
"""A host name that can never exist (RFC 2606), as the only one that media may be fetched from."""
# fmt: off
_PASSED_ON = frozenset((
    "PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CC",
    "CXX", "CUDA_HOME", "CUDA_PATH", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS", "TRANSFORMERS_OFFLINE",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "http_proxy",
    "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "VLLM_CACHE_ROOT",
    "VLLM_LOGGING_LEVEL", "VLLM_MEDIA_LOADING_THREAD_COUNT", "VLLM_WORKER_MULTIPROC_METHOD",
))
# fmt: on
_PASSED_ON_BY_PREFIX = ("LC_", "HF_", "XDG_", "NCCL_", "NVIDIA_", "VLLM_CPU_")


def vllm_command(installation: Installation, model: Model, engine: EngineConfig) -> list[str]:
    """The arguments that start a server of a model on loopback, but for its port.

    Raises:
        ModelMissing: the model's folder is not there, or its revision is not pinned.
    """
    folder = local_folder(model)
    source = model.name if folder is None else str(folder)
    if installation.has_command:
        start = ["-m", "vllm.entrypoints.cli.main", "serve", source]
    else:
        start = ["-m", "vllm.entrypoints.openai.api_server", "--model", source]
    command = [installation.python, *start, "--host", LOOPBACK]
    command += ["--served-model-name", model.name]
    if folder is None:
        command += ["--revision", model.revision, "--tokenizer-revision", model.revision]
    for name, value in engine_arguments(model, engine).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            command.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, list):
            command += [flag, *value]
        else:
            text = json.dumps(value, separators=(",", ":")) if isinstance(value, Mapping) else str(value)
            command.append(f"{flag}={text}")
    return [*command, "--disable-uvicorn-access-log", "--disable-fastapi-docs"]


def engine_arguments(model: Model, engine: EngineConfig) -> dict[str, object]:
    """vLLM's arguments by name, the same for a server of its own and under Ray Serve."""
    arguments: dict[str, object] = {
        "trust_remote_code": False,
        "load_format": "safetensors",
        "allowed_media_domains": [_NOWHERE],
        # Prompts hold what people said in the videos.
        "enable_log_requests": False,
        "limit_mm_per_prompt": MAX_ITEMS,
        # Frames are asked about once: kept ones would only take memory.
        "mm_processor_cache_gb": 0,
        "max_num_seqs": engine.max_num_seqs,
        "max_num_queued_reqs": engine.max_num_seqs * QUEUED_PER_RUNNING,
        "tensor_parallel_size": max(1, engine.gpus_per_replica),
        # What requests do not state is vLLM's default, not the taste of whoever uploaded the model.
        "generation_config": "vllm",
        # Without whitespace a model cannot fill its answer with it, which a schema would allow. xgrammar
        # 0.2.8, the usual choice, lets control characters into strings of bounded length, which is no JSON,
        # and keeps escapes out, so that nobody could be quoted.
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
        # Models that may think aloud first, such as Qwen3, answer at once; others' templates do not look.
        "default_chat_template_kwargs": {"enable_thinking": False},
    }
    arguments["max_model_len"] = -1 if engine.max_model_len is None else engine.max_model_len
    if model.quantization is not None:
        arguments["quantization"] = model.quantization
    if engine.gpus_per_replica:
        arguments["gpu_memory_utilization"] = engine.gpu_memory_share
    else:
        # Compiling takes longer there than it ever saves.
        arguments["enforce_eager"] = True
    return arguments


def vllm_environment(environ: Mapping[str, str], api_key: str, gpus: Sequence[int]) -> dict[str, str]:
    """A server's environment: what it needs of this process's, its key, and its GPUs.

    Credentials for storage and switches that open vLLM up, such as VLLM_SERVER_DEV_MODE, are not passed on.
    Hugging Face's variables are, so that gated models, mirrors and HF_HUB_OFFLINE work.
    """
    passed = {
        name: value
        for name, value in environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_BY_PREFIX)
    }
    return {
        **ONE_MACHINE,
        # As nvidia-smi counts them; CUDA would put the fastest first.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        **passed,
        **CLOSED_ENVIRONMENT,
        "VLLM_API_KEY": api_key,
        "CUDA_VISIBLE_DEVICES": ",".join(_visible(environ, gpus)),
        "PYTHONSAFEPATH": "1",
    }


ONE_MACHINE = {"VLLM_HOST_IP": LOOPBACK, "GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
"""Keeps what a copy's processes say to each other off the network, as far as there are settings for it; who
passes on NCCL variables of their own knows better."""
CLOSED_ENVIRONMENT = {
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
    "VLLM_MAX_N_SEQUENCES": "8",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Variables that close what flags do not."""


def _visible(environ: Mapping[str, str], gpus: Sequence[int]) -> list[str]:
    """GPUs as CUDA names them: indices count among those that this process may use."""
    allowed = environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return [str(index) for index in gpus]
    names = [name.strip() for name in allowed.split(",") if name.strip()]
    beyond = [index for index in gpus if index >= len(names)]
    if beyond:
        raise ValueError(
            f"GPU {beyond[0]} was asked for, but CUDA_VISIBLE_DEVICES={allowed} leaves {len(names)}. Lower "
            "engine.replicas or gpus_per_replica, or name others in 'gpus'"
        )
    return [names[index] for index in gpus]
