"""Settings of the cut."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from curation.base.config import Config


class CutConfig(Config):
    """Which clips shots become, and how they are written."""

    kind: Literal["ffmpeg"] = Field("ffmpeg", description="One ffmpeg process per clip")
    min_s: float = Field(1.0, ge=0, description="Shortest clip, in seconds; shorter shots are rejected")
    max_s: float = Field(
        30.0, gt=0, description="Longest clip, in seconds; longer shots are divided into equal pieces"
    )
    short_side_px: int = Field(
        256, ge=16, le=4096, description="Short side of the mp4 form, in pixels; never enlarged"
    )
    crf: int = Field(23, ge=0, le=51, description="x264's constant rate factor (lower is better and larger)")
    frames_per_s: float = Field(
        1.0, gt=0, le=60, description="Frames kept for captioners, per second of the clip"
    )
    min_frames: int = Field(3, ge=1, le=256, description="Fewest frames kept for captioners of a clip")
    max_frames: int = Field(16, ge=1, le=256, description="Most frames kept for captioners of a clip")
    frame_short_side_px: int = Field(
        360, ge=16, le=4096, description="Short side of the frames for captioners, in pixels; never enlarged"
    )

    @model_validator(mode="after")
    def _ranges(self) -> CutConfig:
        if self.max_s < 2 * self.min_s:
            raise ValueError(
                f"max_s = {self.max_s} is less than twice min_s = {self.min_s}: halves of a shot just too "
                f"long would be too short. Set max_s to {2 * self.min_s} or more, or lower min_s."
            )
        if self.max_frames < self.min_frames:
            raise ValueError(
                f"max_frames = {self.max_frames} is less than min_frames = {self.min_frames}. "
                "Raise max_frames or lower min_frames."
            )
        return self

    def num_frames(self, duration_s: float) -> int:
        """Frames to keep for captioners of a clip of this length."""
        return min(self.max_frames, max(self.min_frames, round(duration_s * self.frames_per_s)))
