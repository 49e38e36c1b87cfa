"""How samples are composed."""

from __future__ import annotations

from pydantic import Field

from curation.base.config import Config


class ComposeSettings(Config):
    """How samples are composed; shares are probabilities, drawn anew for each thing named."""

    shortest_shot_frames: int = Field(
        3, ge=1, le=50, description="Frames that belong to a shot only, at least"
    )
    quiet_windows: float = Field(0.25, ge=0, le=1, description="Windows of one disturbed shot, no transition")
    disturbed_shots: float = Field(0.35, ge=0, le=1, description="Shots with a disturbance")
    same_scene: float = Field(0.14, ge=0, le=1, description="Incoming shots of the outgoing one's scene")
    recoloured: float = Field(0.1, ge=0, le=1, description="Incoming shots with the outgoing one's colours")
    graded_windows: float = Field(0.08, ge=0, le=1, description="Windows all dark, or all of low contrast")
    slide_windows: float = Field(0.05, ge=0, le=1, description="Windows of slides and cards of text")
    edge_windows: float = Field(
        0.08,
        ge=0,
        le=1,
        description="Windows at the beginning or the end of a video: fades and padding there",
    )
