"""A Ray cluster of two nodes on this machine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Ray reads these once, when it is imported.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
# By default Ray's workers yield to everything else on the machine, such as a test in another process.
os.environ.setdefault("RAY_worker_niceness", "0")


@contextmanager
def two_nodes(cpus_per_node: int = 4) -> Iterator[Any]:
    """Start the nodes and connect this process to them; `CPUs` are logical."""
    root = Path(__file__).resolve().parents[1]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    import ray
    from ray.cluster_utils import Cluster

    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": cpus_per_node, "include_dashboard": False}
    )
    nodes.add_node(num_cpus=cpus_per_node)
    ray.init(nodes.address, log_to_driver=False)
    try:
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()
