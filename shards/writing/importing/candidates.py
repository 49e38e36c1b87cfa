"""What is to be imported, one by one: rows of tables, and samples of others' tars."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

from curation.base.storage import Storage
from shards.format import MEDIA_TYPES
from shards.reading.described import describe
from shards.reading.errors import ShardError
from shards.reading.index import MAX_SAMPLE_BYTES
from shards.reading.keys import split_name
from shards.reading.parts import check_parts
from shards.reading.tar import Odd, TarFinding, TarMember
from shards.reading.tar_samples import TEXT_BYTES, TarSample, tar_samples
from shards.reading.tars import check_uncompressed
from shards.reading.urls import expand, split_url
from shards.writing.importing.checks import FileToCheck
from shards.writing.importing.columns import Columns, Facts
from shards.writing.importing.files import MediaFolder, folder_of
from shards.writing.importing.rows import is_table, plain_values, table_rows

MEDIA = MEDIA_TYPES["video"] | MEDIA_TYPES["audio"] | MEDIA_TYPES["image"]
_HALF = (Odd.SPLIT_KEY, Odd.DUPLICATE_KEY, Odd.DUPLICATE_MEMBER)


@dataclass(frozen=True)
class Candidate:
    """A row or sample, where it is, and the media that go with it."""

    origin: str
    number: int
    facts: Facts
    files: tuple[FileToCheck, ...]


@dataclass(frozen=True)
class BadRow:
    """A row or sample that cannot be taken, or, without a number, a tar that is damaged."""

    origin: str
    number: int | None
    key: str | None
    reason: str
    detail: str


@dataclass(frozen=True)
class TarNote:
    """What is odd about a tar itself, or about a member that is left out."""

    origin: str
    finding: TarFinding


def candidates(
    url: str, columns: Mapping[str, str], media: str | None, media_name: str | None
) -> Iterator[Candidate | BadRow | TarNote]:
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
            check_parts(tar)
            yield from _of_tar(tar, columns)
    elif is_table(url):
        yield from _of_table(url, columns, MediaFolder(media or folder_of(url)), media_name)
    else:
        raise ShardError(f"{url}: give a .csv, .tsv, .jsonl or .parquet table, or .tar files")


def _of_table(
    url: str, given: Mapping[str, str], folder: MediaFolder, media_name: str | None
) -> Iterator[Candidate | BadRow]:
    columns: Columns | None = None
    names: dict[str, None] = {}
    for row in table_rows(url):
        if row.problem is not None:
            yield BadRow(url, row.number, None, "bad_row", row.problem)
            continue
        if columns is None or not names.keys() >= row.values.keys():
            names.update(dict.fromkeys(row.values))
            columns = Columns(list(names), given, media_name)
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


def _of_tar(url: str, given: Mapping[str, str]) -> Iterator[Candidate | BadRow | TarNote]:
    """The samples of a tar. Which keys come apart is known at its end only, so it is read to there before a
    sample is put out; until then the texts lie in a file, and memory holds what an index would."""
    folder, name = split_url(url)
    storage = Storage(folder)
    half: set[str] = set()
    held: list[_Held] = []
    with tempfile.TemporaryFile(prefix="cliploom-import-") as texts:
        with storage.open_read(name) as stream:
            for item in tar_samples(stream, _keep_texts):
                if isinstance(item, TarFinding):
                    _note(item, half)
                    if item.odd not in _HALF:
                        yield TarNote(url, item)
                    continue
                if item.cut:
                    half.add(item.key)
                held.append(_Held.put_away(item, texts))
        texts.seek(0)
        for number, one in enumerate(held, start=1):
            sample = one.take_back(texts)
            if sample.key in half:
                detail = "its members lie apart, come twice, or are cut off in the tar"
                yield BadRow(url, number, sample.key, "split_key", detail)
            elif sample.too_large:
                detail = f"it has {sample.size_bytes} bytes, a sample at most {MAX_SAMPLE_BYTES}"
                yield BadRow(url, number, sample.key, "too_large", detail)
            else:
                yield _candidate(url, number, storage, name, sample.members, given)


@dataclass(frozen=True, slots=True)
class _Held:
    """A sample whose texts lie in a file, one sample's behind the other's; `lengths` are those of its members
    there."""

    sample: TarSample
    lengths: tuple[int, ...]

    @classmethod
    def put_away(cls, sample: TarSample, texts: IO[bytes]) -> _Held:
        for member in sample.members:
            texts.write(member.data)
        bare = replace(sample, members=tuple(replace(each, data=b"") for each in sample.members))
        return cls(bare, tuple(len(member.data) for member in sample.members))

    def take_back(self, texts: IO[bytes]) -> TarSample:
        members = zip(self.sample.members, self.lengths, strict=True)
        return replace(
            self.sample,
            members=tuple(replace(member, data=texts.read(length)) for member, length in members),
        )


def _keep_texts(extensions: Sequence[str]) -> int:
    return TEXT_BYTES if extensions[-1] in MEDIA_TYPES["text"] else -1


def _note(finding: TarFinding, half: set[str]) -> None:
    parts = split_name(finding.name)
    if finding.odd in _HALF and parts is not None:
        half.add(parts[0])


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
    try:
        values = plain_values(described.metadata)
    except ValueError as error:
        return BadRow(url, number, key, "bad_row", str(error))
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
