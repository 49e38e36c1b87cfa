"""The pages as their tests see them: code blocks, inline code, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Page:
    """A Markdown file; `path` is relative to the repository."""

    path: str
    text: str

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        """Code blocks in a language; '' for those without one."""
        return [code for found, code in _FENCE.findall(self.text) if found == language]

    @property
    def inline(self) -> list[str]:
        """Inline code."""
        return _INLINE.findall(self.prose)

    @property
    def links(self) -> list[str]:
        """Targets of links and pictures."""
        return _LINK.findall(_INLINE.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """Names of its headings, as GitHub makes them."""
        titles = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def pages() -> list[Page]:
    """README, contributing guide, changelog and everything below docs."""
    files = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
    return [Page(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]


def command_lines(page: Page, program: str) -> Iterator[str]:
    """Whole commands of a program that a page shows, in shell blocks and in the text."""
    lines = [line for block in page.blocks("sh") for line in block.splitlines()]
    for text in [*lines, *page.inline]:
        if text.strip().startswith(f"{program} "):
            yield text.strip()
