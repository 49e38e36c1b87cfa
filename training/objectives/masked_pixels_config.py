"""Settings of masked pixels; apart from `masked_pixels.py` so that configs load without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curation.base.config import Config
from training.models.encoder_config import EncoderConfig
from training.models.pixel_decoder_config import PixelDecoderConfig


class MaskedPixelsConfig(Config):
    """InternVideo's masked stage (VideoMAE): guess the normalised pixels of hidden tubes."""

    kind: Literal["pixels"] = Field("pixels", description="Masked pixels.")
    mask_ratio: float = Field(
        0.9, description="Share of the patches of a frame that is hidden (VideoMAE: 0.9).", gt=0, lt=1
    )
    decoder: PixelDecoderConfig = Field(
        PixelDecoderConfig(), description="The decoder, dropped after training."
    )

    @property
    def epoch_cycle(self) -> int | None:
        """After how many passes views come again; None: never."""
        return None

    def num_frames(self, encoder: EncoderConfig) -> int:
        """How many frames of a clip must be decoded."""
        return encoder.num_frames

    def check(self, encoder: EncoderConfig) -> None:
        """Refuse a model that this cannot train.

        Raises:
            ValueError: no patches of a frame would be hidden.
        """
        _, height, width = encoder.grid
        self.num_hidden(height * width)

    def num_hidden(self, patches_per_frame: int) -> int:
        """How many patches of a frame are hidden; the rest, at least one as the ratio is below 1, is visible.

        Raises:
            ValueError: none would be.
        """
        hidden = int(self.mask_ratio * patches_per_frame)
        if not hidden:
            raise ValueError(
                f"objective.mask_ratio = {self.mask_ratio} hides 0 of the {patches_per_frame} patches of a "
                "frame, but at least 1 must be hidden. Raise mask_ratio, or take a larger model.size_px or a "
                "smaller model.patch_px."
            )
        return hidden
