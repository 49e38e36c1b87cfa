"""Writes docs/reference out of the code: `python -m docs.generate`.

A test compares the pages, so that a changed option, config field or table without its page is noticed.
"""

from __future__ import annotations

from pathlib import Path

from docs.generator.cli_page import cli_page
from docs.generator.config_page import config_page
from docs.generator.rejects_page import rejects_page
from docs.generator.tables_page import tables_page

FOLDER = Path(__file__).resolve().parent / "reference"


def pages() -> dict[str, str]:
    """The text of every generated page, by file name."""
    return {
        "config.md": config_page(),
        "cli.md": cli_page(),
        "tables.md": tables_page(),
        "rejects.md": rejects_page(),
    }


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
