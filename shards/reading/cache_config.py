"""Settings of the cache of whole shards."""

from __future__ import annotations

from curation.base.config import Config, operational


class CacheConfig(Config):
    """Whether and where whole shards are kept on this machine while they are read."""

    folder: str | None = operational(
        None,
        description="Folder on a local disk, shared by all ranks, workers and runs that name it. null: a "
        "private cache of each process, in the folder for temporary files, of which nothing is ever left.",
    )
    max_bytes: int = operational(
        description="Limit of all shards in the cache, in bytes; what was not used for longest goes first. "
        "A private cache has it for each process.",
        ge=1,
    )
    ahead_shards: int = operational(
        2, description="Shards that are fetched before their first sample is due.", ge=0, le=1024
    )
    downloads: int = operational(2, description="Shards that are fetched at the same time.", ge=1, le=64)
