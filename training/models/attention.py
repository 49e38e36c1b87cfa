"""Attention by PyTorch or by flash-attn, with the same numbers.

Shape suffixes: B batch, L tokens, N heads, H channels of a head.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

Backend = Literal["auto", "sdpa", "flash"]

HALF = (torch.float16, torch.bfloat16)


def _find_flash() -> tuple[Callable[..., Any] | None, str]:
    try:
        return importlib.import_module("flash_attn").flash_attn_func, ""
    except (ImportError, AttributeError, OSError) as error:
        return None, f"{type(error).__name__}: {error}"


_FLASH, _NO_FLASH_REASON = _find_flash()


def has_flash() -> bool:
    """Whether flash-attn can be imported."""
    return _FLASH is not None


def check_backend(backend: Backend) -> None:
    """Refuse flash-attn by name where it is missing.

    Raises:
        ValueError: with what importing it said, and what to do.
    """
    if backend == "flash" and _FLASH is None:
        raise ValueError(
            f"model.attention = flash, but flash-attn cannot be imported ({_NO_FLASH_REASON}). "
            "Install flash-attn for this PyTorch and CUDA, or set model.attention to auto or sdpa."
        )


def attend(q_BLNH: Tensor, k_BLNH: Tensor, v_BLNH: Tensor, backend: Backend = "auto") -> Tensor:
    """Softmax attention of all tokens to all, scaled by H^-0.5; returns [B, L, N, H].

    Raises:
        ValueError: flash-attn is asked for by name and cannot compute these tensors.
    """
    flash_applies = v_BLNH.is_cuda and v_BLNH.dtype in HALF
    if backend == "flash" and not flash_applies:
        raise ValueError(
            "model.attention = flash, but flash-attn computes float16 and bfloat16 on CUDA only, not "
            f"{v_BLNH.dtype} on {v_BLNH.device.type}. Set engine.precision to bf16, or model.attention to "
            "auto or sdpa."
        )
    if _FLASH is not None and flash_applies and backend != "sdpa":
        y_BLNH: Tensor = _FLASH(q_BLNH, k_BLNH, v_BLNH)
        return y_BLNH
    y_BNLH = functional.scaled_dot_product_attention(
        q_BLNH.transpose(1, 2), k_BLNH.transpose(1, 2), v_BLNH.transpose(1, 2)
    )
    return y_BNLH.transpose(1, 2)
