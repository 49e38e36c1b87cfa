"""What is to be imported, one by one: rows of tables, and samples of others' tars."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from curation.base.storage import Storage
from shards.format import MEDIA_TYPES
from shards.reading.described import describe
from shards.reading.errors import ShardError
from shards.reading.keys import split_name
from shards.reading.tar import Odd, TarFinding, TarMember, walk
from shards.reading.tars import check_uncompressed
from shards.reading.urls import expand, split_url
from shards.writing.importing.checks import FileToCheck
from shards.writing.importing.columns import Columns, Facts
from shards.writing.importing.files import MediaFolder, folder_of
from shards.writing.importing.rows import is_table, table_rows

MEDIA = MEDIA_TYPES["video"] | MEDIA_TYPES["audio"] | MEDIA_TYPES["image"]


@dataclass(frozen=True)
class Candidate:
    """A row or sample, where it is, and the media that go with it."""

    origin: str
    number: int
    facts: Facts
    files: tuple[FileToCheck, ...]


@dataclass(frozen=True)
class BadRow:
    """A row or sample that cannot be taken."""

    origin: str
    number: int
    key: str | None
    reason: str
    detail: str


def candidates(
    url: str, columns: Mapping[str, str], media: str | None, media_name: str | None
) -> Iterator[Candidate | BadRow]:
    """Everything that a table, or tars, hold.

    Raises:
        ShardError: it is neither, or its columns cannot be understood.
        FileNotFoundError: it is not there.
    """
    check_uncompressed(url)
    if url.endswith(".tar"):
        if media or media_name:
            raise ShardError(f"{url}: tars hold their media; --media and --media-name are for tables")
        for tar in expand(url):
            yield from _of_tar(tar, columns)
    elif is_table(url):
        yield from _of_table(url, columns, MediaFolder(media or folder_of(url)), media_name)
    else:
        raise ShardError(f"{url}: give a .csv, .tsv, .jsonl or .parquet table, or .tar files")


def _of_table(
    url: str, given: Mapping[str, str], folder: MediaFolder, media_name: str | None
) -> Iterator[Candidate | BadRow]:
    columns: Columns | None = None
    for row in table_rows(url):
        if row.problem is not None:
            yield BadRow(url, row.number, None, "bad_row", row.problem)
            continue
        columns = columns or Columns(list(row.values), given, media_name)
        try:
            facts = columns.facts(row.values)
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            yield BadRow(url, row.number, None, "bad_row", str(error))
            continue
        try:
            path, mark = folder.find(facts.media_names)
        except ValueError as error:
            yield BadRow(url, row.number, facts.key, "missing_media", str(error))
            continue
        yield Candidate(url, row.number, facts, (FileToCheck(folder.storage, path, mark),))


def _of_tar(url: str, given: Mapping[str, str]) -> Iterator[Candidate | BadRow]:
    folder, name = split_url(url)
    storage = Storage(folder)
    half: set[str] = set()
    with storage.open_read(name) as stream:
        members = _members(walk(stream, False), half)
        for number, (key, group) in enumerate(groupby(members, key=lambda member: member.key), start=1):
            sample = list(group)
            if key in half:
                detail = "its members lie apart, come twice, or are cut off in the tar"
                yield BadRow(url, number, key, "split_key", detail)
                continue
            yield _candidate(url, number, storage, name, sample, given)


def _members(items: Iterator[TarMember | TarFinding], half: set[str]) -> Iterator[TarMember]:
    """The members; `half` are keys of samples that may not be whole."""
    last = ""
    for item in items:
        if isinstance(item, TarMember):
            last = item.key
            yield item
            continue
        parts = split_name(item.name)
        if item.odd in (Odd.SPLIT_KEY, Odd.DUPLICATE_KEY, Odd.DUPLICATE_MEMBER) and parts is not None:
            half.add(parts[0])
        elif item.odd in (Odd.TRUNCATED, Odd.BAD_HEADER):
            half.add(last if parts is None else parts[0])


def _candidate(
    url: str, number: int, storage: Storage, path: str, sample: Sequence[TarMember], given: Mapping[str, str]
) -> Candidate | BadRow:
    key = sample[0].key
    texts = {member.extension: member.data for member in sample if member.extension in ("json", "txt")}
    described = describe(texts)
    if described.problem:
        return BadRow(url, number, key, "bad_row", described.problem)
    if described.ours:
        raise ShardError(f"{url}: these are shards of Cliploom. Copy them with cliploom shards repack")
    values: dict[str, Any] = {**described.metadata}
    captioned = "caption" if "caption" in given else None
    if captioned is None and described.caption:
        values.setdefault("caption", described.caption)
        given = {**given, "caption": "caption"} if values["caption"] == described.caption else given
    try:
        facts = Columns(list(values), given, None, media_known=True).facts(values, key)
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        return BadRow(url, number, key, "no_caption" if not described.caption else "bad_row", str(error))
    files = tuple(
        FileToCheck(storage, path, member.sha256, member.offset, member.size)
        for member in sample
        if member.extension in MEDIA
    )
    return Candidate(url, number, facts, files)


def facts_json(row: BadRow) -> str:
    """A line of the list of what was not taken."""
    return json.dumps(
        {"from": row.origin, "row": row.number, "key": row.key, "reason": row.reason, "detail": row.detail},
        ensure_ascii=False,
    )
