"""Compares the frames on either side of each cut."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.base.records import round_score
from curation.detect.detector import FRAME_HEIGHT_PX, FRAME_WIDTH_PX
from curation.embedding.base import ImageEmbedder
from curation.embedding.colours import ColourLayout
from curation.records import Shot
from curation.stitch.footage import Footage, Pair
from curation.stitch.scenes import could_join

_CUTS_PER_CALL = 32


def similarities(shots: Sequence[Shot], footage: Footage, embedder: ImageEmbedder) -> dict[str, float]:
    """How alike the last frame of a shot and the first of the next are, by the id of the next.

    Only shots that could be joined are compared, and those whose frames can be decoded again. The built-in
    embedder is given the small pictures that came with the shots, so that nothing is decoded.

    Raises:
        DecodeError: the source is not there or exceeds a limit.
    """
    cuts = [(left, right) for left, right in itertools.pairwise(shots) if could_join(left, right)]
    found: dict[str, float] = {}
    for start in range(0, len(cuts), _CUTS_PER_CALL):
        pairs = {
            right.shot_id: pair
            for left, right in cuts[start : start + _CUTS_PER_CALL]
            if (pair := _pair(left, right, footage, embedder)) is not None
        }
        if pairs:
            vectors = embedder.embed(np.stack([image for pair in pairs.values() for image in pair]))
            cosines = np.einsum("nd,nd->n", vectors[0::2], vectors[1::2], dtype=np.float64)
            found.update((shot_id, round_score(value)) for shot_id, value in zip(pairs, cosines, strict=True))
    return found


def _pair(left: Shot, right: Shot, footage: Footage, embedder: ImageEmbedder) -> Pair | None:
    if isinstance(embedder, ColourLayout):
        return _small(left.last_image), _small(right.first_image)
    return footage.facing(left, right, embedder.size_px)


def _small(image: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(image, np.uint8).reshape(FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3)
