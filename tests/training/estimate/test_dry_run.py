"""What a dry run says is what models, engines and released papers come to."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from tests.training.conftest import tiny_values
from tests.training.models.small import count_parameters
from training.config import TrainConfig
from training.engines.config import DdpConfig, DeepSpeedConfig, Fsdp2Config
from training.estimate.activation_memory import Arithmetic, activation_bytes
from training.estimate.cost import clip_cost
from training.estimate.dry_run import estimate
from training.estimate.memory import state_memory
from training.estimate.model_size import ModelSize, model_size
from training.estimate.text import PUBLISHED_MFU, render
from training.objectives.build import build_objective
from training.optimizer import build_optimizer
from training.randomness import Draw

CPU = torch.device("cpu")
EMA = {
    "kind": "distill",
    "teacher": {"kind": "ema", "layers": 2, "precision": "fp32"},
    "mask": {"kind": "random", "ratio": 0.5},
}
STAGE1 = {
    "kind": "distill",
    "teacher": {"kind": "internvl", "weights": "internvl.pth", "micro_batch_size": 8},
    "motion_teacher": {"kind": "videomae", "weights": "videomae.pth", "micro_batch_size": 8},
}
MIDDLING = {"width": 128, "depth": 6, "heads": 4, "mlp_width": 512}


def config(objective: dict[str, Any] | None = None, **changes: Any) -> TrainConfig:
    values = tiny_values("/nowhere", **changes)
    if objective is not None:
        values["objective"] = objective
    return TrainConfig.model_validate(values)


def large(size: str, *, clips: int, samples: int, **changes: Any) -> TrainConfig:
    """InternVideo2's first stage: 300 epochs of so many samples."""
    depth = {"1B": 40, "6B": 48}[size]
    return TrainConfig.model_validate(
        {
            "data": {"train": "/nowhere"},
            "model": {"size": size, "checkpointed_blocks": depth},
            "objective": STAGE1,
            "engine": {"kind": "fsdp2", "precision": "bf16"},
            "optimizer": {"rates_per_256_clips": True},
            "steps": 300 * samples // clips,
            "batch_size": clips,
            "device": "cuda",
            **changes,
        }
    )


class Peak(TorchDispatchMode):
    """The most bytes that tensors made while it lasts hold at once; views of others count nothing."""

    def __init__(self, others: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self._known = {tensor.untyped_storage()._cdata for tensor in others}
        self._now = 0
        self.peak = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self._known:
                    self._known.add(storage._cdata)
                    self._now += storage.nbytes()
                    self.peak = max(self.peak, self._now)
                    weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())
        return out

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._now -= size


def tensors_of(value: Any) -> list[torch.Tensor]:
    found = []
    for part in vars(value).values():
        found += (
            [part]
            if isinstance(part, torch.Tensor)
            else tensors_of(part)
            if hasattr(part, "__dict__")
            else []
        )
    return found


def measured_peak(settings: TrainConfig, *, bf16: bool, rows: int = 4) -> int:
    """What a forward and backward pass holds at most beside weights, inputs and gradients of weights."""
    objective = build_objective(settings.objective, settings.model, settings.data.augmentation, CPU)
    model = objective.model.bfloat16() if bf16 else objective.model
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(lambda p: setattr(p, "grad", None))
    side, frames = settings.data.frame_px, settings.objective.num_frames(settings.model)
    video = torch.randint(0, 255, (rows, frames, side, side, 3), dtype=torch.uint8)
    prepared = objective.prepare(video, [Draw(0, 0, str(number)) for number in range(rows)])

    def forward(*args: Any) -> Any:
        lowered = tree_map_only(
            torch.Tensor, lambda t: t.bfloat16() if bf16 and t.is_floating_point() else t, args
        )
        return model(*lowered)

    known = [*model.parameters(), *model.buffers(), *tensors_of(prepared)]
    with Peak(known) as held:
        loss = torch.stack(list(objective.terms(forward, prepared).values())).sum()
        loss.backward()
    return held.peak


@pytest.mark.parametrize("checkpointed", [0, 6])
@pytest.mark.parametrize("objective", [None, EMA], ids=["pixels", "distill"])
def test_activations_are_those_that_are_held(objective: dict[str, Any] | None, checkpointed: int) -> None:
    settings = config(objective, model={**MIDDLING, "checkpointed_blocks": checkpointed, "pool_heads": 4})
    estimated = 4 * activation_bytes(settings.objective, settings.model, Arithmetic.of(settings.engine))
    assert estimated == pytest.approx(measured_peak(settings, bf16=False), rel=0.15)


def test_activations_in_bfloat16_are_below_those_of_a_cpu_whose_norms_keep_more() -> None:
    settings = config(EMA, model={**MIDDLING, "pool_heads": 4})
    estimated = 4 * activation_bytes(settings.objective, settings.model, Arithmetic(low=2, stream=2))
    assert 0.7 < estimated / measured_peak(settings, bf16=True) < 1


@pytest.mark.parametrize("objective", [None, EMA], ids=["pixels", "distill"])
def test_weights_gradients_and_optimizer_are_those_of_the_real_model(
    objective: dict[str, Any] | None,
) -> None:
    settings = config(objective)
    model = build_objective(settings.objective, settings.model, settings.data.augmentation, CPU).model
    size = model_size(settings.objective, settings.model)
    assert size.parameters == count_parameters(model)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert size.trained == sum(parameter.numel() for parameter in trained)
    encoder = getattr(model, "encoder", model)
    assert size.block == count_parameters(encoder.blocks[0])

    optimizer = build_optimizer(model, settings.optimizer)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moments = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    state = state_memory(DdpConfig(), size, world_size=1)
    assert state.weights == sum(parameter.nbytes for parameter in model.parameters())
    assert state.gradients == sum(p.grad.nbytes for p in trained if p.grad is not None)
    assert state.optimizer == sum(moment.nbytes for moment in moments)
    assert state.communication == 0


def test_engines_hold_their_share_of_the_state() -> None:
    """Bytes per parameter in bfloat16, of which split ones are an eighth: 2 or 4 of weights, 4 of gradients
    (ZeRO-1: 2 too), 8 or 12 of AdamW. Two processes of each engine held within 2 % of it on a CPU."""
    size = ModelSize(parameters=8000, encoder=8000, trained=8000, block=1000, depth=8)
    zero = {"reduce_bucket_size": 100}
    deepspeed = DeepSpeedConfig(kind="deepspeed", config="x.json", precision="bf16")
    held = {
        "ddp": state_memory(DdpConfig(precision="bf16"), size, 8),
        "fsdp2": state_memory(Fsdp2Config(kind="fsdp2", precision="bf16"), size, 8),
        "zero1": state_memory(deepspeed, size, 8, {"stage": 1, **zero}),
        "zero2": state_memory(deepspeed, size, 8, {"stage": 2, **zero}),
        "zero3": state_memory(deepspeed, size, 8, {"stage": 3, **zero}),
    }
    shares = {name: (m.weights // 1000, m.gradients // 1000, m.optimizer // 1000) for name, m in held.items()}
    assert shares == {
        "ddp": (32, 32, 64),
        "fsdp2": (4, 4, 8),
        "zero1": (16, 48, 12),
        "zero2": (16, 4, 12),
        "zero3": (2, 4, 12),
    }
    offload = {"stage": 2, "offload_optimizer": {"device": "cpu"}, **zero}
    offloaded = state_memory(deepspeed, size, 8, offload)
    assert (offloaded.optimizer, offloaded.gradients, offloaded.in_main_memory) == (0, 0, 16_000)


def test_the_published_run_of_6b_comes_to_the_hours_that_were_published() -> None:
    run = estimate(large("6B", clips=2048, samples=2_000_000), world_size=256)
    hours = run.flops / (312e12 * PUBLISHED_MFU) / 3600
    assert hours == pytest.approx(110_600, rel=0.02)
    assert run.learning_rate == pytest.approx(1.2e-3)
    assert run.size.parameters == pytest.approx(6075.9e6, rel=1e-4)
    assert run.batch.per_pass == 8


def test_a_billion_parameters_on_128_gpus_take_seconds_and_no_memory() -> None:
    """Figures: InternVideo2, table 20 and the scripts of its repository."""
    started = time.monotonic()
    run = estimate(large("1B", clips=4096, samples=1_100_000), world_size=128)
    text = render(run)
    assert time.monotonic() - started < 10
    assert run.size.parameters == pytest.approx(1070.04e6, rel=1e-4)
    assert run.visible_tokens == 417
    assert run.learning_rate == pytest.approx(2.4e-3)
    assert "4,096 clips = 128 processes x 1 pass x 32 clips" in text
    assert "2.40e-03 at its peak = 1.50e-04 x clips / 256" in text
    assert "how many epochs, is not known" in text
    assert "/nowhere" in text
    assert run.epochs is None


def test_fewer_processes_and_stages_of_zero_change_what_one_holds(tmp_path: Path) -> None:
    totals = {}
    for stage in (1, 2, 3):
        path = tmp_path / f"zero{stage}.json"
        path.write_text(json.dumps({"zero_optimization": {"stage": stage, "reduce_bucket_size": 5e6}}))
        engine = {"kind": "deepspeed", "config": str(path), "precision": "bf16"}
        run = estimate(large("1B", clips=4096, samples=1_100_000, engine=engine), world_size=128)
        totals[stage] = run.memory.state.total
    assert totals[1] > totals[2] > totals[3]
    alone = estimate(large("1B", clips=32, samples=1_100_000), world_size=1)
    many = estimate(large("1B", clips=4096, samples=1_100_000), world_size=128)
    assert alone.memory.state.optimizer == pytest.approx(128 * many.memory.state.optimizer, rel=1e-6)
    assert alone.memory.activations == many.memory.activations


def test_samples_are_counted_where_the_shards_are(tiny: Callable[..., TrainConfig]) -> None:
    run = estimate(tiny(), world_size=2)
    assert run.num_samples == 10
    assert run.epochs == pytest.approx(12 * 4 / 10)
    text = render(run)
    assert "12 steps = 48 clips = 4.8 epochs of 10 samples" in text
    assert "hours" not in text
    assert "2 processes x 1 pass x 2 clips" in text


def test_what_does_not_divide_or_fit_is_refused(tiny: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ValueError, match=r"batch_size = 4 does not divide by 3 processes"):
        estimate(tiny(), world_size=3)
    with pytest.raises(ValueError, match=r"student_interval"):
        estimate(config({**EMA, "student_interval": 8}), world_size=1)


def test_processes_that_cannot_share_the_shards_are_refused(tiny: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ValueError, match=r"128 ranks do not divide the 64 lanes .* repack --lanes 128"):
        estimate(tiny(batch_size=128), world_size=128)


def test_views_and_masks_cost_the_student_and_a_cache_spares_the_teacher() -> None:
    plain = config(EMA)
    twice = config({**EMA, "masks_per_view": 3}, data={"augmentation": {"views_per_clip": 2}})
    once, more = (clip_cost(one.objective, one.model, one.data.augmentation) for one in (plain, twice))
    assert more.student_gmacs == pytest.approx(6 * once.student_gmacs)
    assert more.teacher_gmacs == pytest.approx(2 * once.teacher_gmacs)
    cached = large(
        "1B", clips=4096, samples=1_100_000, objective={**STAGE1, "target_cache": {"folder": "/nowhere"}}
    )
    assert clip_cost(cached.objective, cached.model, cached.data.augmentation).teacher_gmacs == 0
    assert estimate(cached, world_size=128).cost.teacher_gmacs > 10_000


def test_a_dry_run_needs_no_torch() -> None:
    code = (
        "import sys\nfrom training.config import TrainConfig\n"
        "from training.estimate.dry_run import estimate\n"
        f"estimate(TrainConfig.model_validate({tiny_values('/nowhere')!r}), 1)\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60).returncode == 0
