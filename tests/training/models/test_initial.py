"""A model starts the same, however it is built; how it starts is InternVideo2's."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import distributed, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.testing._internal.distributed.fake_pg import FakeStore

from tests.training.models.small import HEADS, SMALL, small
from training.models.classifier import VideoClassifier
from training.models.classifier_config import ClassifierConfig
from training.models.encoder import VideoEncoder
from training.models.initial import init_weights
from training.models.pixel_decoder import PixelDecoder
from training.models.pixel_decoder_config import PixelDecoderConfig
from training.models.student import Student


def student() -> Student:
    torch.manual_seed(5)
    return Student(small(image_positions=True), HEADS)


def built_later(model: nn.Module) -> nn.Module:
    """A model of the meta device, given memory with nothing sensible in it."""
    model.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(math.nan)
    torch.manual_seed(5)
    init_weights(model)
    return model


def test_a_model_given_memory_later_starts_as_one_built_at_once() -> None:
    with torch.device("meta"):
        later = student()
    state = built_later(later).state_dict()
    for name, weight in student().state_dict().items():
        assert torch.equal(state[name], weight), name


def test_other_models_leave_nothing_undrawn_either() -> None:
    head = ClassifierConfig(num_classes=3, extra_mlp=True)
    with torch.device("meta"):
        models = [VideoClassifier(SMALL, head), PixelDecoder(PixelDecoderConfig(width=48, depth=1), SMALL)]
    for model in models:
        built_later(model)
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            assert bool(tensor.isfinite().all()), name


@pytest.fixture
def second_of_two() -> Iterator[None]:
    distributed.init_process_group("fake", store=FakeStore(), rank=1, world_size=2)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("second_of_two")
def test_a_split_model_starts_as_the_whole_one() -> None:
    with torch.device("meta"):
        split = student()
    mesh = distributed.init_device_mesh("cpu", (2,))
    for block in split.blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(split, mesh=mesh)
    split.to_empty(device="cpu")
    torch.manual_seed(5)
    split.init_weights()
    whole = student().state_dict()
    for name, weight in split.state_dict().items():
        assert isinstance(weight, DTensor)
        chunks = whole[name].chunk(2)
        expected = chunks[1] if len(chunks) > 1 else chunks[0][:0]
        assert torch.equal(weight.to_local(), expected), name


def test_deeper_blocks_start_smaller() -> None:
    torch.manual_seed(0)
    model = VideoEncoder(small(depth=8, width=128, mlp_width=512, pool_heads=16))
    for number, block in enumerate(model.blocks, start=1):
        for matrix in (block.mlp.fc2, block.attn.proj):
            expected = 0.02 / math.sqrt(2 * number)
            assert math.isclose(matrix.weight.std().item(), expected, rel_tol=0.03)
            assert not matrix.bias.any()
        assert math.isclose(block.attn.qkv.weight.std().item(), 0.02, rel_tol=0.03)
        assert bool((block.ls1.gamma == block.ls2.gamma).all())
        assert block.ls1.gamma[0].item() == pytest.approx(0.1)


def test_patches_start_as_a_convolution_of_pytorch() -> None:
    torch.manual_seed(0)
    weight = VideoEncoder(small(width=256, heads=2, patch_px=16)).patch_embed.proj.weight
    plain = nn.Conv3d(3, 256, kernel_size=(2, 16, 16)).weight
    assert math.isclose(weight.std().item(), plain.std().item(), rel_tol=0.01)
    assert weight.abs().max().item() == pytest.approx(plain.abs().max().item(), rel=1e-3)
