"""Every reason for rejection with its meaning."""

from __future__ import annotations

from curation.base.rejects import Reason
from docs.generator.markdown import HEAD, table
from pipelines.report.reasons import MEANING

INTRODUCTION = """# Reasons for rejection

A reject is a row of the table [`rejected`](tables.md#rejected): one of these reasons, and a sentence that
says what, where, the value and what to do. `cliploom tables RUN rejected` prints them.
"""


def rejects_page() -> str:
    """The page."""
    rows = [(f"`{reason}`", MEANING[reason]) for reason in Reason]
    return "\n".join([HEAD, INTRODUCTION, *table(("reason", "meaning"), rows)])
