"""The same work on many items in several processes, any of which may die of what it reads."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

_PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent dies."""
T = TypeVar("T")
R = TypeVar("R")


class WorkerDiedError(Exception):
    """The process that an item was worked on in died, twice: the item is probably what it died of."""


def in_processes(
    work: Callable[[T], R], items: Iterable[T], workers: int
) -> Iterator[tuple[T, R | WorkerDiedError]]:
    """Each item with what `work` makes of it, in their order; with 0 workers in this process.

    A process that dies takes no other item with it: what was under way is done again, one item at a time.

    Raises:
        whatever `work` does.
    """
    if workers == 0:
        yield from ((item, work(item)) for item in items)
        return
    waiting = iter(items)
    again: deque[T] = deque()
    while True:
        done = yield from _until_death(work, waiting, again, workers)
        if done:
            return
        while again:
            item = again.popleft()
            yield item, _alone(work, item)


def _until_death(
    work: Callable[[T], R], waiting: Iterator[T], again: deque[T], workers: int
) -> Generator[tuple[T, R | WorkerDiedError], None, bool]:
    """Work on what is waiting; returns False if a process died, and what was under way is in `again`."""
    with _pool(workers) as pool:
        under_way: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in waiting:
                under_way.append((item, _submit(pool, work, item)))
                if len(under_way) >= 2 * workers:
                    yield under_way[0][0], under_way[0][1].result()
                    under_way.popleft()
            while under_way:
                yield under_way[0][0], under_way[0][1].result()
                under_way.popleft()
        except BrokenProcessPool:
            again.extend(item for item, _ in under_way)
            return False
    return True


def _submit(pool: ProcessPoolExecutor, work: Callable[[T], R], item: T) -> Future[R]:
    try:
        return pool.submit(work, item)
    except BrokenProcessPool as error:
        broken: Future[R] = Future()
        broken.set_exception(error)
        return broken


def _alone(work: Callable[[T], R], item: T) -> R | WorkerDiedError:
    with _pool(1) as pool:
        try:
            return pool.submit(work, item).result()
        except BrokenProcessPool as error:
            return WorkerDiedError(str(error))


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # Forked processes would inherit the locks of threads that are not there.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
        initargs=(os.getpid(),),
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent(parent: int) -> None:
    """Make this process die with the one that started it, however that ends, and quietly when interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
