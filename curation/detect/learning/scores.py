"""Measures a network on composed videos, through the code that runs it on real ones."""

from __future__ import annotations

import safetensors.torch

from curation.detect.blocks import Frames
from curation.detect.evaluation import Interval
from curation.detect.learning.assess import Assessment, assess, composed_videos
from curation.detect.learning.pool import ShotPool
from curation.detect.loom import LoomConfig, Predictor, decided
from curation.detect.models.loom import Loom

VIDEO_FRAMES = 600
SEED = 99


def score(model: Loom, pool: ShotPool, *, videos: int = 100) -> Assessment:
    """How the network does, at the detector's default threshold, on videos composed over a pool."""
    predict = Predictor(weights(model), "auto")

    def detect(frames: Frames) -> list[Interval]:
        reports = decided(iter(frames), predict, LoomConfig().threshold)
        return [(each.start_frame, each.end_frame) for report in reports for each in report.transitions]

    return assess(detect, composed_videos(pool, videos, VIDEO_FRAMES, SEED))


def weights(model: Loom) -> bytes:
    """The network's weights as a safetensors file."""
    state = {key: value.cpu().contiguous() for key, value in model.state_dict().items()}
    content: bytes = safetensors.torch.save(state)
    return content
