"""A page as its tests see it: elements in order, attributes, and the text between them."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input"}


class Page(HTMLParser):
    """Parses on construction. `elements` are (tag, attributes) in document order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self.open: list[str] = []
        self._texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(html)
        self.close()

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.elements if "id" in attributes]

    def values(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [attributes[name] or "" for _, attributes in self.elements if name in attributes]

    @property
    def text(self) -> str:
        """All that is read, with single spaces."""
        shown = [text for inside, text in self._texts if not {"style", "script"} & set(inside)]
        return " ".join("".join(shown).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self._texts.append((tuple(self.open), data))
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]].append(data)
