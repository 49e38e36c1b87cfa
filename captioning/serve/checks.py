"""What would keep servers from starting, found without starting any."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from captioning.client.config import UrlsConfig
from captioning.client.requests import Model
from captioning.serve.config import EngineConfig, RayServeConfig, ServerConfig, VllmConfig
from captioning.serve.gpus import Gpu, NoDriver, find_gpus
from captioning.serve.installation import VllmMissing, find_vllm
from captioning.serve.models import ModelMissing
from captioning.serve.weights import (
    HubSilent,
    Weights,
    find_weights,
    free_bytes,
    machine_bytes,
)

WORKING_BYTES = 2 << 30
"""What a server takes of a GPU beside weights and cache: activations, CUDA graphs, libraries. An estimate;
vLLM measures it while it starts."""
EIGHT_BIT = ("fp8", "int8", "experts_int8", "bitsandbytes")
EIGHT_BIT_SHARE = 0.6
"""Bytes of a 16-bit model that are left at 8 bits: linear layers are halved, embeddings and the vision part
stay."""


@dataclass(frozen=True)
class Finding:
    """Something about a captioner's server: `error` would end the run, `warning` might."""

    severity: Literal["error", "warning", "note"]
    where: str
    detail: str


def check_servers(
    wanted: Mapping[str, tuple[ServerConfig, Model]], loaded: Mapping[str, Model] | None = None
) -> list[Finding]:
    """Whether the servers of captioners, by the name of their section, could be started here, and whether the
    models of the hub are there that stages load themselves (`loaded`).

    Looks for vLLM and Ray, the models' files (in the hub's cache or on the hub, which is asked if the network
    is there), room for what must be fetched, and the GPUs' memory. Servers that run already are not asked
    anything.
    """
    findings: list[Finding] = []
    missing: dict[tuple[Path, str, str], tuple[str, int]] = {}
    for name, (config, model) in wanted.items():
        if isinstance(config, UrlsConfig):
            continue
        findings += [Finding("error", name, problem) for problem in _software(config)]
        findings += _check_model(name, config, model, missing)
    for name, model in (loaded or {}).items():
        findings += [each for each in (_look(name, model, missing),) if isinstance(each, Finding)]
    return [*findings, *_check_disk(missing), *_check_sharing(wanted)]


def _software(config: VllmConfig | RayServeConfig) -> Iterator[str]:
    try:
        find_vllm(config.python if isinstance(config, VllmConfig) else None)
    except VllmMissing as error:
        yield str(error)
    if isinstance(config, RayServeConfig) and importlib.util.find_spec("ray") is None:
        yield "Ray is not installed: pip install 'cliploom[ray]'"


def _check_model(
    name: str,
    config: VllmConfig | RayServeConfig,
    model: Model,
    missing: dict[tuple[Path, str, str], tuple[str, int]],
) -> Iterator[Finding]:
    """Findings about one captioner's model; what must be fetched for it is added to `missing`."""
    weights = _look(name, model, missing)
    if isinstance(weights, Finding):
        yield weights
        return
    longest, asked = weights.longest, config.engine.max_model_len
    if longest is not None and asked is not None and asked > longest:
        yield Finding(
            "error",
            name,
            f"engine.max_model_len = {asked}, but {model.name} takes {longest} tokens. Set it to {longest} "
            "or null",
        )
    if isinstance(config, VllmConfig):
        yield from _check_memory(name, config, model, weights)


def _look(
    name: str, model: Model, missing: dict[tuple[Path, str, str], tuple[str, int]]
) -> Weights | Finding:
    """A model's files, or what is the matter with them; what must be fetched is added to `missing`."""
    try:
        weights = find_weights(model)
    except ModelMissing as error:
        return Finding("error", name, str(error))
    except HubSilent as error:
        return Finding(
            "warning",
            name,
            f"{model.name} is not here, and the hub could not be asked for it ({error}). It is fetched at "
            "the start",
        )
    if weights.missing_bytes:
        missing.setdefault((weights.folder, model.name, model.revision), (name, weights.missing_bytes))
    return weights


def _check_disk(missing: Mapping[tuple[Path, str, str], tuple[str, int]]) -> Iterator[Finding]:
    """What will be fetched into each folder, all models together; those that several captioners ask for are
    fetched once."""
    for folder in dict.fromkeys(folder for folder, _, _ in missing):
        here = [(model, name, size) for (into, model, _), (name, size) in missing.items() if into == folder]
        size, free = sum(each for _, _, each in here), free_bytes(folder)
        told = ", ".join(f"{model} {_gb(each)}" for model, _, each in here)
        yield Finding(
            "note" if size <= free else "error",
            ", ".join(name for _, name, _ in here),
            f"{_gb(size)} will be fetched into {folder} ({told}), where {_gb(free)} are free"
            + ("" if size <= free else ". Make room, or set HF_HOME to a larger disk"),
        )


def _check_memory(name: str, config: VllmConfig, model: Model, weights: Weights) -> Iterator[Finding]:
    engine = config.engine
    need, parts = _need_bytes(model, engine, weights)
    if engine.gpus_per_replica == 0:
        if need * engine.replicas > machine_bytes():
            yield Finding(
                "error",
                name,
                f"{model.name} takes {_gb(need)} ({parts}), this machine has {_gb(machine_bytes())}",
            )
        return
    try:
        gpus = {gpu.index: gpu for gpu in find_gpus()}
    except NoDriver as error:
        yield Finding(
            "error",
            name,
            f"{error}, and {model.name} is to run on a GPU. Name servers elsewhere with kind: urls, or set "
            "engine.gpus_per_replica to 0 for the CPU build of vLLM",
        )
        return
    for replica in range(engine.replicas):
        for index in config.gpus_of(replica):
            yield from _check_gpu(name, model, engine, gpus.get(index), index, need, parts)


def _check_gpu(
    name: str, model: Model, engine: EngineConfig, gpu: Gpu | None, index: int, need: int, parts: str
) -> Iterator[Finding]:
    if gpu is None:
        yield Finding("error", name, f"GPU {index} is asked for, but there is none of that number here")
        return
    may_take = int(gpu.memory_bytes * engine.gpu_memory_share)
    if need > may_take:
        yield Finding(
            "error",
            name,
            f"{model.name} takes about {_gb(need)} of each GPU ({parts}), but may take {_gb(may_take)} of "
            f"GPU {index} ({gpu.name}, {_gb(gpu.memory_bytes)}, engine.gpu_memory_share "
            f"{engine.gpu_memory_share:g}). Raise gpus_per_replica or the share, lower max_model_len, or set "
            "quantization: fp8",
        )
    else:
        yield Finding(
            "note",
            name,
            f"{model.name} takes about {_gb(need)} of GPU {index} ({parts}) and may take {_gb(may_take)}",
        )


def _need_bytes(model: Model, engine: EngineConfig, weights: Weights) -> tuple[int, str]:
    """Least memory of one GPU, and what it is made of: a server does not start if its cache cannot hold the
    longest request."""
    size = weights.size_bytes * (EIGHT_BIT_SHARE if model.quantization in EIGHT_BIT else 1.0)
    length = engine.max_model_len or 1
    cache = (weights.cache_bytes_per_token or 0) * length
    gpus = max(1, engine.gpus_per_replica)
    need = int((size + cache) / gpus) + WORKING_BYTES
    return (
        need,
        f"weights {_gb(size / gpus)}, cache for {length} tokens {_gb(cache / gpus)}, {_gb(WORKING_BYTES)} to "
        "work",
    )


def _check_sharing(wanted: Mapping[str, tuple[ServerConfig, Model]]) -> Iterator[Finding]:
    """GPUs of which several servers together take more than there is."""
    shares: dict[int, dict[str, float]] = {}
    seen: list[tuple[ServerConfig, Model]] = []
    for name, (config, model) in wanted.items():
        if not isinstance(config, VllmConfig) or (config, model) in seen:
            continue
        seen.append((config, model))
        for replica in range(config.engine.replicas):
            for index in config.gpus_of(replica):
                shares.setdefault(index, {})[name] = config.engine.gpu_memory_share
    for index, by_name in shares.items():
        if sum(by_name.values()) > 1 + 1e-9:
            told = ", ".join(f"{name} {share:g}" for name, share in by_name.items())
            yield Finding(
                "error",
                next(iter(by_name)),
                f"GPU {index} is shared out beyond its memory: {told}. Give each its own with 'gpus', lower "
                "engine.gpu_memory_share, or give them the same model and settings, so that they share a "
                "server",
            )


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
