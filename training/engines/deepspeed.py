"""DeepSpeed's ZeRO behind the interface of all engines.

DeepSpeed keeps weights and optimizer state as slices of flat buffers. Its `safe_get_*` and `safe_set_*`
functions speak of whole parameters, so checkpoints have the names and shapes of the other engines.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import partial
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn, optim
from torch.utils._pytree import tree_map_only

from training.engines.arithmetic import BatchArithmetic
from training.engines.config import DeepSpeedConfig
from training.engines.deepspeed_config import read_deepspeed_config
from training.engines.engine import LoadInPlace, NonFiniteGradientError
from training.engines.native import MOMENTS, refuse_unused, set_step, zero_state
from training.engines.ranks import Ranks
from training.engines.shares import share
from training.optimizer import OptimizerConfig, build_optimizer, set_learning_rate
from training.together import together

CHUNK_NUMEL = 2**28
"""Elements restored at a time, 1 GiB: a process never holds a whole checkpoint."""


class DeepSpeedEngine:
    """ZeRO 1, 2 or 3 with torch's AdamW, as a config that `check_engine` has let through says.

    In bf16 the weights of the model are bfloat16 copies of float32 ones.

    Raises:
        ValueError: DeepSpeed does not load, here or on another process.
    """

    def __init__(
        self,
        config: DeepSpeedConfig,
        optimizer: OptimizerConfig,
        model: nn.Module,
        ranks: Ranks,
        arithmetic: BatchArithmetic,
    ) -> None:
        merged = read_deepspeed_config(
            config.config, precision=config.precision, optimizer=optimizer, arithmetic=arithmetic
        )
        self._ranks = ranks
        self._named = dict(model.named_parameters())
        self._shapes = {name: parameter.shape for name, parameter in self._named.items()}
        self._accumulation = arithmetic.accumulation
        self._passes = 0
        self._low = torch.bfloat16 if config.precision == "bf16" else None
        self._trained = {name for name, parameter in self._named.items() if parameter.requires_grad}
        # DeepSpeed rounds the weights before it takes them; of frozen ones it keeps no float32 at all.
        weights = {
            name: parameter.detach().to("cpu", copy=True)
            for name, parameter in self._named.items()
            if self._low is not None or name not in self._trained
        }
        self._frozen = {name: weight for name, weight in weights.items() if name not in self._trained}
        self._optimizer = build_optimizer(model, optimizer)
        together(ranks, partial(_import, ranks))
        self._engine = _initialize(merged, model, self._optimizer, ranks)
        self._create_state()
        if self._low is not None:
            for name in self._trained:
                self._put(name, None, weights[name])
            self._publish()
        self._unused = set(self._trained)
        self._watches = [self._watch(name) for name in self._trained]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """See `Engine`."""
        self._engine.set_gradient_accumulation_boundary(self._passes == self._accumulation - 1)
        if self._low is not None:
            args, kwargs = tree_map_only(Tensor, self._lowered, (args, kwargs))
        return self._engine(*args, **kwargs)

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """See `Engine`."""
        assert last == (self._passes == self._accumulation - 1), (
            "a step has as many passes as its batch arithmetic says"
        )
        self._engine.backward(loss)
        self._passes += 1

    def step(self, learning_rate: float) -> float:
        """See `Engine`."""
        if self._watches:
            together(self._ranks, partial(refuse_unused, self._unused))
        for watch in self._watches:
            watch.remove()
        self._watches.clear()
        self._passes = 0
        set_learning_rate(self._optimizer, learning_rate)
        self._engine.step()
        norm = float(self._engine.get_global_grad_norm())
        if not math.isfinite(norm):
            raise NonFiniteGradientError(norm)
        return norm

    def tensors(self) -> dict[str, Tensor]:
        """See `Engine`; one parameter after the other is put together on all processes, and kept by one."""
        mine = share(
            {name: shape.numel() for name, shape in self.shapes().items()},
            self._ranks.rank,
            self._ranks.world_size,
        )
        found: dict[str, Tensor] = {}
        for name, key in self._keys():
            whole = self._get(name, key)
            if _label(name, key) in mine:
                found[_label(name, key)] = whole.cpu()
        return found

    def shapes(self) -> dict[str, torch.Size]:
        """See `Engine`."""
        return {_label(name, key): self._shapes[name] for name, key in self._keys()}

    def restore(self, load: LoadInPlace, step: int) -> None:
        """See `Engine`; `load` is called several times, each time with the same names on all processes."""
        for keys in self._chunks():
            chunk = {_label(name, key): torch.empty(self._shapes[name]) for name, key in keys}
            load(chunk)
            for name, key in keys:
                self._put(name, key, chunk.pop(_label(name, key)))
        self._publish()
        set_step(self._optimizer, step)

    def _keys(self) -> Iterator[tuple[str, str | None]]:
        """Parameters with what there is of each: its weights (None) and, if it is trained, its moments."""
        for name in self._named:
            yield name, None
            if name in self._trained:
                yield from ((name, moment) for moment in MOMENTS)

    def _chunks(self) -> Iterator[list[tuple[str, str | None]]]:
        chunk: list[tuple[str, str | None]] = []
        size = 0
        for name, key in self._keys():
            numel = self._shapes[name].numel()
            if chunk and size + numel > CHUNK_NUMEL:
                yield chunk
                chunk, size = [], 0
            chunk.append((name, key))
            size += numel
        yield chunk

    def _get(self, name: str, key: str | None) -> Tensor:
        from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

        if name in self._frozen:
            return self._frozen[name]
        parameter = self._named[name]
        found = (
            safe_get_full_fp32_param(parameter)
            if key is None
            else safe_get_full_optimizer_state(parameter, key)
        )
        assert isinstance(found, Tensor)
        return found

    def _put(self, name: str, key: str | None, value: Tensor) -> None:
        from deepspeed import utils, zero

        parameter: Any = self._named[name]
        if name in self._frozen:
            self._frozen[name] = value
            with zero.GatheredParameters([parameter], modifier_rank=0), torch.no_grad():
                parameter.copy_(value)
            return
        if not hasattr(parameter, "ds_id"):
            if key is None:
                utils.safe_set_full_fp32_param(parameter, value)
            else:
                utils.safe_set_full_optimizer_state(parameter, value, key)
            return
        # ZeRO-3 pads parameters to equal pieces, and its setter of whole ones does not.
        piece = parameter.partition_numel()
        padded = torch.zeros(piece * self._ranks.world_size)
        padded[: value.numel()] = value.flatten()
        mine = padded.narrow(0, piece * self._ranks.rank, piece)
        if key is None:
            utils.safe_set_local_fp32_param(parameter, mine)
        else:
            utils.safe_set_local_optimizer_state(parameter, mine, key)

    def _create_state(self) -> None:
        zero = self._engine.optimizer
        flat = getattr(zero, "fp32_partitioned_groups_flat", None)
        if flat is None:
            flat = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        for parameter in flat:
            self._optimizer.state[parameter].update(zero_state(parameter))
        if hasattr(zero, "_lazy_init_hp_params_optimizer_state"):
            zero._lazy_init_hp_params_optimizer_state()

    def _publish(self) -> None:
        """Give the model what the float32 weights are now, as DeepSpeed does after a step."""
        zero = self._engine.optimizer
        if hasattr(zero, "update_lp_params"):
            zero.update_lp_params()
            return
        # Small ones stay gathered, and would stay as they are.
        zero._partition_all_parameters()
        for group in range(len(zero.fp16_groups)):
            zero._reassign_or_swap_out_partitioned_parameters(group)
        if zero.persistent_parameters:
            zero.persistent_parameters[0].all_gather(zero.persistent_parameters)

    def _watch(self, name: str) -> Any:
        parameter: Any = self._named[name]
        return parameter.register_post_accumulate_grad_hook(lambda _: self._unused.discard(name))

    def _lowered(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._low) if tensor.is_floating_point() else tensor


def _label(name: str, key: str | None) -> str:
    return f"model/{name}" if key is None else f"optimizer/{name}/{key}"


def _import(ranks: Ranks) -> None:
    """Load DeepSpeed for the device of this process."""
    # Else it takes the accelerator it finds, and looks for MPI.
    os.environ.setdefault("DS_ACCELERATOR", ranks.device.type)
    os.environ.setdefault("LOCAL_RANK", str(ranks.device.index or 0))
    try:
        import deepspeed
    except ImportError as error:
        raise ValueError(f"engine.kind = deepspeed, but DeepSpeed does not load: {error}") from error
    # Only its shared-memory operations, for inference on CPUs, are looked up there; it would compile them.
    deepspeed.ops.__compatible_ops__ = {}


def _initialize(config: dict[str, Any], model: nn.Module, optimizer: optim.Optimizer, ranks: Ranks) -> Any:
    import deepspeed

    ranks.leave_by(deepspeed.comm.destroy_process_group)
    # It prints how much memory there is.
    with redirect_stdout(sys.stderr):
        try:
            engine, *_ = deepspeed.initialize(
                model=model, optimizer=optimizer, config=config, dist_init_required=False
            )
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise ValueError(
                f"engine.config: DeepSpeed refuses a section of the JSON: {wrong}. Correct it there."
            ) from None
    return engine
