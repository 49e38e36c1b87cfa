"""The bounds within which untrusted media are decoded."""

from __future__ import annotations

from pydantic import Field

from curation.base.config import Config, operational


class DecodeLimits(Config):
    """Bounds on a source and on the child process that decodes it.

    Bounds on the source decide what is rejected, so they are semantic. Bounds on the process protect
    the machine and are meant never to be met by a readable file, so they are operational: raising one
    and retrying the rejects is enough.
    """

    max_pixels: int = Field(
        default=8192 * 4608,
        ge=256,
        le=1 << 30,
        description="Largest frame, in pixels (width x height); larger ones are rejected unopened",
    )
    min_side_px: int = Field(
        default=16, ge=1, description="Smallest width and height of a usable video, in pixels"
    )
    max_duration_s: float = Field(default=86400.0, gt=0, description="Longest source, in seconds")
    max_streams: int = Field(default=64, ge=1, le=1000, description="Most streams in one file")
    address_space_bytes: int = operational(
        3 << 30, ge=384 << 20, description="Address space of a decoding child (RLIMIT_AS), in bytes"
    )
    cpu_s: int = operational(
        6 * 3600, ge=1, description="CPU time of one operation over all its threads (RLIMIT_CPU), in seconds"
    )
    wall_s: float = operational(
        60.0,
        gt=0,
        description="Longest time that an operation may keep its reader waiting, in seconds, "
        "beside what wall_s_per_source_s adds",
    )
    wall_s_per_source_s: float = operational(
        20.0, ge=0, description="Waiting time added for each second of the source that came out, in seconds"
    )
    file_size_bytes: int = operational(
        8 << 30, ge=1 << 10, description="Largest file that a child may write (RLIMIT_FSIZE), in bytes"
    )
    open_files: int = operational(
        64, ge=16, le=4096, description="Most files that a child may hold open (RLIMIT_NOFILE)"
    )


DEFAULT_LIMITS = DecodeLimits()
