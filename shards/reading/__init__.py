"""Shards to samples: an exact, resumable, elastic order over WebDataset tars, and their decoding."""

from shards.reading.decode import decode_audio, decode_frames
from shards.reading.errors import DecodeError, ShardError, TooManyDamagedError
from shards.reading.reader import ShardReader
from shards.reading.samples import Position, RawSample
from shards.reading.state import merge_states

__all__ = [
    "DecodeError",
    "Position",
    "RawSample",
    "ShardError",
    "ShardReader",
    "TooManyDamagedError",
    "decode_audio",
    "decode_frames",
    "merge_states",
]
