"""Whatever computes attention gives the same numbers; what cannot is refused by name."""

from __future__ import annotations

import pytest
import torch

from tests.training.models.small import small
from training.models import attention
from training.models.attention import attend, has_flash
from training.models.encoder import VideoEncoder


def test_flash_by_name_is_refused_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_FLASH", None)
    monkeypatch.setattr(attention, "_NO_FLASH_REASON", "ImportError: undefined symbol")
    with pytest.raises(
        ValueError, match=r"model\.attention = flash, but flash-attn cannot be imported.*symbol"
    ):
        VideoEncoder(small(attention="flash"))


def test_flash_by_name_is_refused_for_what_it_cannot_compute() -> None:
    x = torch.zeros(1, 2, 1, 8)
    with pytest.raises(ValueError, match=r"on CUDA only, not torch\.float32 on cpu"):
        attend(x, x, x, "flash")


def test_attention_is_a_softmax_over_tokens() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 5, 3, 8)
    weights = torch.einsum("bqnh,bknh->bnqk", q, k).div(8**0.5).softmax(dim=-1)
    expected = torch.einsum("bnqk,bknh->bqnh", weights, v)
    torch.testing.assert_close(attend(q, k, v), expected)
    assert torch.equal(attend(q, k, v, "sdpa"), attend(q, k, v, "auto"))


def test_flash_gives_what_pytorch_gives() -> None:
    if not (has_flash() and torch.cuda.is_available()):
        pytest.skip("flash-attn and a GPU of CUDA are not both here")
    for channels in (64, 88, 128):
        q, k, v = torch.randn(3, 2, 417, 4, channels, device="cuda", dtype=torch.bfloat16)
        torch.testing.assert_close(attend(q, k, v, "flash"), attend(q, k, v, "sdpa"), atol=2e-2, rtol=2e-2)
