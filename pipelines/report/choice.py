"""Which clips are shown: a fixed choice that spreads over the sources."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def choose_clips(clips: pa.Table, most: int) -> list[str]:
    """Ids of at most `most` clips, the same for the same clips in any order.

    Every source gives one clip before any gives a second. Ids are hashes, so their order is as good
    as a draw and knows nothing of what is in a clip.

    Args:
        clips: columns `clip_id` and `video_id`.
        most: how many ids to give.
    """
    by_source = clips.select(["video_id", "clip_id"]).sort_by(
        [("video_id", "ascending"), ("clip_id", "ascending")]
    )
    codes = by_source.column("video_id").combine_chunks().dictionary_encode().indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    sizes = np.diff(starts, append=len(codes))
    turn = np.arange(len(codes)) - np.repeat(starts, sizes)
    # Stable, so within a turn sources stay in the order of their ids.
    chosen = np.argsort(turn, kind="stable")[:most]
    ids: list[str] = by_source.column("clip_id").take(pa.array(chosen)).to_pylist()
    return ids
