"""What the page loads, and what it makes of text that would be more than text."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from pipelines.report.render import render
from pipelines.report.wording import shown
from tests.pipelines.report.made import Run, data_of, with_text
from tests.pipelines.report.page import Page

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)' x='",
    "</style></script><script src=https://evil.example/x.js></script>",
    "{{ 7 * 7 }}{% raw %}<!-- --> ]]> &lt;b&gt; javascript:alert(1)",
)


def test_nothing_is_loaded_from_anywhere(html: str, page: Page) -> None:
    for name in ("src", "href", "srcset", "action", "data", "poster"):
        for value in page.values(name):
            assert re.match(r"#|data:image/jpeg;base64,|data:,$", value), value
    assert not re.search(r"@import|url\(", html)
    assert not {"iframe", "object", "embed", "base", "audio", "video"} & set(page.tags)


def test_policy_admits_only_the_own_style_and_script(page: Page) -> None:
    policy = next(
        attributes["content"] or ""
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    for kind in ("style", "script"):
        assert page.tags.count(kind) == 1
        digest = hashlib.sha256("".join(page.raw[kind]).encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not page.values("style")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_stays_text(run: Run, payload: str) -> None:
    """The page has the elements and attribute names of one with harmless text of the same length."""
    harmless = Page(render(data_of(with_text(run, "x" * len(payload)))))
    hostile = Page(render(data_of(with_text(run, payload))))
    assert hostile.tags == harmless.tags
    names = [sorted(attributes) for _, attributes in hostile.elements]
    assert names == [sorted(attributes) for _, attributes in harmless.elements]
    assert hostile.open == []
    assert " ".join(payload.split()) in hostile.text


def test_text_cannot_turn_the_direction_of_writing() -> None:
    assert shown("abc\u202edef\x00\n", 100) == "abc\ufffddef\ufffd "
    assert shown("a" * 50, 10) == "a" * 9 + "…"
