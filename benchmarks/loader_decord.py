"""`webdataset` with decord, as most training code has it: in an environment of its own, without ours.

    python -m benchmarks.loader_decord WIDTH HEIGHT TAR...

Decord scales while it decodes, to the size given: the short side is 224 already, and a square is cut out of
it. It decodes with one thread, like the others.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from functools import partial

import decord
import numpy as np
import webdataset
from loader_serve import serve

NUM_FRAMES, SIZE_PX = 8, 224


def frames(width: int, height: int, *tars: str) -> Iterator[np.ndarray]:
    random = np.random.default_rng(0)
    for sample in webdataset.WebDataset(list(tars), shardshuffle=False).repeat():
        video = decord.VideoReader(
            io.BytesIO(sample["mp4"]), ctx=decord.cpu(0), num_threads=1, width=width, height=height
        )
        numbers = ((np.arange(NUM_FRAMES) + random.random(NUM_FRAMES)) * len(video) / NUM_FRAMES).astype(int)
        picture = video.get_batch(numbers.tolist()).asnumpy()
        left = (picture.shape[2] - SIZE_PX) // 2
        yield np.ascontiguousarray(picture[:, :, left : left + SIZE_PX])


if __name__ == "__main__":
    serve(partial(frames, int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
