"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from curation.base.workspace import Workspace

SHARED_MEDIA = Path(
    os.environ.get("CLIPLOOM_TEST_MEDIA", Path(__file__).resolve().parents[2] / "shared" / "media")
)


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of real test footage; tests that need it are skipped, with the reason, without it."""
    if not SHARED_MEDIA.is_dir():
        pytest.skip(f"no real footage at {SHARED_MEDIA}: set CLIPLOOM_TEST_MEDIA to a folder that has it")
    return SHARED_MEDIA


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace on an empty run folder."""
    return Workspace.open(str(tmp_path / "run"), str(tmp_path / "scratch"))
