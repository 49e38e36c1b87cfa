"""Shards to batches: reading and decoding run ahead of the trainer, in an order that never varies.

A pool of threads reads and decodes samples (both release the interpreter lock). One thread gathers their
results in the order of the stream and stacks them, so the number of threads changes the speed and
nothing else.

Images and videos may be mixed: all samples of a batch have one shape, so an image is shown as a clip of
`num_frames` equal frames.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

from training.batch import Batch
from training.data_config import DataConfig
from training.randomness import Draw

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from shards.reading import Loaded, RawSample, SampleStream
    from shards.reading.follow import Agree

POLL_S = 0.2
PICTURES = ("mp4", "webm", "mkv", "jpg", "jpeg", "png", "webp")
"""Members that can be shown, by extension; the first that a sample has is."""


def open_stream(
    config: DataConfig,
    *,
    seed: int,
    batch_size: int,
    rank: int = 0,
    num_ranks: int = 1,
    agree: Agree | None = None,
) -> SampleStream:
    """The part of the stream of samples that a config names which is this rank's, at its beginning.

    `batch_size` is that of all ranks. Together they get the same samples for any `num_ranks`. Several ranks
    that follow a growing data set need `agree`.

    Raises:
        ShardError: a URL is refused, there is no sample in a split, or too few for a batch; `num_ranks` does
            not divide the lanes of the shards.
        FileNotFoundError: nothing is there.
    """
    from shards.reading import MixtureReader, MixtureSource, ShardReader

    if config.train is not None:
        return ShardReader(
            config.train,
            split=config.split,
            seed=seed,
            rank=rank,
            num_ranks=num_ranks,
            max_damaged_fraction=config.max_damaged_fraction,
            retry_s=config.retry_s,
            cache=config.cache,
            epoch_multiple=batch_size if config.epoch_remainder == "drop" else 1,
            follow=config.follow,
            agree=agree,
        )
    assert config.mixture is not None
    return MixtureReader(
        {
            name: MixtureSource(urls=source.urls, split=source.split, weights=source.weights)
            for name, source in config.mixture.items()
        },
        batch_size=batch_size,
        seed=seed,
        rank=rank,
        num_ranks=num_ranks,
        max_damaged_fraction=config.max_damaged_fraction,
        retry_s=config.retry_s,
        cache=config.cache,
    )


def reading_notes(stream: SampleStream, *, batch_size: int, num_ranks: int) -> list[str]:
    """What a user should know about reading so many samples a step on so many ranks."""
    notes = []
    if stream.num_samples < batch_size:
        notes.append(
            f"{stream.num_samples} samples are fewer than batch_size = {batch_size}: a batch holds samples "
            "of several passes."
        )
    if stream.num_shards < num_ranks:
        notes.append(
            f"{stream.num_shards} shards for {num_ranks} processes: each shard is read by several, of which "
            "every one takes its own samples. Over a network, or with data.cache, more is read than must be: "
            f"cliploom shards repack --count N makes more shards, N being at most samples / {num_ranks}."
        )
    return notes


class BatchLoader:
    """Reads, decodes and stacks batches of one process in the background; close it when done.

    Batches run across the ends of epochs, so a data set smaller than a batch works too. With `epoch_cycle`
    frames, crops and masks of an epoch are those of the epoch that many before. Batches for a CUDA `device`
    lie in pinned memory, from where they are copied without waiting.
    """

    def __init__(
        self,
        stream: SampleStream,
        config: DataConfig,
        *,
        batch_size: int,
        num_frames: int,
        seed: int,
        epoch_cycle: int | None = None,
        device: torch.device | None = None,
    ) -> None:
        self._stream = stream
        self._known_damaged = stream.num_substituted
        self._config = config
        self._batch_size = batch_size
        self._num_frames = num_frames
        self._seed = seed
        self._epoch_cycle = epoch_cycle
        self._gpu = _gpu(device)
        self._closed = threading.Event()
        self._ready: Queue[Batch] = Queue(config.prefetch_batches)
        self._stacker = ThreadPoolExecutor(1, thread_name_prefix="stack")
        self._work = self._stacker.submit(self._read_ahead)

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
                if self._work.done():
                    self._work.result()
                if give_up():
                    return None

    def close(self) -> None:
        """Stop reading ahead, and close the stream; what is being decoded is finished, the rest dropped."""
        self._closed.set()
        # Else one who waits for a store to come back would be waited for.
        self._stream.close()
        self._stacker.shutdown(wait=True)

    def _read_ahead(self) -> None:
        from shards.reading import PrefetchLoader

        if self._gpu is not None:
            import torch

            # Else this thread would pin memory through the first GPU, whichever this process has.
            torch.cuda.set_device(self._gpu)
        with PrefetchLoader(self._stream, self._decode, threads=self._config.decode_threads) as loader:
            rows: list[Loaded[NDArray[np.uint8]]] = []
            while not self._closed.is_set():
                rows.append(next(loader))
                if len(rows) == self._batch_size:
                    self._put(self._stack(rows))
                    rows = []

    def _put(self, batch: Batch) -> None:
        while not self._closed.is_set():
            try:
                self._ready.put(batch, timeout=POLL_S)
                return
            except Full:
                continue

    def _decode(self, sample: RawSample) -> NDArray[np.uint8]:
        """A clip, uint8 [T, H, W, 3]."""
        from shards.reading import DecodeError, decode_frames

        shown = next((extension for extension in PICTURES if extension in sample.members), None)
        if shown is None:
            raise DecodeError(f"nothing to show among its members ({', '.join(sorted(sample.members))})")
        return decode_frames(
            sample.members[shown],
            num_frames=self._num_frames,
            size_px=self._config.frame_px,
            sampling=self._config.sampling,
            key=self._draw(sample).key,
            media=shown,
            decoder=self._config.decoder,
        )

    def _draw(self, sample: RawSample) -> Draw:
        epoch = sample.epoch if self._epoch_cycle is None else sample.epoch % self._epoch_cycle
        return Draw(self._seed, epoch, sample.key, source=sample.source)

    def _stack(self, rows: Sequence[Loaded[NDArray[np.uint8]]]) -> Batch:
        import numpy as np
        import torch

        video_uint8 = torch.from_numpy(np.stack([row.value for row in rows]))
        return Batch(
            video_uint8=video_uint8 if self._gpu is None else video_uint8.pin_memory(),
            draws=tuple(self._draw(row.sample) for row in rows),
            positions=tuple(row.position for row in rows),
            epoch=rows[-1].sample.epoch,
            stream=self._stream.state_dict(rows[-1].position),
            damaged=self._stream.num_substituted - self._known_damaged,
        )


def _gpu(device: torch.device | None) -> int | None:
    """The number of the GPU that is meant, if one is."""
    if device is None or device.type != "cuda":
        return None
    import torch

    return torch.cuda.current_device() if device.index is None else device.index
