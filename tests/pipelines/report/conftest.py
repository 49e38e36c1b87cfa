"""A made-up run, and its report."""

from __future__ import annotations

import pytest

from pipelines.report.render import render
from tests.pipelines.report.made import Run, data_of, made_up_run
from tests.pipelines.report.page import Page


@pytest.fixture(scope="session")
def run() -> Run:
    return made_up_run()


@pytest.fixture(scope="session")
def html(run: Run) -> str:
    return render(data_of(run))


@pytest.fixture(scope="session")
def page(html: str) -> Page:
    return Page(html)
