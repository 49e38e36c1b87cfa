"""Starts the servers that a run needs, and stops them with it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from captioning.client.config import UrlsConfig
from captioning.client.requests import Model
from captioning.serve.command import vllm_command, vllm_environment
from captioning.serve.config import ServerConfig, VllmConfig
from captioning.serve.installation import find_vllm
from captioning.serve.server import Launch, Say, Server

log = logging.getLogger(__name__)


@contextmanager
def served(
    config: ServerConfig,
    model: Model,
    log_folder: Path,
    name: str = "model",
    say: Say = log.info,
    on_lost: Say = log.error,
    owner: str | None = None,
) -> Iterator[UrlsConfig]:
    """Servers of a model, started as configured, until the block ends; where they run already, just that.

    `name` begins messages and the names of log files, e.g. captioning.video. `owner` names who wants them,
    such as a run by its output, of whom only one process is at work at a time: what a killed one left on a
    cluster is removed (default: `log_folder`, on this machine). `say` hears of progress,
    `on_lost` of a server that died more often than it may, each from another thread. While the block runs,
    the environment variable that `api_key_env` names holds the servers' key, which processes started
    meanwhile inherit.

    Raises:
        VllmMissing: vLLM, or Ray for `kind: ray_serve`, is not there.
        ModelMissing: the model's folder is not there, or its revision is not pinned.
        ServerFailed: a server ended before it answered, or took too long.
    """
    if isinstance(config, UrlsConfig):
        yield config
    elif isinstance(config, VllmConfig):
        with _vllm_servers(config, model, log_folder, name, say, on_lost) as urls:
            yield urls
    else:
        from captioning.serve.ray_serve import ray_served

        whose = owner or f"{socket.gethostname()}:{log_folder.absolute()}"
        with ray_served(config, model, name, say, whose) as urls:
            yield urls


@contextmanager
def all_served(
    wanted: Mapping[str, tuple[ServerConfig, Model]],
    log_folder: Path,
    say: Say = log.info,
    on_lost: Say = log.error,
    owner: str | None = None,
) -> Iterator[dict[str, UrlsConfig]]:
    """The servers of several captioners, by name; those that ask for the same model held in the same way
    share them.

    One after another: vLLM measures what memory of a GPU is free while it starts.

    Raises: as `served`.
    """
    with ExitStack() as stack:
        started: list[tuple[tuple[ServerConfig, Model], UrlsConfig]] = []
        found = {}
        for name, (config, model) in wanted.items():
            known = [urls for key, urls in started if key == (config, model)]
            if not known:
                urls = stack.enter_context(served(config, model, log_folder, name, say, on_lost, owner))
                started.append(((config, model), urls))
                known = [urls]
            found[name] = known[0]
        yield found


@contextmanager
def _vllm_servers(
    config: VllmConfig, model: Model, log_folder: Path, name: str, say: Say, on_lost: Say
) -> Iterator[UrlsConfig]:
    engine = config.engine
    command = vllm_command(find_vllm(config.python), model, engine)
    key = secrets.token_urlsafe(32)
    launches = [
        Launch(
            name=f"{name}: vLLM with {model.name}"
            + (f", copy {replica + 1} of {engine.replicas}" if engine.replicas > 1 else ""),
            command=partial(_on_port, command),
            environment=vllm_environment(os.environ, key, config.gpus_of(replica)),
            log=log_folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{replica}.log",
            start_within_s=engine.start_within_s,
            max_restarts=engine.max_restarts,
        )
        for replica in range(engine.replicas)
    ]
    with running(launches, say, on_lost) as urls, _in_environment(key) as variable:
        yield UrlsConfig(
            urls=tuple(f"{url}/v1" for url in urls), api_key_env=variable, traffic=config.traffic
        )


def _on_port(command: list[str], port: int) -> list[str]:
    return [*command, "--port", str(port)]


@contextmanager
def running(launches: list[Launch], say: Say, on_lost: Say) -> Iterator[list[str]]:
    """Servers that answer, started together, as the URLs of their roots; they are stopped when the block
    ends.

    Raises:
        ServerFailed: one ended before it answered, or took too long; the others are stopped.
    """
    servers: list[Server] = []
    try:
        servers += [Server(launch, say, on_lost) for launch in launches]
        for server in servers:
            server.wait()
        yield [server.url for server in servers]
    finally:
        for server in servers:
            server.ask_to_stop()
        for server in servers:
            server.stop()


@contextmanager
def _in_environment(key: str) -> Iterator[str]:
    """The name of a fresh environment variable that holds a key for a while."""
    variable = f"CLIPLOOM_SERVER_KEY_{secrets.token_hex(4).upper()}"
    os.environ[variable] = key
    try:
        yield variable
    finally:
        with contextlib.suppress(KeyError):
            del os.environ[variable]
