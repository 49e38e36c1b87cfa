"""What can go wrong in reading, kept apart: a user's mistake, a damaged sample, too much damage."""

from __future__ import annotations


class ShardError(ValueError):
    """A URL, manifest, index or saved state that cannot be used; the message says what to do."""


class ManifestGoneError(ShardError):
    """An older manifest is wanted, to finish a pass, and it is no more there."""


class DamagedSampleError(Exception):
    """The bytes of a sample are all there to be read, and are not those that were written."""


class DecodeError(ValueError):
    """Bytes that are not the media they claim to be, or exceed a limit."""


class TooManyDamagedError(RuntimeError):
    """More samples are damaged than the reader was told to bear."""
