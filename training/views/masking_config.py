"""Settings of masks; apart from `masking.py` so that configs load without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curation.base.config import Config


class MaskConfig(Config):
    """Which patches the student does not see."""

    kind: Literal["attention", "random", "tube"] = Field(
        "attention",
        description="attention: patches are seen with the probability that the teacher's pooling looks at "
        "them; random: all with the same; tube: the same places in all frames.",
    )
    ratio: float = Field(
        0.8, description="Share of the patches that is hidden (InternVideo2: 0.8).", gt=0, lt=1
    )
    scope: Literal["frame", "clip"] = Field(
        "frame",
        description="frame: as many patches of each frame are seen (InternVideo2's stage 1); clip: one draw "
        "over all patches of a clip (its small models).",
    )

    def num_visible(self, grid: tuple[int, int, int]) -> int:
        """How many patches of a clip are seen: N - int(N * ratio) of the N of each frame, or of the clip.

        As `ratio` is below 1, at least one is.

        Raises:
            ValueError: all are.
        """
        slots, height, width = grid
        per_frame = height * width
        patches = slots * per_frame if self.scope == "clip" else per_frame
        hidden = int(patches * self.ratio)
        if not hidden:
            where = "clip" if self.scope == "clip" else "frame"
            raise ValueError(
                f"objective.mask.ratio = {self.ratio} hides 0 of the {patches} patches of a {where}, but at "
                "least 1 must be hidden. Raise the ratio, or take a larger model.size_px or a smaller "
                "model.patch_px."
            )
        return patches - hidden if self.scope == "clip" else slots * (patches - hidden)
