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
INSTALLED_MB = {"demo": 0, "dev": 0}
"""Measured with torch's CPU build on x86-64 Linux, Python 3.11 and constraints.txt, see CONTRIBUTING.md."""
CUDA_MB = 0
"""How much more the usual Linux build of torch 2.13 takes, with the CUDA libraries it depends on."""
FAILED_BUILD = re.compile(r"Failed to build|Failed building|CMAKE_C_COMPILER|metadata-generation-failed")


class SetupError(Exception):
    """What stands in the way, and what to do about it."""


def main() -> int:
    """Install the extra named on the command line."""
    extra = sys.argv[1]
    stamp = Path(sys.prefix) / f"installed-{extra}"
    wanted = _fingerprint(extra)
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    started = time.monotonic()
    try:
        _install(extra)
    except SetupError as error:
        print(f"cliploom setup: {error}", file=sys.stderr)
        return 2
    stamp.write_text(wanted)
    print(f"cliploom setup: done in {time.monotonic() - started:.0f} s, .venv holds {_size_mb():,} MB")
    return 0


def _fingerprint(extra: str) -> str:
    digest = hashlib.sha256(f"{extra} {sys.version}".encode())
    for name in ("pyproject.toml", "constraints.txt", "tools/install.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _install(extra: str) -> None:
    megabytes = INSTALLED_MB[extra]
    note = ""
    if not _is_installed("torch"):
        if _has_nvidia_driver() or not sys.platform.startswith("linux"):
            megabytes += 0 if sys.platform == "darwin" else CUDA_MB
        else:
            note = " without an NVIDIA driver, so with torch's CPU build"
    print(
        f"cliploom setup: Python {sys.version.split()[0]}{note}; installing about {megabytes:,} MB into .venv, "
        "which takes a minute or two",
        flush=True,
    )
    if note and not _install_cpu_torch():
        print(
            f"cliploom setup: torch's CPU build cannot be had from here; the usual build takes about "
            f"{CUDA_MB:,} MB more",
            flush=True,
        )
    completed = _pip("-c", "constraints.txt", "-e", f".[{extra}]")
    if completed.returncode == 0:
        return
    if FAILED_BUILD.search(completed.stdout) and not shutil.which("cc"):
        raise SetupError(
            "a package has no ready-made wheel for this Python and there is no C compiler to build it. "
            "Install one with: sudo apt install build-essential python3-dev"
        )
    raise SetupError(f"pip failed:\n{completed.stdout.strip()}")


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


def _has_nvidia_driver() -> bool:
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def _is_installed(package: str) -> bool:
    return (Path(sysconfig.get_path("purelib")) / package).is_dir()


def _size_mb() -> int:
    total = 0
    for folder, _, names in os.walk(sys.prefix):
        total += sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for name in names)
    return round(total / 1e6)


if __name__ == "__main__":
    sys.exit(main())
