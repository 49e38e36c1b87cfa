"""A Ray cluster of one node on this machine that takes jobs, and jobs submitted to it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# It has to be imported first: it sets what Ray reads when it is imported.
import tests.ray_cluster

ROOT = Path(tests.ray_cluster.__file__).resolve().parents[1]
COMMANDS = Path(sys.executable).parent


@contextmanager
def ray_head(num_cpus: int) -> Iterator[str]:
    """Start the node with Ray's dashboard, which takes jobs, and give that one's URL; CPUs are logical."""
    from ray.cluster_utils import Cluster

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    node = {
        "num_cpus": num_cpus,
        "include_dashboard": True,
        "dashboard_host": "127.0.0.1",
        "dashboard_port": port,
    }
    nodes = Cluster(initialize_head=True, head_node_args=node)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        nodes.shutdown()


def submit(
    dashboard: str, entrypoint: Sequence[str], environment: Mapping[str, str], folder: Path, within_s: float
) -> subprocess.CompletedProcess[str]:
    """`ray job submit`, until the job has ended; stdout holds what the job printed.

    `environment` goes through a file in `folder`: a command line can be read by everybody.
    """
    runtime = folder / "runtime_env.json"
    runtime.write_text(json.dumps({"env_vars": dict(environment)}))
    runtime.chmod(0o600)
    command = [str(COMMANDS / "ray"), "job", "submit", "--address", dashboard, "--runtime-env", str(runtime)]
    return subprocess.run(
        [*command, "--", *entrypoint],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
    )
