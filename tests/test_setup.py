"""`make setup`: what it says when something is missing, and that it is quick when nothing changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import install

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that setting up needs, in a folder of their own."""
    folder = tmp_path / "checkout"
    (folder / "tools").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "tools/setup.sh", "tools/install.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def set_up(checkout: Path, python: str, *, asked_for: str = "") -> subprocess.CompletedProcess[str]:
    """Run setup where `python3` is a shell script with this body, and no other Python is on the path."""
    programs = checkout.parent / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("sh", "cat", "dirname"):
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(str(shutil.which(name)))
    (programs / "python3").write_text(f"#!{shutil.which('sh')}\n{python}\n")
    (programs / "python3").chmod(0o755)
    environment = {"PATH": str(programs), **({"PYTHON": asked_for} if asked_for else {})}
    command = [str(shutil.which("sh")), "tools/setup.sh", "demo"]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def test_an_old_python_is_refused_with_what_to_install(checkout: Path) -> None:
    completed = set_up(checkout, "exit 1")
    assert completed.returncode == 2
    assert len(completed.stderr.splitlines()) == 1
    assert "apt install python3 python3-venv" in completed.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_was_asked_for_and_will_not_do_is_named(checkout: Path) -> None:
    completed = set_up(checkout, f'exec {sys.executable} "$@"', asked_for="python2.7")
    assert completed.returncode == 2
    assert "PYTHON=python2.7 is no Python 3.11" in completed.stderr


def test_a_missing_venv_module_is_named_with_its_package(checkout: Path) -> None:
    completed = set_up(checkout, f'case "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"')
    assert completed.returncode == 2
    assert len(completed.stderr.splitlines()) == 1
    assert "apt install python3-venv" in completed.stderr


def test_nothing_is_done_if_nothing_changed_and_a_changed_pin_is_noticed(checkout: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(checkout / ".venv")], check=True)
    code = (
        "import install, pathlib, sys; "
        "pathlib.Path(sys.prefix, 'installed-demo').write_text(install._fingerprint())"
    )
    venv_python = checkout / ".venv" / "bin" / "python"
    subprocess.run([venv_python, "-c", code], cwd=checkout / "tools", check=True)

    started = time.monotonic()
    completed = set_up(checkout, "exit 1")
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "", "")
    assert time.monotonic() - started < 1

    (checkout / "constraints.txt").write_text("torch==2.13.0\nnumpy==2.4.5\n")
    completed = set_up(checkout, "exit 1")
    assert completed.returncode == 2
    assert "MB to download" in completed.stdout
    assert "No module named pip" in completed.stderr


def test_an_environment_of_another_place_is_made_anew(checkout: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(checkout / ".venv")], check=True)
    (checkout / ".venv" / "checkout").write_text("/where/it/was/before")
    completed = set_up(checkout, f'case "$*" in *"venv --clear"*) exit 7;; esac\nexec {sys.executable} "$@"')
    assert completed.returncode == 7


def test_what_drags_in_too_much_is_installed_last_and_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, "")

    monkeypatch.setattr(install, "_pip", pip)
    monkeypatch.setattr(install, "_has_torch", lambda: True)
    install._install("demo")
    install._install("dev")
    assert asked == [
        ("-c", "constraints.txt", "-e", ".[demo]"),
        ("-c", "constraints.txt", "-e", ".[dev]"),
        ("-c", "constraints.txt", "--no-deps", "openai-whisper"),
    ]
