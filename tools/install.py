"""Installs Cliploom with an extra into the environment that runs this file, if anything changed.

Needs nothing but the standard library. Where there is no NVIDIA driver, torch's CPU build is taken if it
can be had: the usual Linux build brings several GB of CUDA libraries.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SIZES_MB = {"demo": (2_100, 600), "dev": (3_400, 920)}
"""On disk and to download: measured with torch's CPU build, x86-64 Linux, Python 3.11, constraints.txt."""
CUDA_SIZES_MB = (4_000, 2_500)
"""What torch 2.13's usual Linux build and its CUDA libraries add: the download is the sum of the wheels'
sizes less that of the CPU build, the size on disk an estimate from it."""
WITHOUT_DEPENDENCIES = {"dev": {"openai-whisper": ("triton",)}}
"""What is installed with an extra but without what it declares: by package, what of that is left out; the
rest is in the extra. triton is 1 GB of compilers for GPUs, and whisper uses it on those only."""
FAILED_BUILD = re.compile(r"Failed to build|Failed building|CMAKE_C_COMPILER|metadata-generation-failed")


class SetupError(Exception):
    """What stands in the way, and what to do about it."""


def main() -> int:
    """Install the extra named on the command line."""
    extra = sys.argv[1]
    stamp = Path(sys.prefix) / f"installed-{extra}"
    wanted = _fingerprint()
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    started = time.monotonic()
    try:
        _install(extra)
    except SetupError as error:
        print(f"cliploom setup: {error}", file=sys.stderr)
        return 2
    for covered in ("demo", "dev") if extra == "dev" else (extra,):
        (Path(sys.prefix) / f"installed-{covered}").write_text(wanted)
    print(f"cliploom setup: done in {time.monotonic() - started:.0f} s, .venv holds {_size_mb():,} MB")
    return 0


def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "constraints.txt", "tools/install.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _install(extra: str) -> None:
    chooses_torch = sys.platform == "linux" and not _has_torch()
    without_cuda = chooses_torch and not _has_nvidia_driver()
    _announce(extra, with_cuda=chooses_torch and not without_cuda)
    if without_cuda and not _install_cpu_torch():
        print(
            "cliploom setup: torch's CPU build cannot be had from here, so the usual build is taken",
            flush=True,
        )
        _announce(extra, with_cuda=True)
    _install_packages("-e", f".[{extra}]")
    if bare := WITHOUT_DEPENDENCIES.get(extra):
        _install_packages("--no-deps", *bare)


def _install_packages(*arguments: str) -> None:
    completed = _pip("-c", "constraints.txt", *arguments)
    if completed.returncode == 0:
        return
    if FAILED_BUILD.search(completed.stdout) and not shutil.which("cc"):
        raise SetupError(
            "a package has no ready-made wheel for this Python and there is no C compiler to build it. "
            "Install one with: sudo apt install build-essential python3-dev"
        )
    raise SetupError(f"pip failed:\n{completed.stdout.strip()}")


def _announce(extra: str, *, with_cuda: bool) -> None:
    disk_mb, download_mb = SIZES_MB[extra]
    if with_cuda:
        disk_mb, download_mb = disk_mb + CUDA_SIZES_MB[0], download_mb + CUDA_SIZES_MB[1]
    print(
        f"cliploom setup: installing{' with CUDA' if with_cuda else ''} on Python {sys.version.split()[0]}: "
        f"about {disk_mb:,} MB in .venv, {download_mb:,} MB to download; this takes a minute or two",
        flush=True,
    )


def _install_cpu_torch() -> bool:
    """Install the pinned torch in its CPU build, from the configured indexes or from PyTorch's own."""
    pinned = re.search(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned, "constraints.txt must pin torch"
    requirement = f"torch=={pinned.group(1)}+cpu"
    patience = ("--retries", "1", "--timeout", "15")
    for arguments in ((), ("--extra-index-url", CPU_INDEX, *patience)):
        if _pip("--no-deps", *arguments, requirement).returncode == 0:
            return True
    return False


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check"]
    return subprocess.run(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _has_torch() -> bool:
    return (Path(sysconfig.get_path("purelib")) / "torch").is_dir()


def _has_nvidia_driver() -> bool:
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def _size_mb() -> int:
    total = 0
    for folder, _, names in os.walk(sys.prefix):
        total += sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for name in names)
    return round(total / 1e6)


if __name__ == "__main__":
    sys.exit(main())
