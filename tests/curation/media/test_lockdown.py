"""What a child has given up, tried from inside one."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

TRY = """
import os, socket, subprocess, sys, threading
from pathlib import Path
from curation.media import lockdown

allowed = Path(sys.argv[1])
secret = allowed.with_name("secret")

def attempt(name, use):
    try:
        use()
    except OSError as error:
        print(name, "refused")
    else:
        print(name, "allowed")

print("calls", lockdown.refuse_system_calls())
attempt("socket", lambda: socket.socket())
attempt("fork", os.fork)
attempt("run", lambda: subprocess.run(["true"]))
attempt("kill", lambda: os.kill(os.getppid(), 0))
thread = threading.Thread(target=lambda: print("thread allowed"))
thread.start()
thread.join()
print("files", lockdown.allow_reading(allowed, [os.path.dirname(os.__file__)]))
attempt("read", lambda: allowed.read_bytes())
attempt("library", lambda: Path(os.__file__).read_bytes())
attempt("write", lambda: allowed.write_bytes(b""))
attempt("other", lambda: secret.read_bytes())
attempt("create", lambda: allowed.with_name("new").write_bytes(b""))
"""


@pytest.fixture
def attempts(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "allowed").write_bytes(b"film")
    (tmp_path / "secret").write_bytes(b"key")
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(tmp_path / "allowed")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "aarch64"}, reason="no system call list for this CPU"
)
def test_network_and_other_processes_are_out_of_reach(attempts: dict[str, str]) -> None:
    if attempts["calls"] == "False":
        pytest.skip("this kernel has no seccomp filters")
    for name in ("socket", "fork", "run", "kill"):
        assert attempts[name] == "refused", name
    assert attempts["thread"] == "allowed"


def test_other_files_are_out_of_reach(attempts: dict[str, str]) -> None:
    if attempts["files"] == "False":
        pytest.skip("this kernel has no Landlock")
    assert (attempts["read"], attempts["library"]) == ("allowed", "allowed")
    for name in ("write", "other", "create"):
        assert attempts[name] == "refused", name
