"""Hidden patches never reach the encoder, and what it gives is in the order that was asked for."""

from __future__ import annotations

import pytest
import torch

from tests.training.models.small import SMALL, VISIBLE, small, video
from training.models.encoder import VideoEncoder
from training.models.positions import sin_cos_positions


def encoder(**changes: object) -> VideoEncoder:
    torch.manual_seed(0)
    return VideoEncoder(small(**changes))


def test_only_visible_patches_enter_the_blocks() -> None:
    model = encoder()
    seen: list[int] = []
    model.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    pixels = video()
    tokens = model(pixels, VISIBLE).tokens_BLD
    assert seen == [1 + 3]
    assert tokens.shape == (2, 1 + 3, 32)

    changed = pixels.clone()
    changed[0, :, :2, 8:16, 16:24] = 9.0  # patch 6 of slot 0: row 1, column 2
    assert torch.equal(model(changed, VISIBLE).tokens_BLD, tokens)
    changed[0, :, :2, 8:16, 8:16] = 9.0  # patch 5
    assert not torch.allclose(model(changed, VISIBLE).tokens_BLD[0], tokens[0])


def test_tokens_follow_the_order_of_the_indices() -> None:
    model = encoder()
    pixels = video(batch=1)
    forth = model(pixels, torch.tensor([[2, 9, 30]])).tokens_BLD
    back = model(pixels, torch.tensor([[30, 9, 2]])).tokens_BLD
    torch.testing.assert_close(forth[:, 1:], back[:, 1:].flip(1))
    all_of_them = model(pixels, torch.arange(32)[None]).tokens_BLD
    torch.testing.assert_close(model(pixels).tokens_BLD, all_of_them)


def test_patches_are_embedded_as_a_convolution_would() -> None:
    model = encoder()
    projection = model.patch_embed.proj
    expected = torch.nn.functional.conv3d(
        video(), projection.weight, projection.bias, stride=projection.stride
    )
    torch.testing.assert_close(model.patch_embed(video()), expected.flatten(2).transpose(1, 2))


def test_layers_are_outputs_of_the_blocks_asked_for() -> None:
    model = encoder()
    outputs: list[torch.Tensor] = []
    for block in model.blocks:
        block.register_forward_hook(lambda _, __, output: outputs.append(output))
    features = model(video(), layers=(2, 0))
    assert features.layers_KBLD is not None
    assert torch.equal(features.layers_KBLD, torch.stack([outputs[0], outputs[2]]))
    assert torch.equal(features.tokens_BLD, outputs[2])
    assert model(video()).layers_KBLD is None


def test_pooling_tells_where_it_looks() -> None:
    model = encoder()
    features = model(video(), VISIBLE)
    assert features.pooled_BP is not None
    assert features.pooled_BP.shape == (2, 24)
    assert features.attention_BL is not None
    assert features.attention_BL.shape == (2, 1 + 3)
    assert not features.attention_BL.requires_grad
    torch.testing.assert_close(features.attention_BL.sum(dim=1), torch.ones(2))

    bare = VideoEncoder(SMALL, pool=False)
    assert not [name for name in bare.state_dict() if "projector" in name]
    assert bare(video()).pooled_BP is None


def test_an_image_takes_the_mean_of_the_positions_over_time() -> None:
    model = encoder()
    image = video()[:, :, :2]
    blank = small(num_frames=2)
    still = VideoEncoder(blank)
    state = model.state_dict()
    rows = state["pos_embed"]
    patches = (rows[:, 1:17] + rows[:, 17:]) / 2
    still.load_state_dict(state | {"pos_embed": torch.cat([rows[:, :1], patches], dim=1)})
    torch.testing.assert_close(model(image).tokens_BLD, still(image).tokens_BLD)


def test_an_image_takes_positions_of_its_own_where_there_are_some() -> None:
    model = encoder(image_positions=True)
    assert list(model.state_dict())[:3] == ["cls_token", "pos_embed", "img_pos_embed"]
    image = video()[:, :, :2]
    before, clip = model(image).tokens_BLD, model(video()).tokens_BLD
    with torch.no_grad():
        model.img_pos_embed.add_(torch.rand_like(model.img_pos_embed))
    assert not torch.allclose(model(image).tokens_BLD, before)
    assert torch.equal(model(video()).tokens_BLD, clip)


def test_videos_of_another_shape_are_refused_with_both_numbers() -> None:
    model = encoder()
    with pytest.raises(ValueError, match=r"has 3 frames, but model\.num_frames = 4"):
        model(torch.rand(1, 3, 3, 32, 32))
    with pytest.raises(ValueError, match=r"40 x 32 pixels, but model\.size_px = 32"):
        model(torch.rand(1, 3, 4, 40, 32))


def test_class_token_starts_without_a_position() -> None:
    model = encoder()
    assert not model.pos_embed[0, 0].any()
    assert torch.equal(model.pos_embed[0, 1:], sin_cos_positions(SMALL.grid, SMALL.width))


@pytest.mark.parametrize("drop_path", [0.0, 0.5])
def test_gradients_are_those_of_activations_computed_again(drop_path: float) -> None:
    gradients = []
    for checkpointed_blocks in (0, 2, SMALL.depth):
        model = encoder(drop_path=drop_path, checkpointed_blocks=checkpointed_blocks)
        kept: list[int] = []
        model.blocks[0].attn.register_forward_hook(lambda *_, kept=kept: kept.append(1))
        torch.manual_seed(7)
        pooled = model(video(batch=8)).pooled_BP
        assert pooled is not None
        pooled.square().sum().backward()
        gradients.append({name: weight.grad for name, weight in model.named_parameters()})
        assert len(kept) == (1 if checkpointed_blocks == 0 else 2)
    for again in gradients[1:]:
        for name, gradient in gradients[0].items():
            torch.testing.assert_close(again[name], gradient, rtol=0, atol=0)


def test_half_precision_gives_nearly_the_same() -> None:
    model = encoder().eval()
    exact = model(video(), VISIBLE).tokens_BLD
    with torch.autocast("cpu", torch.bfloat16):
        automatic = model(video(), VISIBLE)
    assert automatic.pooled_BP is not None
    automatic.pooled_BP.float().sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    torch.testing.assert_close(automatic.tokens_BLD.float(), exact, atol=0.02, rtol=0.02)

    half = model.bfloat16()(video().bfloat16(), VISIBLE)
    assert half.tokens_BLD.dtype == torch.bfloat16
    torch.testing.assert_close(half.tokens_BLD.float(), exact, atol=0.05, rtol=0.05)
