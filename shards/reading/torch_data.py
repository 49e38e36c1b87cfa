"""Batches for `torch.utils.data.DataLoader`: one global order, whatever the number of workers.

    open_stream = partial(ShardReader, "RUN/shards", rank=0, num_ranks=8)
    dataset = BatchDataset(open_stream, batch_size=32, decode=decode)
    for items, state in DataLoader(dataset, batch_size=None, num_workers=2):
        ...

Nothing else in this package imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any, NamedTuple

from torch.utils.data import IterableDataset, get_worker_info

from shards.reading.errors import DecodeError, ShardError
from shards.reading.samples import RawSample, SampleStream


class TorchBatch(NamedTuple):
    """Consecutive samples of a rank, decoded and collated, and the stream's state right after them."""

    items: Any
    state: dict[str, Any]


class BatchDataset(IterableDataset[TorchBatch]):
    """Yields `TorchBatch` for ever; give it to a DataLoader with `batch_size=None`.

    Worker w of W makes the batches congruent to w modulo W, so the DataLoader, which asks its workers in
    turn, gives the same batches in the same order for any number of them. `open_stream` is called here
    and in each worker; `decode` (default: the raw sample) may raise DecodeError, upon which the sample is
    replaced. `collate` makes one value of a list (default: the list).

    To go on after a batch, with any number of ranks and workers, give its `state`. With torchdata's
    StatefulDataLoader, whose own state also knows what each worker was doing, the number of workers
    must stay as it is.
    """

    def __init__(
        self,
        open_stream: Callable[[], SampleStream],
        *,
        batch_size: int,
        decode: Callable[[RawSample], Any] | None = None,
        collate: Callable[[list[Any]], Any] | None = None,
        state: Mapping[str, Any] | None = None,
        accept_new_shards: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size = {batch_size}: it must be at least 1")
        self._open_stream = open_stream
        self._batch_size = batch_size
        self._decode = decode
        self._collate = collate
        self._start = state
        self._accept_new_shards = accept_new_shards
        with closing(open_stream()) as stream:
            self._version = None if stream.decides_alone else stream.version
        self._resumed: Mapping[str, Any] | None = None
        self._present: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[TorchBatch]:
        worker, num_workers = _worker()
        stream = self._open_stream()
        if self._version not in (None, stream.version):
            raise ShardError(
                f"worker {worker} finds shards of version {stream.version}, but it was {self._version} when "
                "the dataset was made. Give the URL of one version: <shards>/manifests/<version>.json"
            )
        if num_workers > 1 and stream.decides_alone:
            raise ShardError(
                f"{num_workers} workers follow a growing data set, and each might see another version of it: "
                "give the reader `agree`, or use one worker"
            )
        first = self._go_to_start(stream, worker, num_workers)
        slots = stream.slots(batch_size=self._batch_size, batch=first, of_batches=num_workers)
        while True:
            mine = list(islice(slots, self._batch_size))
            items = [self._item(stream, slot) for slot, _ in mine]
            state = stream.state_dict(mine[-1][1])
            self._present = {"workers": num_workers, "worker": worker, "stream": state}
            yield TorchBatch(items if self._collate is None else self._collate(items), state)

    def state_dict(self) -> dict[str, Any]:
        """Printable JSON: what this worker has made. StatefulDataLoader asks for it."""
        return {} if self._present is None else self._present

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let this worker go on from what `state_dict` gave.

        Raises:
            ShardError: it is of another number of workers.
        """
        worker, num_workers = _worker()
        if state and (state["workers"], state["worker"]) != (num_workers, worker):
            raise ShardError(
                f"saved by worker {state['worker']} of {state['workers']}, this is {worker} of "
                f"{num_workers}. Use {state['workers']} workers, or go on from the `state` of the last batch."
            )
        self._resumed = self._present = dict(state) or None

    def _go_to_start(self, stream: SampleStream, worker: int, num_workers: int) -> int:
        """Set the stream, and say how many batches there are before the first of this worker."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            stream.load_state_dict(resumed["stream"])
            return num_workers - 1
        if self._start is not None:
            stream.load_state_dict(self._start, accept_new_shards=self._accept_new_shards)
        return worker

    def _item(self, stream: SampleStream, slot: int) -> Any:
        sample = stream.sample(slot)
        while self._decode is not None:
            try:
                return self._decode(sample)
            except DecodeError as error:
                sample = stream.replacement(sample, str(error))
        return sample


def _worker() -> tuple[int, int]:
    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)
