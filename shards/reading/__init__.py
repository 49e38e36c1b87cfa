"""Shards to samples: an exact, resumable, elastic order over WebDataset tars, and their decoding."""

from shards.reading.decode import decode_audio, decode_frames
from shards.reading.errors import DecodeError, ShardError, TooManyDamagedError
from shards.reading.loader import Loaded, PrefetchLoader
from shards.reading.mixture import MixtureReader, MixtureSource
from shards.reading.reader import ShardReader
from shards.reading.samples import Position, RawSample, SampleStream
from shards.reading.state import merge_states

__all__ = [
    "DecodeError",
    "Loaded",
    "MixtureReader",
    "MixtureSource",
    "Position",
    "PrefetchLoader",
    "RawSample",
    "SampleStream",
    "ShardError",
    "ShardReader",
    "TooManyDamagedError",
    "decode_audio",
    "decode_frames",
    "merge_states",
]
