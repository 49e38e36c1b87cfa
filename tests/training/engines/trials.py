"""What one of two processes does: `python -m tests.training.engines.trials FOLDER KIND…`.

The first process writes FOLDER/results.json.
"""

# ruff: noqa: N806 (shape suffixes)
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn import functional

from training.engines.arithmetic import BatchArithmetic
from training.engines.build import build_engine
from training.engines.config import DdpConfig, DeepSpeedConfig, EngineConfig, Fsdp2Config
from training.engines.engine import Engine
from training.engines.ranks import Ranks
from training.models.encoder_config import EncoderConfig
from training.models.student import Student
from training.models.student_config import HeadConfig, StudentConfig
from training.optimizer import OptimizerConfig, ScheduleConfig, learning_rate

BATCH = 8
STEPS = 10
SAVED = 5
FEW = 3
"""Steps where one engine is compared with another: each costs time, and the first ones tell."""
OPTIMIZER = OptimizerConfig(
    peak_learning_rate=2e-2, weight_decay=0.1, max_grad_norm=0.5, betas=(0.9, 0.98), eps=1e-6
)
SCHEDULE = ScheduleConfig(warmup_steps=3, final_learning_rate=1e-3)
KINDS = ("ddp", "fsdp2", "zero1", "zero2", "zero3")


def student(drop_path: float = 0.0) -> Student:
    """A student small enough to be quick, with every kind of parameter: frozen ones are in its pooling."""
    encoder = EncoderConfig(
        num_frames=2,
        size_px=16,
        patch_px=8,
        width=32,
        depth=3,
        heads=2,
        mlp_width=40,
        pool_heads=2,
        pool_width=16,
        layer_scale_init=0.5,
        drop_path=drop_path,
        checkpointed_blocks=1,
    )
    heads = StudentConfig(
        middle=HeadConfig(layers=2, width=24),
        final=None,
        motion=HeadConfig(layers=1, width=20, kind="mlp"),
    )
    return Student(encoder, heads)


def dropping() -> Student:
    """One that leaves branches out at random."""
    return student(drop_path=0.4)


def without_memory() -> Student:
    """One whose weights the engine draws."""
    with torch.device("meta"):
        return student()


def partial() -> Student:
    """One with parameters that its output does not depend on."""
    model = student()
    model.idle = nn.Linear(2, 2)
    return model


def config(kind: str, folder: Path, **settings: Any) -> EngineConfig:
    """The config of an engine, called by `kind`."""
    if kind == "ddp":
        return DdpConfig(**settings)
    if kind == "fsdp2":
        return Fsdp2Config(kind="fsdp2", **settings)
    return DeepSpeedConfig(kind="deepspeed", config=str(folder / f"{kind}.json"), **settings)


def write_deepspeed_configs(folder: Path) -> None:
    """One file per stage; small enough thresholds that ZeRO-3 splits the student, in several buckets."""
    for stage in (1, 2, 3):
        zero: dict[str, Any] = {"stage": stage, "reduce_bucket_size": 2000, "allgather_bucket_size": 2000}
        if stage == 3:
            zero |= {"stage3_param_persistence_threshold": 100, "stage3_prefetch_bucket_size": 1000}
        text = json.dumps(
            {"zero_optimization": zero, "train_batch_size": "auto", "bf16": {"enabled": "auto"}}
        )
        (folder / f"zero{stage}.json").write_text(text)


def build(
    engine: EngineConfig, ranks: Ranks, *, model: Callable[[], nn.Module] = student, seed: int = 0
) -> Engine:
    """An engine around a model with the weights of a seed."""
    torch.manual_seed(seed)
    arithmetic = BatchArithmetic(BATCH, ranks.world_size, engine.micro_batch_size)
    return build_engine(engine, OPTIMIZER, model(), ranks, arithmetic)


def run(engine: Engine, ranks: Ranks, passes: int, first: int, last: int) -> list[tuple[float, float]]:
    """The steps after `first`, up to `last`: mean loss and norm of the gradient of each."""
    found = []
    for step in range(first + 1, last + 1):
        clips = torch.rand(BATCH, 3, 2, 16, 16, generator=torch.Generator().manual_seed(step))
        loss = 0.0
        for number, part in enumerate(clips.chunk(ranks.world_size)[ranks.rank].chunk(passes)):
            torch.manual_seed(1000 * step + 10 * ranks.rank + number)
            value = loss_of(engine, part)
            engine.backward(value, last=number == passes - 1)
            loss += value.item() / passes
        rate = learning_rate(step, STEPS, OPTIMIZER.peak_learning_rate, SCHEDULE)
        norm = engine.step(rate)
        found.append((sum(ranks.gather(loss)) / ranks.world_size, norm))
    return found


def loss_of(engine: Engine, clips: Tensor) -> Tensor:
    """How far the heads are from features made of the pixels; five of eight patches are visible."""
    visible_BK = torch.tensor([[0, 2, 3, 5, 7]]).expand(len(clips), -1)
    output = engine.forward(clips, visible_BK)
    seed = torch.Generator().manual_seed(0)
    loss = torch.zeros(())
    for guess_KBLD in (output.middle_KBLD, output.motion_KBLD):
        width = guess_KBLD.shape[-1]
        target_BD = clips.mean((2, 3)).flatten(1) @ torch.randn(48, width, generator=seed)
        target_BD = functional.normalize(target_BD - target_BD.mean(-1, keepdim=True), dim=-1)
        loss = loss + (2 - 2 * (guess_KBLD.float() * target_BD[None, :, None]).sum(-1)).mean()
    return loss


def pooled(engine: Engine) -> Tensor:
    """What the frozen pooling gives for some clip; no step may follow."""
    torch.manual_seed(0)
    output: Tensor = engine.forward(torch.rand(1, 3, 2, 16, 16)).pooled_BP
    return output.detach()


def save(engine: Engine, ranks: Ranks, folder: Path) -> dict[str, Tensor]:
    """All tensors of an engine, whole, on every process."""
    folder.mkdir(exist_ok=True)
    tensors = {
        name: (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).clone().contiguous()
        for name, tensor in engine.tensors().items()
    }
    save_file(tensors, folder / f"{ranks.rank}.safetensors")
    ranks.gather(None)
    return {name: tensor for path in sorted(folder.iterdir()) for name, tensor in load_file(path).items()}


def loader(saved: dict[str, Tensor]) -> Callable[[dict[str, Tensor]], None]:
    """Fills tensors from saved ones."""

    def load(wanted: dict[str, Tensor]) -> None:
        for name, target in wanted.items():
            assert target.shape == saved[name].shape, name
            if isinstance(target, DTensor):
                whole = distribute_tensor(saved[name], target.device_mesh, target.placements)
                target.to_local().copy_(whole.to_local())
            else:
                target.copy_(saved[name])

    return load


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two sets of tensors are bit for bit the same."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def error_of(call: Callable[[], object]) -> str:
    """The message of the ValueError that a call raises."""
    try:
        call()
    except ValueError as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def trial(kind: str, ranks: Ranks, folder: Path) -> dict[str, Any]:
    """Everything about one engine."""
    results: dict[str, Any] = {}
    engine = build(config(kind, folder, micro_batch_size=2), ranks, model=dropping)
    begun = run(engine, ranks, 2, 0, SAVED)
    saved = save(engine, ranks, folder / f"{kind}-{SAVED}")
    results["dropping"] = begun + run(engine, ranks, 2, SAVED, STEPS)
    end = save(engine, ranks, folder / f"{kind}-{STEPS}")
    results["names"] = sorted(saved)

    again = build(config(kind, folder, micro_batch_size=2), ranks, model=dropping, seed=1)
    again.restore(loader(saved), SAVED)
    results["restored_same"] = same(save(again, ranks, folder / f"{kind}-restored"), saved)
    results["continued"] = run(again, ranks, 2, SAVED, STEPS)
    results["continued_same"] = same(save(again, ranks, folder / f"{kind}-continued"), end)

    results["frozen_same"] = torch.equal(pooled(engine), pooled(again))

    results["plain"] = run(build(config(kind, folder), ranks), ranks, 1, 0, SAVED)
    results["meta"] = run(build(config(kind, folder), ranks, model=without_memory), ranks, 1, 0, 2)

    half = build(config(kind, folder, precision="bf16"), ranks)
    results["bf16"] = run(half, ranks, 1, 0, FEW)
    saved = save(half, ranks, folder / f"{kind}-bf16")
    half = build(config(kind, folder, precision="bf16"), ranks, seed=1)
    half.restore(loader(saved), FEW)
    results["bf16_restored_same"] = same(save(half, ranks, folder / f"{kind}-bf16-restored"), saved)

    engine = build(config(kind, folder), ranks)
    run(engine, ranks, 1, 0, 1)
    before = save(engine, ranks, folder / f"{kind}-before")

    def explode() -> None:
        engine.backward(loss_of(engine, torch.ones(4, 3, 2, 16, 16)) * float("inf"), last=True)
        engine.step(1e-3)

    results["explosion"] = error_of(explode)
    results["explosion_harmless"] = same(save(engine, ranks, folder / f"{kind}-after"), before)

    unused = build(config(kind, folder), ranks, model=partial)
    results["unused"] = error_of(lambda: run(unused, ranks, 1, 0, 1))
    return results


def crossing(source: str, target: str, ranks: Ranks, folder: Path) -> list[tuple[float, float]]:
    """The rest of a run that another engine began."""
    files = sorted((folder / f"{source}-{SAVED}").iterdir())
    saved = {name: tensor for path in files for name, tensor in load_file(path).items()}
    engine = build(config(target, folder, micro_batch_size=2), ranks, model=dropping, seed=1)
    engine.restore(loader(saved), SAVED)
    return run(engine, ranks, 2, SAVED, SAVED + FEW)


def talk(ranks: Ranks) -> dict[str, Any]:
    """What the processes tell each other."""
    return {
        "any": [ranks.any(False), ranks.any(ranks.rank == 1)],
        "gather": ranks.gather({"rank": ranks.rank, "text": "é" * (ranks.rank * 3)}),
        "agree": ranks.gather([ranks.agree(1, f"version {ranks.rank}"), ranks.agree(2, "same")]),
    }


def main(folder: Path, kinds: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    ranks = Ranks.join("cpu")
    if ranks.rank == 0:
        write_deepspeed_configs(folder)
    ranks.gather(None)
    results: dict[str, Any] = {"talk": talk(ranks)}
    for kind in kinds:
        results[kind] = trial(kind, ranks, folder)
    for source, target in zip(kinds, kinds[1:] + kinds[:1], strict=True):
        results[f"{source} to {target}"] = crossing(source, target, ranks, folder)
    if ranks.rank == 0:
        (folder / "results.json").write_text(json.dumps(results))
    ranks.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2:]))
