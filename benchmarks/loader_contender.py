"""Three contenders that end in the same `decode_frames`: the bytes at hand, our reader, and `webdataset`.

python -m benchmarks.loader_contender limit|ours|webdataset URL_OR_FILES...
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.loader_serve import serve
from shards.reading import ShardReader, decode_frames

NUM_FRAMES, SIZE_PX = 8, 224


def decode(mp4: bytes, number: int) -> NDArray[np.uint8]:
    """The work that all of them do."""
    return decode_frames(mp4, num_frames=NUM_FRAMES, size_px=SIZE_PX, sampling="segment", key=(number,))


def limit(*paths: str) -> Iterator[NDArray[np.uint8]]:
    """Bare decoding."""
    clips = []
    for path in paths:
        with open(path, "rb") as file:
            clips.append(file.read())
    for number in itertools.count():
        yield decode(clips[number % len(clips)], number)


def ours(url: str) -> Iterator[NDArray[np.uint8]]:
    """Shuffled, hashed, exact."""
    for sample, _ in ShardReader(url):
        yield decode(sample.members["mp4"], sample.index)


def webdataset(*tars: str) -> Iterator[NDArray[np.uint8]]:
    """From front to back, unshuffled, unchecked: the least that it does."""
    import webdataset as wds

    numbers = itertools.count()
    for sample in wds.WebDataset(list(tars), shardshuffle=False).repeat():
        yield decode(sample["mp4"], next(numbers))


def _import_all() -> None:
    """What decoding imports when it is first called, so that the first batch is without it."""
    import av

    if sys.argv[1] == "webdataset":
        import webdataset as wds

        wds.WebDataset  # noqa: B018
    av.VideoFrame  # noqa: B018


if __name__ == "__main__":
    _import_all()
    contender = {"limit": limit, "ours": ours, "webdataset": webdataset}[sys.argv[1]]
    serve(partial(contender, *sys.argv[2:]))
