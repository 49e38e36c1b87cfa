"""What a model of `transformers` makes on its way: features of blocks, and where its tokens look.

Shape suffixes: F frames or clips, L tokens, N heads, H channels of a head.

Modules are watched by name while a model runs, so that it neither keeps the features of all blocks nor
writes out whole matrices of attention.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import copy
import importlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

FIRST_ROW = "cliploom_first_row"


@contextmanager
def outputs(model: nn.Module, only: Collection[str] | None = None) -> Iterator[dict[str, list[Tensor]]]:
    """While open, collect what modules give (the first of several values), a tensor for each time they run.

    `only` names the modules to watch; None: all.
    """
    found: dict[str, list[Tensor]] = defaultdict(list)

    def keep(name: str, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) and output else output
        if isinstance(first, Tensor):
            found[name].append(first)

    with _hooked(model, keep, only):
        yield found


def modules_that_give(wanted: Sequence[Tensor], found: dict[str, list[Tensor]]) -> tuple[str, ...]:
    """For each tensor a module that ran once and gave it; nothing if one of them is no module's output."""
    givers = {id(given[0]): name for name, given in found.items() if len(given) == 1}
    names = [givers.get(id(tensor)) for tensor in wanted]
    there = tuple(name for name in names if name is not None)
    return there if len(there) == len(names) else ()


@contextmanager
def attention_rows(
    model: nn.Module, only: Collection[str] | None = None
) -> Iterator[dict[str, tuple[bool, Tensor]]]:
    """While open, collect where queries look, by the name of the module, in the order in which they ran.

    The values are whether it is a pooling, and [F, L]: the weights of its one query, or of the first token
    as the mean over heads. `only` names the modules to watch; None: all.
    """
    rows: dict[str, tuple[bool, Tensor]] = {}

    def keep(name: str, output: Any) -> None:
        weights = output[1] if isinstance(output, tuple) and len(output) > 1 else None
        if not isinstance(weights, Tensor):
            return
        if weights.ndim == 4 and weights.shape[-2] in (1, weights.shape[-1]):
            rows[name] = (False, weights[:, :, 0].float().mean(dim=1))
        elif weights.ndim == 3 and weights.shape[1] == 1:
            rows[name] = (True, weights[:, 0])

    with _hooked(model, keep, only):
        yield rows


def tell_first_row(model: nn.Module, name: str) -> None:
    """Let the attention inside one module tell where its first token looks, beside a fused product."""
    interface = importlib.import_module("transformers").AttentionInterface
    interface.register(FIRST_ROW, _fused_with_first_row)
    for module in model.get_submodule(name).modules():
        config = getattr(module, "config", None)
        if config is not None:
            # All modules share one config: the others stay as they are.
            own = copy.copy(config)
            own._attn_implementation = FIRST_ROW
            module.config = own


def _fused_with_first_row(
    module: nn.Module,
    q_FNLH: Tensor,
    k_FNLH: Tensor,
    v_FNLH: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, Tensor | None]:
    """Attention as `transformers` calls it; the weights are those of the first token, [F, N, 1, L].

    None where a mask or a bias is added to the product: only attention that is written out tells of these.
    """
    fused = importlib.import_module("transformers.integrations.sdpa_attention").sdpa_attention_forward
    y_FLNH, _ = fused(module, q_FNLH, k_FNLH, v_FNLH, attention_mask, scaling=scaling, **options)
    if attention_mask is not None or options.get("position_bias") is not None:
        return y_FLNH, None
    scale = q_FNLH.shape[-1] ** -0.5 if scaling is None else scaling
    logits_FN1L = (q_FNLH[:, :, :1] @ k_FNLH.transpose(-2, -1)) * scale
    return y_FLNH, logits_FN1L.float().softmax(dim=-1)


@contextmanager
def _hooked(model: nn.Module, keep: Any, only: Collection[str] | None) -> Iterator[None]:
    handles = [
        module.register_forward_hook(lambda _module, _args, output, name=name: keep(name, output))
        for name, module in model.named_modules()
        if only is None or name in only
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
