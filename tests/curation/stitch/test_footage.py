"""Real footage: false cuts are mended, true ones stay, and nothing real is still or too dynamic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.base.workspace import Workspace
from curation.embedding.base import ImageEmbedder, Images, Vectors, unit
from curation.media.limits import DEFAULT_LIMITS
from curation.media.sandbox import Sandbox
from curation.stitch.config import StitchConfig
from curation.stitch.footage import Footage
from curation.stitch.matching import similarities
from tests.curation.stitch.made import decoded, probed, shots_at, stitch

ANY_LENGTH = StitchConfig(min_s=0.0, max_s=100.0)
SINGLE = ("chaplin.mp4", "flipping_a_pancake.mkv", "friday.mp4", "rabbit320.mp4", "talking_head_60fps.mp4")
TRUE_CUTS = {
    "sintel.mp4": [336, 406, 573, 623, 660, 1165],
    "big_buck_bunny_480p.mp4": [285, 378, 553],
    "nasa_13013.mp4": [240],
}


@pytest.mark.parametrize("name", SINGLE)
def test_false_cuts_are_mended(name: str, shared_media: Path, workspace: Workspace) -> None:
    source = probed(shared_media / "single_shot" / name, workspace)
    frames = decoded(source)
    cuts = list(range(20, len(frames), 20))
    (clip,), rejects = stitch(shots_at(source, frames, cuts), workspace, ANY_LENGTH, source)
    assert rejects == []
    assert (clip.start_frame, clip.last_frame) == (0, len(frames) - 1)


@pytest.mark.parametrize("name", TRUE_CUTS)
def test_true_cuts_stay(name: str, shared_media: Path, workspace: Workspace) -> None:
    source = probed(shared_media / "multi_shot" / name, workspace)
    shots = shots_at(source, decoded(source), TRUE_CUTS[name])
    clips, rejects = stitch(shots, workspace, ANY_LENGTH, source)
    assert rejects == []
    assert [clip.start_frame for clip in clips] == [0, *TRUE_CUTS[name]]


class MeanColour(ImageEmbedder):
    """What a model would be given."""

    def __init__(self) -> None:
        self.given: list[Images] = []

    @property
    def size_px(self) -> int:
        return 96

    def embed(self, images: Images) -> Vectors:
        self.given.append(images)
        return unit(images.mean((1, 2)))

    def fingerprint(self) -> dict[str, str]:
        return {}


@pytest.mark.parametrize("name", ["sintel.mp4", "nasa_13013.mp4"])
def test_models_see_the_frames_on_either_side_of_each_cut(
    name: str, shared_media: Path, workspace: Workspace
) -> None:
    source = probed(shared_media / "multi_shot" / name, workspace)
    cuts = TRUE_CUTS[name]
    shots = shots_at(source, decoded(source), cuts)
    embedder = MeanColour()
    found = similarities(shots, Footage(source, workspace, Sandbox(DEFAULT_LIMITS)), embedder)
    assert list(found) == [shot.shot_id for shot in shots[1:]]
    (images,) = embedder.given
    large = decoded(source, width_px=round(96 * source.video.width_px / source.video.height_px), height_px=96)
    np.testing.assert_array_equal(
        images, np.stack([large[number].image for cut in cuts for number in (cut - 1, cut)])
    )
