"""What the processes of a run do in step, so that a failure of one is known to all and none waits forever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Protocol, TypeVar

from training.errors import ToldElsewhereError

T = TypeVar("T")


class Processes(Protocol):
    """The processes of a run, as seen by one of them."""

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        ...

    @property
    def world_size(self) -> int:
        """How many there are."""
        ...

    def gather(self, value: Any) -> list[Any]:
        """The JSON values of all processes, by rank, on each of them."""
        ...

    @property
    def control(self) -> Any:
        """The group (torch's) that the others are told things over, on the CPU; None for a lone process."""
        ...

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any process."""
        ...


def together(ranks: Processes, act: Callable[[], T]) -> T:
    """Do something on every process; where it fails on one, it fails on all, and one says why.

    `act` must not wait for other processes: one that fails in it would leave them waiting.

    Raises:
        Exception: what `act` raised, on the first process on which it did.
        ToldElsewhereError: on all others; names the process and its error.
    """
    error: Exception | None = None
    result: T | None = None
    try:
        result = act()
    except Exception as caught:  # noqa: BLE001 - raised again below, once the others know
        error = caught
    told = ranks.gather(None if error is None else f"{type(error).__name__}: {error}")
    failed = next((rank for rank, text in enumerate(told) if text is not None), None)
    if failed is None:
        return result  # type: ignore[return-value]
    if error is not None and failed == ranks.rank:
        raise error
    raise ToldElsewhereError(f"Process {failed} of {ranks.world_size} failed: {told[failed]}")


def fail_alike(ranks: Processes, error: Exception) -> NoReturn:
    """End with an error that all processes have come to, so that it is told once; asks none of them.

    Raises:
        Exception: the error, on process 0.
        ToldElsewhereError: on all others.
    """
    if ranks.rank == 0:
        raise error
    raise ToldElsewhereError(f"All {ranks.world_size} processes failed: {type(error).__name__}: {error}")


def on_first(ranks: Processes, act: Callable[[], T]) -> T:
    """Do something on process 0 only and give its JSON result to all; a failure is everyone's.

    Raises:
        Exception: what `act` raised, on process 0.
        ToldElsewhereError: the same, on the others.
    """
    result = together(ranks, lambda: act() if ranks.rank == 0 else None)
    shared: T = ranks.gather(result)[0]
    return shared
