"""When checkpoints are written, how many stay, and where copies go."""

from __future__ import annotations

from curation.base.config import Config, operational


class CheckpointConfig(Config):
    """When checkpoints are written, how many stay, and where copies go."""

    every_steps: int = operational(
        500, description="Steps between checkpoints; the last step has one too.", ge=1
    )
    every_minutes: float | None = operational(
        None,
        description="Minutes after which a checkpoint is written even if every_steps has not come round; "
        "null: by steps only.",
        gt=0,
        le=10080,
    )
    keep: int = operational(3, description="Newest checkpoints that are kept.", ge=1, le=1000)
    upload: str | None = operational(
        None,
        description="URL (s3://, gs://, a path; any fsspec file system) that each whole checkpoint is copied "
        "to in the background, and fetched from where the output has none. As many stay there. null: none.",
        min_length=1,
    )
