"""The band of the similarity matrix and colour histograms, against the plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curation.detect.models.similarity import color_histograms, similarity_band
from tests.curation.detect_models import reference


@pytest.mark.parametrize("num_frames", [1, 2, 6, 7, 8, 13, 30])
@pytest.mark.parametrize("width", [1, 7])
def test_the_band_is_the_cosine_of_each_frame_to_those_around_it(num_frames: int, width: int) -> None:
    x = torch.randn(2, num_frames, 5, generator=torch.Generator().manual_seed(num_frames))
    found = similarity_band(x, width)
    wanted = torch.stack([reference.band(each, width) for each in x])
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("num_frames", [100, 101, 102, 250])
def test_the_usual_width_works_below_and_above_itself(num_frames: int) -> None:
    x = torch.randn(1, num_frames, 3, generator=torch.Generator().manual_seed(1))
    unit = torch.nn.functional.normalize(x[0], dim=1)
    padded = torch.nn.functional.pad(unit @ unit.T, (50, 50))
    wanted = torch.stack([padded[t, t : t + 101] for t in range(num_frames)])
    torch.testing.assert_close(similarity_band(x)[0], wanted, atol=1e-6, rtol=0)


def test_gradients_reach_the_frames_through_the_band() -> None:
    x = torch.randn(1, 6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: similarity_band(each, 5), x)


def test_a_frame_of_zeros_is_like_no_other() -> None:
    assert similarity_band(torch.zeros(1, 4, 3), 3).abs().max() == 0


def test_an_even_width_is_refused() -> None:
    with pytest.raises(ValueError, match="width = 100"):
        similarity_band(torch.ones(1, 4, 3), 100)


def test_histograms_count_the_colours_red_first() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 27, 48, 3), dtype=np.uint8)
    found = color_histograms(torch.from_numpy(frames)[None])
    wanted = torch.nn.functional.normalize(reference.histograms(frames), dim=1)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[0], wanted, atol=1e-6, rtol=0)


def test_a_red_picture_fills_one_bin() -> None:
    red = torch.zeros(1, 1, 27, 48, 3, dtype=torch.uint8)
    red[..., 0] = 255
    assert color_histograms(red)[0, 0].nonzero().tolist() == [[7 * 64]]


def test_histograms_of_scaled_frames_are_refused() -> None:
    with pytest.raises(ValueError, match=r"torch\.float32"):
        color_histograms(torch.zeros(1, 1, 27, 48, 3))
