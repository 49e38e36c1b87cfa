"""How the clips of a step are spread over processes and passes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchArithmetic:
    """`batch_size` clips of a step on `world_size` processes, `micro_batch_size` per pass (None: one pass).

    Raises:
        ValueError: they do not divide without rest; the message has the nearest values that do.
    """

    batch_size: int
    world_size: int
    micro_batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size % self.world_size:
            raise ValueError(
                f"batch_size = {self.batch_size} does not divide by {self.world_size} processes. Set "
                f"batch_size to {self._nearest_batch_sizes()}, or start another number of processes."
            )
        if self.per_process % self.per_pass:
            raise ValueError(
                f"engine.micro_batch_size = {self.per_pass} does not divide the {self.per_process} clips "
                f"that each of {self.world_size} processes has of batch_size = {self.batch_size}. Set "
                f"micro_batch_size to {self._nearest_micro_batch_sizes()}."
            )

    @property
    def per_process(self) -> int:
        """Clips of one process in a step."""
        return self.batch_size // self.world_size

    @property
    def per_pass(self) -> int:
        """Clips of one process in one forward and backward pass."""
        return self.micro_batch_size or self.per_process

    @property
    def accumulation(self) -> int:
        """Passes per step."""
        return self.per_process // self.per_pass

    def _nearest_batch_sizes(self) -> str:
        below = self.batch_size // self.world_size * self.world_size
        return _choices([size for size in (below, below + self.world_size) if size])

    def _nearest_micro_batch_sizes(self) -> str:
        divisors = [size for size in range(1, self.per_process + 1) if self.per_process % size == 0]
        below = [size for size in divisors if size < self.per_pass][-1:]
        above = [size for size in divisors if size > self.per_pass][:1]
        return _choices(below + above)


def _choices(values: list[int]) -> str:
    return " or ".join(str(value) for value in values)
