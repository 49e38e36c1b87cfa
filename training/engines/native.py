"""What the engines of torch itself, DDP and FSDP2, have in common."""

from __future__ import annotations

import math
from collections.abc import Set
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.distributed.tensor import DTensor

from training.engines.engine import LoadInPlace, NonFiniteGradientError
from training.engines.ranks import Ranks
from training.optimizer import OptimizerConfig, build_optimizer, set_learning_rate
from training.together import together

MOMENTS = ("exp_avg", "exp_avg_sq")
"""AdamW's running means, by their names in its state."""


class NativeEngine:
    """Steps AdamW over the parameters of a model, plain or split, by their names in it."""

    def __init__(self, model: nn.Module, config: OptimizerConfig, ranks: Ranks, accumulation: int) -> None:
        self._ranks = ranks
        self._named = dict(model.named_parameters())
        self._optimizer = build_optimizer(model, config)
        self._max_norm = config.max_grad_norm
        self._accumulation = accumulation
        self._passes = 0
        self._stepped = False
        create_state(self._optimizer)

    @property
    def _in_last_pass(self) -> bool:
        """Whether the pass under way is the last of its step."""
        return self._passes == self._accumulation - 1

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """See `Engine`."""
        assert last == self._in_last_pass, "a step has as many passes as its batch arithmetic says"
        (loss / self._accumulation).backward()  # type: ignore[no-untyped-call]
        self._passes += 1

    def step(self, learning_rate: float) -> float:
        """See `Engine`."""
        gradients = self._gradients()
        total = nn.utils.get_total_norm(gradients)
        if isinstance(total, DTensor):
            total = total.full_tensor()
        norm = float(total.item())
        if not math.isfinite(norm):
            self._clear()
            raise NonFiniteGradientError(norm)
        if norm > self._max_norm:
            nn.utils.clip_grads_with_norm_(self._trained(), self._max_norm, total)
        set_learning_rate(self._optimizer, learning_rate)
        self._optimizer.step()
        self._clear()
        return norm

    def tensors(self) -> dict[str, Tensor]:
        """See `Engine`; here all that this process holds, sharing its memory."""
        found: dict[str, Tensor] = {}
        for name, parameter in self._named.items():
            found[f"model/{name}"] = parameter.detach()
            if parameter.requires_grad:
                state = self._optimizer.state[parameter]
                found |= {f"optimizer/{name}/{moment}": state[moment] for moment in MOMENTS}
        return found

    def shapes(self) -> dict[str, torch.Size]:
        """See `Engine`; a split tensor's is that of the whole."""
        return {name: tensor.shape for name, tensor in NativeEngine.tensors(self).items()}

    def restore(self, load: LoadInPlace, step: int) -> None:
        """See `Engine`."""
        load(NativeEngine.tensors(self))
        set_step(self._optimizer, step)

    def _trained(self) -> list[nn.Parameter]:
        return [parameter for parameter in self._named.values() if parameter.requires_grad]

    def _gradients(self) -> list[Tensor]:
        found = {name: p.grad for name, p in self._named.items() if p.requires_grad}
        if not self._stepped:
            unused = {name for name, gradient in found.items() if gradient is None}
            together(self._ranks, partial(refuse_unused, unused))
            self._stepped = True
        return [gradient for gradient in found.values() if gradient is not None]

    def _clear(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        self._passes = 0


def refuse_unused(names: Set[str]) -> None:
    """Stop where parameters got no gradient: no engine would train them, and each would fail in its own way.

    Raises:
        ValueError: there are such names.
    """
    if names:
        shown = ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise ValueError(
            f"The loss does not depend on {shown}. Leave that part out of the model, or give the objective a "
            "term that trains it."
        )


def create_state(optimizer: optim.Optimizer) -> None:
    """Give each parameter the zero state that AdamW else makes in its first step."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter].update(zero_state(parameter))


def zero_state(parameter: Tensor) -> dict[str, Any]:
    """The state of a parameter under fused AdamW before its first step."""
    state: dict[str, Any] = {"step": torch.zeros((), dtype=torch.float32, device=parameter.device)}
    return state | {moment: torch.zeros_like(parameter, requires_grad=False) for moment in MOMENTS}


def set_step(optimizer: optim.Optimizer, step: int) -> None:
    """Let AdamW correct its bias as after `step` steps."""
    for state in optimizer.state.values():
        state["step"].fill_(step)
