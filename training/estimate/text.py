"""A dry run as text."""

from __future__ import annotations

from training.engines.config import DeepSpeedConfig
from training.estimate.dry_run import DryRun
from training.logs.hardware import dense_tflops
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.teachers.config import InternVideo2Config

PUBLISHED_MFU = 0.22
"""Share of the peak that InternVideo2's 6B run made use of, teachers included: its first stage took 110.6K
A100 hours (section 5) for 300 epochs of 2M clips, each of 45 TFLOP."""
GPUS = ("A100", "H100")
GPU_MEMORY_GB = (16, 24, 32, 40, 48, 80, 94, 141, 180)
RESERVE_GB = 2.0
"""CUDA's context, NCCL's buffers and gaps between tensors."""
GB = 1e9


def render(run: DryRun) -> str:
    """Some twenty lines: model, cost of a clip, batch, learning rate, length, memory, GPU hours."""
    rows = [
        ("model", _model(run)),
        *(("teacher", f"{spec.name}, {_millions(spec.parameters)}") for spec in run.teachers.values()),
        ("a clip", _clip(run)),
        ("a step", _step(run)),
        ("rate", _rate(run)),
        ("length", _length(run)),
        *_memory(run),
    ]
    if run.config.device == "cuda":
        rows.append(("time", _time(run)))
    return "\n".join(f"{name:<10} {text}" for name, text in rows)


def _model(run: DryRun) -> str:
    size = run.size
    extra = f"{_millions(size.parameters - size.encoder)} of it dropped after training"
    return f"{_millions(size.parameters)} parameters, {extra}"


def _clip(run: DryRun) -> str:
    tokens = run.config.model.num_tokens + 1
    text = (
        f"{_tera(run.cost.student_flops)} forward and backward, {run.visible_tokens} of {tokens} tokens seen"
    )
    return text + (f"; teachers {_tera(run.cost.teacher_flops)}" if run.teachers else "")


def _step(run: DryRun) -> str:
    batch, objective = run.batch, run.config.objective
    spread = f"{_count(batch.world_size, 'process', 'es')} x {_count(batch.accumulation, 'pass', 'es')}"
    text = f"{batch.batch_size:,} clips = {spread} x {_count(batch.per_pass, 'clip')}"
    views = run.config.data.augmentation.views_per_clip
    masks = 1 if isinstance(objective, MaskedPixelsConfig) else objective.masks_per_view
    return text + (
        f", each in {_count(views, 'view')} under {_count(masks, 'mask')}" if views * masks > 1 else ""
    )


def _rate(run: DryRun) -> str:
    return (
        f"{run.learning_rate:.2e} at its peak = {run.rate_per_256_clips:.2e} x clips / 256 "
        f"(published: {_published_rate(run)})"
    )


def _published_rate(run: DryRun) -> str:
    objective = run.config.objective
    if isinstance(objective, MaskedPixelsConfig):
        return "VideoMAE 1.5e-4"
    if isinstance(objective.teacher, InternVideo2Config):
        return "InternVideo2's small models 1e-3"
    return "InternVideo2 1B and 6B 1.5e-4"


def _length(run: DryRun) -> str:
    text = f"{run.config.steps:,} steps = {run.clips:,} clips"
    if isinstance(run.num_samples, str):
        return f"{text}; how many epochs, is not known ({run.num_samples})"
    return f"{text} = {run.epochs:.1f} epochs of {run.num_samples:,} samples"


def _memory(run: DryRun) -> list[tuple[str, str]]:
    memory, state = run.memory, run.memory.state
    parts = [
        ("weights", state.weights),
        ("gradients", state.gradients),
        ("optimizer", state.optimizer),
        ("copies and traffic", state.communication),
        ("activations", memory.activations),
        ("frames and targets", memory.inputs),
        ("teachers' weights", memory.teacher_weights),
        ("teachers at work, before", memory.teaching),
    ]
    total = memory.total / GB
    rows = [("memory", f"{_gigabytes(memory.total)} of each process, estimated: {_engine(run)}")]
    rows += [("", f"{_gigabytes(amount):>9}  {name}") for name, amount in parts if amount]
    if state.in_main_memory:
        rows.append(("", f"{_gigabytes(state.in_main_memory):>9}  in main memory (offloaded)"))
    if run.config.device == "cuda":
        enough = next((size for size in GPU_MEMORY_GB if size >= total + RESERVE_GB), None)
        rows.append(("", _advice(enough)))
    else:
        rows.append(("", "Python, PyTorch and decoding come on top."))
    return rows


def _advice(enough: int | None) -> str:
    if enough is not None:
        return f"With {RESERVE_GB:.0f} GB for CUDA and gaps it fits a GPU of {enough} GB."
    return (
        "No GPU has as much: lower engine.micro_batch_size, raise model.checkpointed_blocks, or take "
        "engine.kind: fsdp2 and more processes."
    )


def _engine(run: DryRun) -> str:
    engine = run.config.engine
    name = f"deepspeed with {engine.config}" if isinstance(engine, DeepSpeedConfig) else engine.kind
    again = min(run.config.model.checkpointed_blocks, run.config.model.depth)
    blocks = f", {again} of {run.config.model.depth} blocks computed again" if again else ""
    return f"{name}, {engine.precision}{blocks}"


def _time(run: DryRun) -> str:
    hours = []
    for gpu in GPUS:
        peak = dense_tflops(gpu)
        assert peak is not None
        hours.append(f"{run.flops / (peak * 1e12 * PUBLISHED_MFU) / 3600:,.0f} {gpu} hours")
    work = f"{run.flops / 1e18:,.1f} EFLOP"
    return f"{work}: {' or '.join(hours)} at {PUBLISHED_MFU:.0%} of the peak, as InternVideo2-6B's took"


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def _millions(number: int) -> str:
    return f"{number / 1e6:,.1f}M"


def _tera(flops: float) -> str:
    return f"{flops / 1e12:,.3g} TFLOP" if flops >= 1e12 else f"{flops / 1e9:,.3g} GFLOP"


def _gigabytes(amount: int) -> str:
    return f"{amount / GB:,.1f} GB" if amount >= GB else f"{amount / 1e6:,.1f} MB"
