"""Settings of the cut."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from curation.base.config import Config


class FormConfig(Config):
    """One encoded video of a clip."""

    name: str = Field(
        "mp4",
        pattern=r"^[a-z][a-z0-9_]{0,15}$",
        description="Name of the form; forms after the first are packed into shards as <key>.<name>.mp4",
    )
    mode: Literal["exact", "keyframe"] = Field(
        "exact",
        description="exact: encoded anew, every frame of the clip and no other; keyframe: the source's own "
        "packets from the first keyframe in the clip on, left out (or, as the first form, the clip rejected) "
        "where there is none. Stages that look at clips decode such packets in the sandbox; trainers do not",
    )
    short_side_px: int = Field(
        256, ge=16, le=4096, description="Short side of an exact form, in pixels; never enlarged"
    )
    crf: int = Field(
        23,
        ge=0,
        le=51,
        description="x264's constant rate factor of an exact form (lower is better and larger)",
    )


class CutConfig(Config):
    """How clips are written."""

    kind: Literal["ffmpeg"] = Field("ffmpeg", description="One decode for all clips of a stretch of a source")
    forms: tuple[FormConfig, ...] = Field(
        (FormConfig(),),
        min_length=1,
        max_length=8,
        description="Encoded videos of each clip; the first is the one that captioners and trainers see, and "
        "if it is a stream copy, the clip begins and ends where the copy does",
    )
    trim_bars: bool = Field(
        True, description="Whether exact forms and frames for captioners are without constant black bars"
    )
    frames_per_s: float = Field(
        1.0, gt=0, le=60, description="Frames kept for captioners, per second of the clip"
    )
    min_frames: int = Field(3, ge=1, le=256, description="Fewest frames kept for captioners of a clip")
    max_frames: int = Field(
        16,
        ge=1,
        le=256,
        description="Most frames kept for captioners of a clip; of several shots, one in each comes on top",
    )
    frame_short_side_px: int = Field(
        360, ge=16, le=4096, description="Short side of the frames for captioners, in pixels; never enlarged"
    )

    @model_validator(mode="after")
    def _consistent(self) -> CutConfig:
        if self.max_frames < self.min_frames:
            raise ValueError(
                f"max_frames = {self.max_frames} is less than min_frames = {self.min_frames}. "
                "Raise max_frames or lower min_frames."
            )
        names = [form.name for form in self.forms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two forms are named '{twice[0]}'. Give each form a name of its own.")
        if [form.mode for form in self.forms].count("keyframe") > 1:
            raise ValueError("two forms have mode = keyframe, and would be the same. Leave one out.")
        if "mp4" in names[1:]:
            raise ValueError(
                "only the first form may be named 'mp4', as its member of a shard is. Rename it."
            )
        return self

    def num_frames(self, duration_s: float) -> int:
        """Frames to keep for captioners of a clip of this length."""
        return min(self.max_frames, max(self.min_frames, round(duration_s * self.frames_per_s)))
