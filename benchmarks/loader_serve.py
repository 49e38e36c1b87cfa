"""The side of a contender: takes samples in turns, when told. Standard library only, since one contender
runs in an environment of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator

BATCH = 8


def serve(open_stream: Callable[[], Iterator[object]]) -> None:
    """Open, take a first batch, then as many samples as each line of the input says; answer with seconds.

    CPU seconds are those of the whole process since the answer before, so that what is done in the
    background between turns counts too.
    """
    began = time.perf_counter()
    stream = open_stream()
    for _ in range(BATCH):
        next(stream)
    _answer(first_batch_s=time.perf_counter() - began)
    cpu = time.process_time()
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            next(stream)
        wall, now = time.perf_counter() - began, time.process_time()
        _answer(wall_s=wall, cpu_s=now - cpu)
        cpu = now


def _answer(**figures: float) -> None:
    print(json.dumps(figures), flush=True)
