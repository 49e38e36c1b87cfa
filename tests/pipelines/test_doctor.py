"""The doctor names what stands in the way of our package names, however it is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.health import check_packages
from pipelines.shadowing import OURS, PACKAGES

ASK = (
    "from pipelines.shadowing import shadow_of\n"
    "shadow = shadow_of('training')\n"
    "print(None if shadow is None else (str(shadow.path), shadow.now))"
)


def ask(folder: Path, *, as_module: bool, **environment: str) -> str:
    """What a process started in a folder says; a console script does not look there, `python -m` does."""
    # As an installed copy would be: found after PYTHONPATH and the working directory.
    start = f"import sys; sys.path.append({str(OURS)!r})\n{ASK}"
    command = [sys.executable, *([] if as_module else ["-P"]), "-c", start]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def own_training(folder: Path) -> Path:
    (folder / "training").mkdir()
    (folder / "training" / "__init__.py").touch()
    return folder / "training"


@pytest.mark.parametrize("as_module", [True, False])
def test_a_package_in_the_working_directory_is_named(tmp_path: Path, as_module: bool) -> None:
    theirs = own_training(tmp_path)
    assert ask(tmp_path, as_module=as_module) == str((str(theirs), as_module))


@pytest.mark.parametrize("as_module", [True, False])
def test_a_package_on_pythonpath_is_named(tmp_path: Path, as_module: bool) -> None:
    (tmp_path / "lib").mkdir()
    theirs = own_training(tmp_path / "lib")
    said = ask(tmp_path, as_module=as_module, PYTHONPATH=str(tmp_path / "lib"))
    assert said == str((str(theirs), True))


def test_a_module_shadows_too_but_a_folder_of_files_does_not(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "notes.txt").touch()
    assert ask(tmp_path, as_module=True) == "None"
    (tmp_path / "training.py").touch()
    assert ask(tmp_path, as_module=True) == str((str(tmp_path / "training.py"), True))


def test_our_own_folder_is_no_shadow() -> None:
    assert ask(OURS, as_module=True) == "None"


def test_the_findings_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = own_training(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(OURS)])
    monkeypatch.setattr(
        "pipelines.shadowing.metadata.packages_distributions",
        lambda: {"shards": ["cliploom", "shards-of-others"], "training": ["Cliploom"]},
    )
    findings = {finding.name: finding for finding in check_packages()}
    assert list(findings) == [f"package {package}" for package in PACKAGES]
    assert findings["package shards"].ok is False
    assert findings["package shards"].detail.endswith("pip uninstall shards-of-others")
    assert findings["package training"].ok is False
    assert str(theirs) in findings["package training"].detail
    assert "`python -m`" in findings["package training"].detail
    assert findings["package captioning"].ok is True
