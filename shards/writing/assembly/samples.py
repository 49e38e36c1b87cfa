"""A sample that is to be written, and where its bytes lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from shards.format import canonical_json


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes in a file: the number of its storage, its path there, and where they begin."""

    storage: int
    path: str
    offset: int


@dataclass(frozen=True, slots=True)
class NewMember:
    """A member of a sample. Its bytes lie at a place, or are at hand as text."""

    extension: str
    size: int
    sha256: str
    content: Place | str

    @classmethod
    def of_text(cls, extension: str, text: str) -> NewMember:
        """A member whose bytes are a text in UTF-8."""
        data = text.encode()
        return cls(extension, len(data), hashlib.sha256(data).hexdigest(), text)


@dataclass(frozen=True, slots=True)
class NewSample:
    """A sample, its members sorted by extension. `origin` says where it comes from, for messages;
    `richness` tells how much of what samples may have is in it."""

    key: str
    split: str
    duration_s: float
    caption_chars: int
    members: tuple[NewMember, ...]
    origin: str
    richness: int

    @property
    def digest(self) -> str:
        """Of the key, the split and every byte."""
        content = [[member.extension, member.sha256] for member in self.members]
        return hashlib.sha256(canonical_json([self.key, self.split, content]).encode()).hexdigest()


def members_to_json(members: Sequence[NewMember]) -> str:
    """A text from which `members_from_json` makes the members again."""
    rows = []
    for member in members:
        content = member.content
        place = content if isinstance(content, str) else [content.storage, content.path, content.offset]
        rows.append([member.extension, member.size, member.sha256, place])
    return canonical_json(rows)


def members_from_json(text: str) -> tuple[NewMember, ...]:
    """What `members_to_json` was given."""
    return tuple(
        NewMember(extension, size, sha256, place if isinstance(place, str) else Place(*place))
        for extension, size, sha256, place in json.loads(text)
    )
