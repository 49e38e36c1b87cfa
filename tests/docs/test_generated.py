"""The generated pages are what the code says."""

from __future__ import annotations

import pytest

from docs.generate import FOLDER, pages

WRITTEN = pages()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    path = FOLDER / name
    assert path.is_file(), f"docs/reference/{name} is missing: python -m docs.generate"
    same = path.read_text(encoding="utf-8") == WRITTEN[name]
    assert same, f"docs/reference/{name} is not what the code says: python -m docs.generate"


def test_nothing_else_lies_beside_them() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(WRITTEN)


def test_pages_hold_what_they_are_for() -> None:
    assert "| `curation.stitch.max_s` | number | `30.0` | > 0 | semantic |" in WRITTEN["config.md"]
    assert "| `execution.tolerance` | number | `0.1` | ≥ 0, ≤ 1 | operational |" in WRITTEN["config.md"]
    assert "--accept-new-shards" in WRITTEN["cli.md"]
    assert "## cliploom shards verify" in WRITTEN["cli.md"]
    assert "| `provenance` | [Provenance](#provenance) | untracked |" in WRITTEN["tables.md"]
    assert "| `audio` | [MediaRef](#mediaref) | may be null |" in WRITTEN["tables.md"]
    assert "| `duplicate_source` |" in WRITTEN["rejects.md"]
