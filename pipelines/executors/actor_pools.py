"""Which stages of a segment share the actors of a cluster."""

from __future__ import annotations

import itertools

from pipelines.dag import Node, Segment


def actor_pools(segment: Segment) -> list[tuple[Node, ...]]:
    """The stages of a segment by the actors that run them: neighbours with equal needs go together, and a
    stage that waits for servers stays by itself, so that each server has units of its own in flight."""

    def needs(node: Node) -> tuple[float, float, str]:
        resources = node.stage.resources
        return resources.cpus, resources.gpus, node.name if resources.waits else ""

    return [tuple(nodes) for _, nodes in itertools.groupby(segment.nodes, needs)]
