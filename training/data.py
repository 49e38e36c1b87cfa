"""Shards to batches: reading and decoding run ahead of the trainer, in an order that never varies.

One thread walks the stream and hands each sample to a pool of decoding threads (decoding releases
the interpreter lock). It gathers their results in the order of the stream, so the number of threads
changes the speed and nothing else, and it alone touches the reader.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from curation.base.config import Config, operational
from training.augmentation_config import AugmentationConfig
from training.batch import Batch
from training.randomness import Draw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shards.reading import Position, RawSample, ShardReader

POLL_S = 0.2


class DataConfig(Config):
    """Where samples come from and how frames are taken from them."""

    train: str | Annotated[tuple[str, ...], Field(min_length=1)] = operational(
        description="URL of a run's shards folder, of its manifest.json, or of tars with their indexes; "
        "several as a list. On the command line: --set data.train=RUN/shards"
    )
    split: str = Field("train", description="Split of the data set that is trained on.", min_length=1)
    frame_px: int = Field(
        256, description="Side of the decoded square that crops are taken from, in pixels.", ge=16, le=1024
    )
    sampling: Literal["segment", "uniform"] = Field(
        "segment",
        description="segment: a random frame of each equal stretch of the clip; uniform: its middle frame.",
    )
    augmentation: AugmentationConfig = Field(AugmentationConfig(), description="Random crops and mirroring.")
    max_damaged_fraction: float = operational(
        0.01,
        description="Share of the split's samples that may prove damaged before training stops.",
        ge=0,
        le=1,
    )
    decode_threads: int = operational(2, description="Threads that decode video.", ge=1, le=256)
    prefetch_batches: int = operational(2, description="Batches kept ready for the trainer.", ge=1, le=64)


@dataclass(frozen=True)
class _Row:
    """A sample on its way to becoming a clip, uint8 [T, H, W, 3]."""

    sample: RawSample
    position: Position
    clip: Future[NDArray[np.uint8]]


@dataclass(frozen=True)
class _Clip:
    """A decoded sample; the sample may be another than the stream's where that one was damaged."""

    draw: Draw
    position: Position
    frames: NDArray[np.uint8]


def open_reader(config: DataConfig, seed: int) -> ShardReader:
    """The stream of samples that a config names, at its beginning.

    Raises:
        ShardError: the URL is refused, or there is no sample in the split.
        FileNotFoundError: nothing is there.
    """
    from shards.reading import ShardReader

    return ShardReader(
        config.train, split=config.split, seed=seed, max_damaged_fraction=config.max_damaged_fraction
    )


class BatchLoader:
    """Reads, decodes and stacks batches in the background; close it when done.

    Batches run across the ends of epochs, so a data set smaller than a batch works too.
    """

    def __init__(
        self, reader: ShardReader, config: DataConfig, *, batch_size: int, num_frames: int, seed: int
    ) -> None:
        self._reader = reader
        self._config = config
        self._batch_size = batch_size
        self._num_frames = num_frames
        self._seed = seed
        self._closed = threading.Event()
        self._ready: Queue[Batch] = Queue(config.prefetch_batches)
        self._decoders = ThreadPoolExecutor(config.decode_threads, thread_name_prefix="decode")
        self._walker = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._walk = self._walker.submit(self._read_ahead)

    def next_batch(self, give_up: Callable[[], bool]) -> Batch | None:
        """The next batch of the stream, None if `give_up` became true while waiting for it.

        Raises:
            TooManyDamagedError: more samples are damaged than the config bears.
            OSError: the shards could not be read, after the reader's own retries.
        """
        while True:
            try:
                return self._ready.get(timeout=POLL_S)
            except Empty:
                if self._walk.done():
                    self._walk.result()
                if give_up():
                    return None

    def close(self) -> None:
        """Stop reading ahead; what is being decoded is finished, the rest dropped."""
        self._closed.set()
        self._decoders.shutdown(wait=True, cancel_futures=True)
        self._walker.shutdown(wait=True)

    def _read_ahead(self) -> None:
        clips = self._clips()
        while not self._closed.is_set():
            batch = self._stack([next(clips) for _ in range(self._batch_size)])
            while not self._closed.is_set():
                try:
                    self._ready.put(batch, timeout=POLL_S)
                    break
                except Full:
                    continue

    def _clips(self) -> Iterator[_Clip]:
        """Decoded samples in the order of the stream; a few more are always being decoded."""
        stream = iter(self._reader)
        in_flight: deque[_Row] = deque()
        while True:
            while len(in_flight) < 2 * self._config.decode_threads:
                sample, position = next(stream)
                in_flight.append(_Row(sample, position, self._decoders.submit(self._decode, sample)))
            yield self._finish(in_flight.popleft())

    def _finish(self, row: _Row) -> _Clip:
        from shards.reading import DecodeError

        sample, decode = row.sample, row.clip.result
        while True:
            try:
                return _Clip(self._draw(sample), row.position, decode())
            except DecodeError as error:
                sample = self._reader.replacement(sample, str(error))
                decode = self._decoders.submit(self._decode, sample).result

    def _decode(self, sample: RawSample) -> NDArray[np.uint8]:
        from shards.reading import DecodeError, decode_frames

        if "mp4" not in sample.members:
            raise DecodeError(f"no .mp4 among its members ({', '.join(sorted(sample.members))})")
        return decode_frames(
            sample.members["mp4"],
            num_frames=self._num_frames,
            size_px=self._config.frame_px,
            sampling=self._config.sampling,
            key=self._draw(sample).key,
        )

    def _draw(self, sample: RawSample) -> Draw:
        return Draw(self._seed, sample.epoch, sample.key)

    def _stack(self, clips: Sequence[_Clip]) -> Batch:
        import numpy as np
        import torch

        return Batch(
            video_uint8=torch.from_numpy(np.stack([clip.frames for clip in clips])),
            draws=tuple(clip.draw for clip in clips),
            positions=tuple(clip.position for clip in clips),
            stream=self._reader.state_dict(clips[-1].position),
            damaged=self._reader.num_substituted,
        )
