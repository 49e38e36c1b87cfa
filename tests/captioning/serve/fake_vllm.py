"""An environment with a package that goes by the name of vLLM and starts the stand-in server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.captioning.serve import standin

MAIN = """
import json, os, runpy, sys
from pathlib import Path
Path(os.environ["TMPDIR"], f"seen-{os.getpid()}.json").write_text(
    json.dumps({"argv": sys.argv[1:], "environ": dict(os.environ)})
)
port = sys.argv[sys.argv.index("--port") + 1]
sys.argv = ["standin", port, "{}"]
runpy.run_path(%r, run_name="__main__")
"""


def make_environment(folder: Path, version: str = "0.33.0", name: str = "vllm") -> str:
    """The interpreter of an environment that has vLLM, distributed under a name."""
    site = folder / "site"
    for package in ("vllm", "vllm/entrypoints", "vllm/entrypoints/cli", "vllm/entrypoints/openai"):
        (site / package).mkdir(parents=True, exist_ok=True)
        (site / package / "__init__.py").touch()
    for start in ("cli/main.py", "openai/api_server.py"):
        (site / "vllm/entrypoints" / start).write_text(MAIN % standin.__file__)
    about = site / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (about / "top_level.txt").write_text("vllm\n")
    (about / "RECORD").write_text("vllm/__init__.py,,\n")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    os.chmod(python, 0o755)
    return str(python)
