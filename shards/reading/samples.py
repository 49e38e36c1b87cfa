"""What a reader yields, and what all readers can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class RawSample:
    """The bytes of a sample as they lie in the shard, by extension (`mp4`, `flac`, `json`, `jpg`).

    `index` is the global slot that it fills, counted over all epochs and equal for any number of
    ranks. `epoch` is the pass over its data set, from 0. `shard` is the URL of its tar; `source` is the
    name of its data set in a mixture, "" where there is one only.
    """

    key: str
    index: int
    epoch: int
    members: Mapping[str, bytes]
    shard: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on after a sample: the first global slot that the ranks have not consumed, once
    each of them has consumed as many samples as this one."""

    slot: int


class SampleStream(Protocol):
    """An endless stream of samples in an exact order, of one data set or of a mixture.

    One thread walks (`slots`, iteration, states); `sample` and `replacement` may be called by several.
    """

    @property
    def version(self) -> str:
        """Hash of the data that new passes are over."""

    @property
    def num_samples(self) -> int:
        """Samples of a pass over everything there is now, over all ranks."""

    @property
    def num_shards(self) -> int:
        """Shards that they lie in; of a mixture the shards of the source that has fewest."""

    @property
    def num_substituted(self) -> int:
        """Damaged samples found so far."""

    @property
    def decides_alone(self) -> bool:
        """Whether other readers of the same stream might take other passes than this one."""

    def __iter__(self) -> Iterator[tuple[RawSample, Position]]:
        """Go on from the present position."""

    def slots(
        self, *, batch_size: int = 1, batch: int = 0, of_batches: int = 1
    ) -> Iterator[tuple[int, Position]]:
        """The same without reading: each slot that is this rank's, and the position after it.

        With the other arguments only the slots of some of its batches of `batch_size`, counted from the
        present position: those congruent to `batch` modulo `of_batches`.
        """

    def sample(self, slot: int) -> RawSample:
        """The sample of a global slot, wherever the stream is.

        Raises:
            TooManyDamagedError: more samples are damaged than the stream was told to bear.
            OSError: a shard cannot be read, after retries.
        """

    def replacement(self, sample: RawSample, reason: str) -> RawSample:
        """Another sample for the slot of one that proved damaged at decoding; counted and remembered.

        Raises:
            TooManyDamagedError: more samples are damaged than the stream was told to bear.
        """

    def state_dict(self, position: Position | None = None) -> dict[str, Any]:
        """Printable JSON from which `load_state_dict` goes on after the last sample that was yielded,
        or after the one that came with `position`."""

    def load_state_dict(self, state: Mapping[str, Any], *, accept_new_shards: bool = False) -> None:
        """Go on from a saved position, on any number of ranks.

        Raises:
            ShardError: the state is of another stream; with `accept_new_shards` other shards are no
                reason: they are adopted at the end of the present pass.
        """

    def close(self) -> None:
        """Stop reading ahead, and let go of the cache."""
