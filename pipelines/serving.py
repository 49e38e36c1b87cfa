"""Model servers for the length of a run: started when there is work for them, stopped with the run."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from captioning.client.requests import Model
from captioning.serve.checks import check_servers
from captioning.serve.config import ServerConfig, VllmConfig
from captioning.serve.sections import pretrained_sections, served_sections, with_urls
from captioning.serve.server import ServerFailed
from captioning.serve.starting import all_served
from curation.base.storage import Storage
from pipelines.config import PipelineConfig
from pipelines.executors.base import Executor, Work


class ServedExecutor:
    """An executor that is made once its stages' servers answer: of those that the config says are to be
    started, the ones that open units need. A run with nothing left to caption starts none.

    Args:
        config: of the run.
        make: an executor for a config in which servers are named by their URLs.
        log_folder: where servers leave their output.
        say: prints a line for the user.
        owner: names the run among those that use the same cluster.
    """

    def __init__(
        self,
        config: PipelineConfig,
        make: Callable[[PipelineConfig], Executor],
        log_folder: Path,
        say: Callable[[str], None],
        owner: str,
    ) -> None:
        self._config = config
        self._make = make
        self._log_folder = log_folder
        self._say = say
        self._owner = owner
        self._executor: Executor | None = None
        self._stack = ExitStack()
        self._lost: list[str] = []

    def run(self, work: Work) -> None:
        """Run every open unit.

        Raises:
            StageFailed: a stage has a programming error.
            ServerFailed: a server did not start, or died more often than it may.
            ValueError: what a server needs is not there.
        """
        if self._executor is None:
            urls = self._stack.enter_context(
                all_served(self._wanted(work), self._log_folder, self._say, self._lost.append, self._owner)
            )
            self._executor = self._make(with_urls(self._config, urls))

        def tick() -> None:
            if self._lost:
                raise ServerFailed("; ".join(self._lost))
            work.tick()

        self._executor.run(replace(work, tick=tick))

    def close(self) -> None:
        """End all workers, then the servers."""
        try:
            if self._executor is not None:
                self._executor.close()
        finally:
            self._stack.close()

    def _wanted(self, work: Work) -> dict[str, tuple[ServerConfig, Model]]:
        needed = [
            server
            for node in work.segment.nodes
            if any(node.name not in unit.sources for unit in work.todo)
            for server in served_sections(node.stage.config).values()
        ]
        sections = served_sections(self._config)
        return {name: server for name, server in sections.items() if server in needed}


def server_logs(storage: Storage, run_id: str) -> Path:
    """A folder on this machine for the servers' output: below the run, or else in the temporary folder."""
    root = storage.local_root
    if root is not None:
        return root / "logs" / f"{run_id}-servers"
    return Path(tempfile.gettempdir()) / f"cliploom-servers-{run_id}"


def server_owner(storage: Storage) -> str:
    """The name of a run among those that use the same cluster: its output, on which one process works at a
    time."""
    return storage.url if storage.local_root is None else f"{socket.gethostname()}:{storage.local_root}"


def server_problems(config: PipelineConfig) -> list[str]:
    """What would keep the config's servers from starting or being reached, and stages from having their
    models."""
    found = check_servers(served_sections(config), pretrained_sections(config))
    problems = [f"{each.where}: {each.detail}" for each in found if each.severity == "error"]
    return unreachable_servers(config) + problems


def server_remarks(config: PipelineConfig) -> list[str]:
    """What might, and what is good to know."""
    found = check_servers(served_sections(config), pretrained_sections(config))
    return [f"{each.where}: {each.detail}" for each in found if each.severity != "error"]


def unreachable_servers(config: PipelineConfig) -> list[str]:
    """Servers that a cluster's workers could not reach."""
    if config.execution.executor != "ray":
        return []
    return [
        f"{name}.server.kind = vllm starts servers on this machine's loopback address, which other nodes of "
        "a Ray cluster cannot reach. Use kind: ray_serve, or kind: urls with servers that run already"
        for name, (server, _) in served_sections(config).items()
        if isinstance(server, VllmConfig)
    ]
