"""The encoder has the student's names and shapes, and hidden patches never reach it."""

from __future__ import annotations

import math

import torch

from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.positions import sin_cos_positions

SMALL = EncoderConfig(
    num_frames=4,
    size_px=32,
    patch_px=8,
    tubelet_frames=2,
    width=32,
    depth=2,
    heads=2,
    mlp_width=64,
    layer_scale_init=0.1,
)


def small_encoder() -> VideoEncoder:
    torch.manual_seed(0)
    return VideoEncoder(SMALL)


def test_state_dict_of_the_1b_student_has_the_released_keys_and_shapes() -> None:
    width, mlp, depth, tokens = 1408, 6144, 40, 8 * 16 * 16
    config = EncoderConfig(
        num_frames=8,
        size_px=224,
        patch_px=14,
        tubelet_frames=1,
        width=width,
        depth=depth,
        heads=16,
        mlp_width=mlp,
    )
    expected: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, tokens + 1, width),
        "patch_embed.proj.weight": (width, 3, 1, 14, 14),
        "patch_embed.proj.bias": (width,),
    }
    for block in range(depth):
        vectors = ("norm1.weight", "norm2.weight", "ls1.gamma", "ls2.gamma")
        vectors += ("attn.q_norm.weight", "attn.k_norm.weight", "attn.proj.bias", "mlp.fc2.bias")
        expected |= {f"blocks.{block}.{name}": (width,) for name in vectors}
        expected |= {
            f"blocks.{block}.attn.qkv.weight": (3 * width, width),
            f"blocks.{block}.attn.proj.weight": (width, width),
            f"blocks.{block}.mlp.fc1.weight": (mlp, width),
            f"blocks.{block}.mlp.fc1.bias": (mlp,),
            f"blocks.{block}.mlp.fc2.weight": (width, mlp),
        }
    with torch.device("meta"):
        encoder = VideoEncoder(config)
    assert {name: tuple(value.shape) for name, value in encoder.state_dict().items()} == expected


def test_positions_are_sines_of_time_column_and_row() -> None:
    width, grid = 32, (2, 3, 4)
    positions = sin_cos_positions(grid, width).view(*grid, width)
    time, row, column = 1, 2, 3
    token = positions[time, row, column].tolist()
    # 8 channels of time, 12 of the column, 12 of the row; the second frequency of 4 and of 6.
    assert math.isclose(token[1], math.sin(time * 10_000 ** (-1 / 4)), abs_tol=1e-6)
    assert math.isclose(token[4], math.cos(time), abs_tol=1e-6)
    assert math.isclose(token[8 + 1], math.sin(column * 10_000 ** (-1 / 6)), abs_tol=1e-6)
    assert math.isclose(token[20 + 6 + 1], math.cos(row * 10_000 ** (-1 / 6)), abs_tol=1e-6)


def test_class_token_starts_without_a_position() -> None:
    encoder = small_encoder()
    assert not encoder.pos_embed[0, 0].any()
    assert torch.equal(encoder.pos_embed[0, 1:], sin_cos_positions(SMALL.grid, SMALL.width))


def test_only_visible_patches_enter_the_blocks() -> None:
    encoder = small_encoder()
    seen: list[int] = []
    encoder.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    video = torch.rand(2, 3, 4, 32, 32)
    visible = torch.tensor([[0, 5, 17], [3, 4, 31]])
    features = encoder(video, visible)
    assert seen == [1 + 3]
    assert features.shape == (2, 1 + 3, 32)

    changed = video.clone()
    changed[0, :, :2, 8:16, 16:24] = 9.0  # patch 6 of slot 0: row 1, column 2
    assert torch.equal(encoder(changed, visible), features)
    changed[0, :, :2, 8:16, 8:16] = 9.0  # patch 5
    assert not torch.allclose(encoder(changed, visible)[0], features[0])


def test_features_follow_the_order_of_the_indices() -> None:
    encoder = small_encoder()
    video = torch.rand(1, 3, 4, 32, 32)
    forth = encoder(video, torch.tensor([[2, 9, 30]]))
    back = encoder(video, torch.tensor([[30, 9, 2]]))
    torch.testing.assert_close(forth[:, 1:], back[:, 1:].flip(1))
    assert encoder(video).shape == (1, 1 + 32, 32)


def test_residual_branches_start_smaller_in_deeper_blocks() -> None:
    config = SMALL.model_copy(update={"depth": 8, "width": 128, "mlp_width": 512})
    torch.manual_seed(0)
    deviations = [block.mlp.fc2.weight.std().item() for block in VideoEncoder(config).blocks]
    for number, deviation in enumerate(deviations, start=1):
        assert math.isclose(deviation, 0.02 / math.sqrt(2 * number), rel_tol=0.02)
