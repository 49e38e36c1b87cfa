"""How much of the machine the trainer uses.

First the limit: a large square product of matrices. Then, size by size and in turns with that product, the
student of stage 1 without teachers (417 visible tokens of 8 frames of 224 px, all heads, targets drawn once):
forward, backward and AdamW by the DDP engine, with and without torch.compile of each block, by SDPA and by
flash-attn where it is installed. Then the real loop over batches from memory and from shards in turns, and a
run of `train` on stage 1 from shards, its teacher a moving average of the student.

    python -m benchmarks.trainer --device cuda --size all --shards-minutes 2
    python -m benchmarks.trainer
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

# Read when torch is loaded; `training.run` sets it too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from benchmarks.interleaved import last_line
from benchmarks.trainer_data import make_drawn_shards
from benchmarks.trainer_gemm import peaks
from benchmarks.trainer_loop import from_memory_and_shards, train_from_shards
from benchmarks.trainer_speed import Speed, measure
from benchmarks.trainer_student import Setting, flops_per_step, free_memory, joined
from training.engines.ranks import Ranks
from training.logs.hardware import peak_tflops
from training.models.attention import has_flash

Device = Literal["cpu", "cuda"]
ON_GPU = {
    "S": Setting(size="S", batch_size=256, micro_batch_size=256),
    "B": Setting(size="B", batch_size=256, micro_batch_size=128),
    "L": Setting(size="L", batch_size=128, micro_batch_size=64),
    "1B": Setting(size="1B", batch_size=128, micro_batch_size=32),
}
"""What one H200 should hold, with two variants of a size in memory at once."""
TARGET_MFU = {"S": 0.25, "B": 0.35, "L": 0.45, "1B": 0.50}
"""Of 989 TFLOP/s, on one H200 in bfloat16."""
TARGET_DATA_WAIT = 0.05
BUDGET_S = {"cuda": 240.0, "cpu": 60.0}
SHARDS_MINUTES = {"cuda": 2.0, "cpu": 0.5}


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    device: Device = arguments.device
    sizes = [*ON_GPU] if "all" in arguments.size else list(dict.fromkeys(arguments.size))
    with joined(device) as ranks:
        name = torch.cuda.get_device_name(ranks.device) if device == "cuda" else platform.machine()
        threads = torch.get_num_threads()
        print(f"{device}: {name}, torch {torch.__version__}, {threads} CPU threads", flush=True)
        limits = peaks(ranks.device)
        for precision, limit in limits.items():
            print(f"GEMM {precision}: {limit['tflops']} TFLOP/s ({limit['low']}-{limit['high']})", flush=True)
        peak = peak_tflops(ranks.device)
        if not has_flash():
            print("flash-attn is not installed: SDPA only")
        speeds: list[Speed] = []
        for size in sizes:
            start = _setting(arguments, size)
            budget_s = arguments.budget_s / len(sizes)
            found = measure(_variants(start, compiled=not arguments.no_compile), ranks, budget_s)
            speeds += found
            free_memory()
            _print_speeds(found, peak)
        data = _data(arguments, speeds, ranks) if arguments.shards_minutes else {}
    last_line(
        benchmark="trainer",
        device=name,
        torch=torch.__version__,
        threads=threads,
        cores=os.cpu_count(),
        load_average=[round(value, 1) for value in os.getloadavg()],
        gemm=limits,
        peak_tflops=peak,
        speeds=[_figures(speed, peak) for speed in speeds],
        data=data,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--size", action="append", choices=(*ON_GPU, "all"), help="several times, or all")
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="default: bf16 on cuda, fp32 on cpu")
    parser.add_argument("--batch-size", type=int, help="clips of a step (default: by size; 2 on cpu)")
    parser.add_argument("--micro-batch-size", type=int, help="clips of a pass (default: by size)")
    parser.add_argument("--checkpointed-blocks", type=int, default=0)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--budget-s", type=float, help="time for the steps of all sizes (cuda 240, cpu 60)")
    parser.add_argument(
        "--shards-minutes", type=float, help="time for `train` from shards; 0: none (cuda 2, cpu 0.5)"
    )
    parser.add_argument("--shards-size", choices=(*ON_GPU,), help="its size (cuda B, cpu S)")
    parser.add_argument("--shards", help="URL of a shard set (default: one of drawn clips is made)")
    parser.add_argument("--decode-threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    cuda = arguments.device == "cuda"
    arguments.size = arguments.size or (["all"] if cuda else ["S"])
    arguments.precision = arguments.precision or ("bf16" if cuda else "fp32")
    arguments.shards_size = arguments.shards_size or ("B" if cuda else "S")
    arguments.budget_s = BUDGET_S[arguments.device] if arguments.budget_s is None else arguments.budget_s
    if arguments.shards_minutes is None:
        arguments.shards_minutes = SHARDS_MINUTES[arguments.device]
    return arguments


def _setting(arguments: argparse.Namespace, size: str) -> Setting:
    usual = ON_GPU[size]
    if arguments.device == "cpu":
        usual = replace(usual, batch_size=2, micro_batch_size=2)
    batch_size = arguments.batch_size or usual.batch_size
    return replace(
        usual,
        batch_size=batch_size,
        micro_batch_size=arguments.micro_batch_size or min(usual.micro_batch_size, batch_size),
        checkpointed_blocks=arguments.checkpointed_blocks,
        precision=arguments.precision,
    )


def _variants(start: Setting, *, compiled: bool) -> dict[str, Setting]:
    """By name, what is compared for a size."""
    found = {"eager": start}
    if compiled:
        found["compiled"] = replace(start, compile=True)
    if has_flash() and torch.cuda.is_available() and start.precision == "bf16":
        fastest = "compiled" if compiled else "eager"
        found[f"{fastest}, flash-attn"] = replace(found[fastest], attention="flash")
    return found


def _data(arguments: argparse.Namespace, speeds: Sequence[Speed], ranks: Ranks) -> dict[str, Any]:
    setting = _setting(arguments, arguments.shards_size)
    cuda = arguments.device == "cuda"
    # A pass that fitted; whether compiling paid is known by now too.
    best = max(
        (speed for speed in speeds if speed.setting.size == setting.size),
        key=lambda speed: speed.samples_per_s,
        default=None,
    )
    if best is not None:
        setting = best.setting
    if not cuda:
        setting = replace(setting, size_px=112, compile=False)
    with tempfile.TemporaryDirectory(prefix="trainer-") as name:
        folder = Path(name)
        url = arguments.shards or _make_shards(folder, cuda=cuda)
        alone = from_memory_and_shards(
            setting, url, ranks,
            decode_threads=arguments.decode_threads, steps=30 if cuda else 4, turns=5 if cuda else 3,
        )  # fmt: skip
        print(
            f"\n{setting.size} at {setting.size_px} px, {setting.batch_size} clips a step, in the real loop"
        )
        for source, figures in alone.items():
            print(f"  from {source:<8}{_spread(figures)}")
        free_memory()
        run = train_from_shards(
            setting, url, folder / "trained", device=arguments.device,
            decode_threads=arguments.decode_threads, budget_s=60 * arguments.shards_minutes,
        )  # fmt: skip
    steady = run.get("steady", run)
    print(
        f"  train, with a moving average as teacher: {steady['samples_per_s']:.1f} samples/s, data-wait "
        f"{steady['data_wait_share']:.1%}{_verdict(steady['data_wait_share'])}; {run['steps']} steps in "
        f"{run['seconds']:.0f} s"
    )
    return {"size": setting.size, "size_px": setting.size_px, "batch_size": setting.batch_size,
            "decode_threads": arguments.decode_threads, "student_alone": alone, "train": run}  # fmt: skip


def _make_shards(folder: Path, *, cuda: bool) -> str:
    clips, samples = (32, 4096) if cuda else (8, 64)
    made = make_drawn_shards(folder / "set", clips=clips, clip_s=4.0, samples=samples, shards=8)
    size = statistics.mean(path.stat().st_size for path in made.clips) / 1000
    print(
        f"\nshards: {samples} samples of {clips} drawn clips of 4 s, 456x256, {size:.0f} kB each", flush=True
    )
    return made.url


def _spread(figures: Mapping[str, float]) -> str:
    wait = figures["data_wait_share"]
    return (
        f"{figures['samples_per_s']:>9.1f} samples/s ({figures['samples_per_s_low']:.1f}-"
        f"{figures['samples_per_s_high']:.1f}), data-wait {wait:.1%}{_verdict(wait)}"
    )


def _verdict(data_wait: float) -> str:
    return "" if data_wait < TARGET_DATA_WAIT else f" (target < {TARGET_DATA_WAIT:.0%}: missed)"


def _print_speeds(speeds: Sequence[Speed], peak: float | None) -> None:
    for speed in speeds:
        print(describe(speed, peak), flush=True)


def describe(speed: Speed, peak: float | None) -> str:
    """A row of the table; the target stands beside it where it was set, on an H200 in bfloat16."""
    figures, setting = _figures(speed, peak), speed.setting
    memory = "" if speed.peak_bytes is None else f" {speed.peak_bytes / 2**30:.1f} GiB"
    text = (
        f"{setting.size:<3}{speed.name:<22}{setting.batch_size} clips, {setting.micro_batch_size} a pass: "
        f"{figures['samples_per_s']:.2f} samples/s, {figures['tflops']:.4g} TFLOP/s, "
        f"{figures['mfu_of_gemm']:.1%} of the GEMM ({figures['mfu_of_gemm_low']:.1%}-"
        f"{figures['mfu_of_gemm_high']:.1%}){memory}, first step {speed.first_step_s:.1f} s"
    )
    if peak is None:
        return text
    target = TARGET_MFU[setting.size]
    verdict = "met" if figures["mfu"] >= target else "missed"
    if verdict == "missed" and figures["mfu_high"] >= target:
        verdict = "undecided, within the spread"
    return f"{text}, MFU {figures['mfu']:.1%} of {peak:g} (target {target:.0%}: {verdict})"


def _figures(speed: Speed, peak: float | None) -> dict[str, Any]:
    setting = speed.setting
    figures = {
        "size": setting.size,
        "variant": speed.name,
        "precision": setting.precision,
        "batch_size": setting.batch_size,
        "micro_batch_size": setting.micro_batch_size,
        "checkpointed_blocks": setting.checkpointed_blocks,
        "turns": len(speed.tflops),
        "samples_per_s": round(speed.samples_per_s, 3),
        "step_s": round(setting.batch_size / speed.samples_per_s, 4),
        "cpu_s_per_step": round(speed.cpu_s_per_step, 4),
        "tflop_per_step": round(flops_per_step(setting) / 1e12, 4),
        "tflops": round(statistics.median(speed.tflops), 4),
        "mfu_of_gemm": round(statistics.median(speed.of_gemm), 4),
        "mfu_of_gemm_low": round(min(speed.of_gemm), 4),
        "mfu_of_gemm_high": round(max(speed.of_gemm), 4),
        "first_step_s": round(speed.first_step_s, 2),
        "peak_bytes": speed.peak_bytes,
    }
    if peak is not None:
        figures |= {
            "mfu": round(statistics.median(speed.tflops) / peak, 4),
            "mfu_low": round(min(speed.tflops) / peak, 4),
            "mfu_high": round(max(speed.tflops) / peak, 4),
            "target_mfu": TARGET_MFU[setting.size],
        }
    return figures


if __name__ == "__main__":
    main()
