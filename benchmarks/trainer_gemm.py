"""The physical limit: a large square product of matrices of random numbers."""

from __future__ import annotations

import statistics
import time

import torch

from benchmarks.trainer_student import Precision, synchronise

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
SIDE = {"cuda": 8192, "cpu": 2048}
PRODUCTS = {"cuda": 20, "cpu": 1}


class Gemm:
    """So many products one after another; call it for one round of them."""

    def __init__(self, device: torch.device, precision: Precision) -> None:
        self._device = device
        self._count = PRODUCTS[device.type]
        side, dtype = SIDE[device.type], DTYPES[precision]
        self.flops = 2.0 * side**3 * self._count
        self._left, self._right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        self._product = torch.empty(side, side, device=device, dtype=dtype)

    def __call__(self) -> None:
        """Multiply, and wait for the end."""
        for _ in range(self._count):
            torch.matmul(self._left, self._right, out=self._product)
        synchronise(self._device)


def measured_tflops(gemm: Gemm, *, rounds: int = 7) -> list[float]:
    """TFLOP/s of each round, after two rounds of warm-up, in ascending order."""
    for _ in range(2):
        gemm()
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        gemm()
        found.append(gemm.flops / (time.perf_counter() - started) / 1e12)
    return sorted(found)


def peaks(device: torch.device) -> dict[str, dict[str, float]]:
    """Median and extremes by precision: bf16 on a GPU, fp32 too on a CPU."""
    wanted: tuple[Precision, ...] = ("bf16",) if device.type == "cuda" else ("fp32", "bf16")
    found = {}
    for precision in wanted:
        rates = measured_tflops(Gemm(device, precision))
        found[precision] = {
            "tflops": round(statistics.median(rates), 4),
            "low": round(rates[0], 4),
            "high": round(rates[-1], 4),
        }
    return found
