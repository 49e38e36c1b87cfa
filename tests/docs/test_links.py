"""Whatever a page points at is there."""

from __future__ import annotations

import os
import re

import pytest

from tests.docs.pages import ROOT, Page, pages

MAX_PICTURE_BYTES = 300_000
FOLDERS = "benchmarks|captioning|curation|deploy|docs|examples|pipelines|shards|tests|tools|training"
PATH = re.compile(rf"(?:{FOLDERS})/[\w./-]*")
every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.path)


@every_page
def test_links_resolve(page: Page) -> None:
    anchors = {other.path: other.anchors for other in pages()}
    for link in page.links:
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        folder = os.path.dirname(page.path)
        path = os.path.normpath(os.path.join(folder, target)) if target else page.path
        assert (ROOT / path).exists(), f"{page.path}: {link} leads nowhere"
        if anchor:
            assert anchor in anchors[path], f"{page.path}: {link}: no such heading in {path}"


@every_page
def test_named_files_and_folders_exist(page: Page) -> None:
    for code in page.inline:
        if PATH.fullmatch(code):
            assert (ROOT / code).exists(), f"{page.path} names `{code}`, which does not exist"


def test_every_page_can_be_reached_from_the_readme() -> None:
    by_path = {page.path: page for page in pages()}
    reached, open_pages = set[str](), ["README.md"]
    while open_pages:
        path = open_pages.pop()
        if path in reached or path not in by_path:
            continue
        reached.add(path)
        for link in by_path[path].links:
            target = os.path.normpath(os.path.join(os.path.dirname(path), link.partition("#")[0]))
            if (ROOT / target).is_dir():
                below = sorted((ROOT / target).glob("*.md"))
                open_pages += [str(file.relative_to(ROOT)) for file in below]
            else:
                open_pages.append(target)
    assert set(by_path) - reached - {"docs/images/README.md"} == set()


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs" / "images").glob("*.png"):
        assert picture.stat().st_size < MAX_PICTURE_BYTES, f"{picture.name} is too large for a README"


@every_page
def test_make_targets_exist(page: Page) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [line for block in page.blocks("sh") for line in block.splitlines()]
    for text in [*lines, *page.inline]:
        found = re.match(r"make (\w+)", text)
        if found:
            assert re.search(rf"^{found[1]}:", makefile, re.MULTILINE), f"{page.path}: no target '{found[1]}'"


@every_page
def test_extras_exist(page: Page) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"pip install '(?:\.|cliploom)\[(\w+)\]'", page.text):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), f"{page.path}: no extra '{extra}'"
