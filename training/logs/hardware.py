"""What the machine can do, and how much memory a process took."""

from __future__ import annotations

import re
import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

DENSE_TFLOPS: tuple[tuple[str, float], ...] = (
    ("GB200", 2500),
    ("B300", 2250),
    ("B200", 2250),
    ("H200 NVL", 835),
    ("H200", 989),
    ("H100 NVL", 835),
    ("H100 PCIe", 756),
    ("H100", 989),
    ("A100", 312),
    ("A40", 150),
    ("A10", 125),
    ("L40S", 362),
    ("L40", 181),
    ("L4", 121),
    ("RTX 4090", 165),
    ("V100S", 130),
    ("V100 PCIE", 112),
    ("V100", 125),
)
"""Peak TFLOP/s of matrix multiplications in bfloat16, summed up in float32, without sparsity, by words of the
device's name; the first entry whose words all occur counts.

As data sheets have them, which mostly print the figure with 2:4 sparsity, twice as much. V100 has no
bfloat16; its figure is that of float16. For others set logging.peak_tflops.
"""

CUT_DOWN = frozenset({"MIG", "Laptop", "D"})
"""Words that make a name that of a slice or a slower sister of a device in the table."""


def dense_tflops(device_name: str) -> float | None:
    """Peak TFLOP/s of a device by its name, None where it is not known."""
    words = set(re.split(r"[\s-]+", device_name))
    if words & CUT_DOWN:
        return None
    return next((peak for known, peak in DENSE_TFLOPS if words.issuperset(known.split())), None)


def peak_tflops(device: torch.device) -> float | None:
    """Peak TFLOP/s of the device that a process trains on, None for a CPU or an unknown GPU."""
    if device.type != "cuda":
        return None
    from torch import cuda

    return dense_tflops(cuda.get_device_name(device))


def device_memory_bytes(device: torch.device) -> int | None:
    """The most that tensors took on the process's GPU at once so far, None on a CPU."""
    if device.type != "cuda":
        return None
    from torch import cuda

    return cuda.max_memory_allocated(device)


def host_memory_bytes() -> int:
    """The most main memory that the process held at once so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kibibytes, but on macOS bytes.
    return peak if sys.platform == "darwin" else peak * 1024
