"""Repacking: samples of some datasets, all or those that a condition is true of, in new shards.

Bytes of members are copied, never made anew: nothing is captioned or encoded again. What is written is a
function of the samples and of how they are to be packed, so any number of workers, and a try after one
that was killed, give the same bytes.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curation.base.storage import Storage, normalise
from shards.format import DEFAULT_LANES, MANIFEST_NAME, MEDIA_TYPES, SPLIT_NAME, canonical_json
from shards.reading.errors import DamagedSampleError, ShardError
from shards.reading.index import Entry
from shards.reading.manifest import Shard, ShardList, open_shards
from shards.reading.parts import check_parts
from shards.reading.tars import read_index
from shards.reading.where import Where
from shards.records import ShardFile
from shards.writing.assembly.catalog import Catalog
from shards.writing.assembly.copier import Copier, Told
from shards.writing.assembly.layout import Packing, generation_of, lay_out
from shards.writing.assembly.publish import Published, publish
from shards.writing.assembly.samples import NewMember, NewSample, Place
from shards.writing.assembly.scratch import scratch_of
from shards.writing.joined import JoinedTable
from shards.writing.outputs import check_writable

BATCH = 1024
MAX_NAMED = 5
GIVEN = ("key", "split", "generation", "duration_s", "caption_chars", "size_bytes", "extensions")
"""Fields of a sample that the index and the manifest tell; for all others its .json is read."""


@dataclass(frozen=True, kw_only=True)
class RepackConfig:
    """What to take, and how to pack it.

    `where` is a condition (`shards.reading.where`), `tables` further columns by name, `prefix_keys` sets
    the number of the input before each key, `splits` takes only these (all when empty), `lanes` is
    needed when inputs differ in it. `scratch_bytes` is how much scratch may be used at a time.
    """

    packing: Packing
    where: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    splits: tuple[str, ...] = ()
    prefix_keys: bool = False
    lanes: int | None = None
    scratch_bytes: int = 16 << 30
    workers: int = 1


@dataclass(frozen=True)
class RepackReport:
    """What was written; `left_out` samples failed the condition, `met_again` are the same as one of an
    input before, byte by byte."""

    published: Published
    num_seen: int
    left_out: int
    met_again: int


def repack(
    inputs: Sequence[str],
    output: str,
    scratch: Path,
    config: RepackConfig,
    *,
    planned: Told = lambda _: None,
    copied: Told = lambda _: None,
) -> RepackReport:
    """Write the samples of `inputs` that are wanted to `output`, a folder without another dataset.

    `scratch` is a folder that is this output's alone; it is deleted when all is written.

    Raises:
        ShardError: an input cannot be used, two samples have one key, nothing is wanted, or `output`
            holds another dataset, lies in an input, or cannot be written to.
        NoRangesError: the server of an input gives no parts of files.
        DamagedSampleError: the bytes of a sample are not those that its index tells of.
    """
    _check_output(output, inputs)
    opened = [open_shards(url) for url in inputs]
    _check_wanted(config, opened)
    lanes = _lanes(opened, inputs, config.lanes)
    plan = _Plan(config, opened)
    with (
        scratch_of(scratch),
        closing(Catalog(scratch / "samples.sqlite", config.packing.seed)) as catalog,
    ):
        plan.fill(catalog, planned)
        generation = generation_of(catalog, config.packing)
        out = Storage(output)
        copier = Copier(plan.sources, out, scratch, config.scratch_bytes, config.workers)

        def write() -> Iterator[ShardFile]:
            return copier.write(lay_out(catalog, config.packing, generation), copied)

        published = publish(out, lanes, generation, write)
    return RepackReport(published, plan.num_seen, plan.left_out, plan.met_again)


class _Plan:
    """Goes over all samples of all inputs, and puts those that are wanted into a catalog."""

    def __init__(self, config: RepackConfig, opened: Sequence[ShardList]) -> None:
        self.sources: list[Storage] = []
        self.num_seen = self.left_out = self.met_again = 0
        self._config = config
        self._opened = opened
        self._where = None if config.where is None else Where(config.where)
        self._tables = {name: JoinedTable(name, url) for name, url in config.tables.items()}
        needs = self._where is not None and self._where.needs((*GIVEN, *self._tables))
        self._reads_json = needs or config.prefix_keys
        self._collisions: list[str] = []

    def fill(self, catalog: Catalog, told: Told) -> None:
        """Put every wanted sample into the catalog."""
        some: Mapping[str, Any] = {}
        for number, one in enumerate(self._opened, start=1):
            for shard in one.shards:
                _check_split(shard)
                if self._config.splits and shard.split not in self._config.splits:
                    continue
                for rows in _batches(shard, reads_json=self._reads_json):
                    described = [{**row.fields, **self._joined(row)} for row in rows]
                    some = some or described[0]
                    wanted = self._where.matches(described) if self._where else [True] * len(rows)
                    for row, taken in zip(rows, wanted, strict=True):
                        if taken:
                            self._add(catalog, self._sample(shard, row, number))
                    self.num_seen += len(rows)
                    self.left_out += wanted.count(False)
                    told(len(rows))
        if self._where is not None and some:
            self._where.check_met(some)
        self._check(catalog)

    def _joined(self, row: _Row) -> dict[str, Any]:
        return {name: table.row(row.entry.key) for name, table in self._tables.items()}

    def _sample(self, shard: Shard, row: _Row, number: int) -> NewSample:
        entry = row.entry
        storage = self._storage(shard.storage)
        members = [
            NewMember(each.extension, each.size, each.sha256, Place(storage, shard.path, each.offset))
            for each in sorted(entry.members, key=lambda each: each.extension)
        ]
        sample = NewSample(
            key=entry.key,
            split=shard.split or "train",
            duration_s=entry.duration_s,
            caption_chars=entry.caption_chars,
            members=tuple(members),
            origin=shard.url,
            richness=sum(each.size for each in entry.members if each.extension in MEDIA_TYPES["text"]),
        )
        return _renamed(sample, f"{number}-{entry.key}", row.metadata) if self._config.prefix_keys else sample

    def _storage(self, storage: Storage) -> int:
        if storage not in self.sources:
            self.sources.append(storage)
        return self.sources.index(storage)

    def _add(self, catalog: Catalog, sample: NewSample) -> None:
        _check_names(sample)
        taken = catalog.add(sample)
        if taken is None:
            return
        if taken.same:
            self.met_again += 1
        else:
            self._collisions.append(f"{sample.key} is in {taken.origin} and in {sample.origin}")

    def _check(self, catalog: Catalog) -> None:
        if self._collisions:
            more = len(self._collisions) - MAX_NAMED
            named = "; ".join(self._collisions[:MAX_NAMED]) + (f"; and {more} more" if more > 0 else "")
            raise ShardError(
                f"{len(self._collisions)} keys stand for different samples: {named}. Give --prefix-keys to "
                f"set the "
                "number of the input before each key, or leave samples out with --where"
            )
        if not catalog.totals():
            said = f"--where {self._config.where!r}" if self._config.where else "the inputs"
            raise ShardError(f"nothing to write: {said} left none of {self.num_seen} samples")


@dataclass(frozen=True)
class _Row:
    """A sample as its index has it; `fields` is what conditions may speak of."""

    entry: Entry
    metadata: Mapping[str, Any]
    fields: Mapping[str, Any]


def _batches(shard: Shard, *, reads_json: bool) -> Iterator[list[_Row]]:
    """The samples of a shard, with their .json if it is wanted: the tar is then gone through once."""
    index = read_index(shard)
    check_parts(shard.url)
    for start in range(0, len(index), BATCH):
        entries = [index[row] for row in range(start, min(start + BATCH, len(index)))]
        metadata = _read_json(shard, entries) if reads_json else [{}] * len(entries)
        yield [
            _Row(entry, known, _fields(shard, entry, known))
            for entry, known in zip(entries, metadata, strict=True)
        ]


def _read_json(shard: Shard, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with shard.storage.open_read(shard.path) as tar:
        for entry in entries:
            member = next((each for each in entry.members if each.extension == "json"), None)
            if member is None:
                found.append({})
                continue
            tar.seek(member.offset)
            try:
                value = json.loads(tar.read(member.size))
            except (ValueError, RecursionError):
                raise DamagedSampleError(
                    f"{shard.url}: {entry.key}.json is no JSON. Run cliploom shards verify, and mend it"
                ) from None
            found.append(value if isinstance(value, dict) else {})
    return found


def _fields(shard: Shard, entry: Entry, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **metadata,
        "key": entry.key,
        "split": shard.split or "train",
        "generation": shard.generation,
        "duration_s": entry.duration_s,
        "caption_chars": entry.caption_chars,
        "size_bytes": sum(each.size for each in entry.members),
        "extensions": " ".join(each.extension for each in entry.members),
    }


def _renamed(sample: NewSample, key: str, metadata: Mapping[str, Any]) -> NewSample:
    """A sample under another key, which its .json names too."""
    members = sample.members
    if metadata.get("key") == sample.key:
        text = canonical_json({**metadata, "key": key})
        members = tuple(
            NewMember.of_text("json", text) if each.extension == "json" else each for each in members
        )
    return replace(sample, key=key, members=members)


def _check_output(output: str, inputs: Sequence[str]) -> None:
    place = normalise(output)
    check_writable(place)
    for url in inputs:
        folder = normalise(url)
        if folder.endswith(".tar"):
            continue
        folder = folder.removesuffix(f"/{MANIFEST_NAME}")
        if f"{place}/".startswith(f"{folder}/"):
            raise ShardError(
                f"{output} lies in the input {url}, where its shards would be taken for those of the input. "
                "Give a folder outside of it"
            )


def _check_wanted(config: RepackConfig, opened: Sequence[ShardList]) -> None:
    if config.where is not None and not config.where.strip():
        raise ShardError("--where is empty, and would take every sample. Give a condition, or leave it out")
    there = sorted({shard.split or "train" for one in opened for shard in one.shards})
    for split in config.splits:
        if split not in there:
            raise ShardError(f"--split {split}: no input has it. There are: {', '.join(there)}")


def _check_split(shard: Shard) -> None:
    """A manifest may say anything, and a split becomes a folder."""
    if shard.split and not SPLIT_NAME.fullmatch(shard.split):
        raise ShardError(
            f"{shard.url}: its split is {shard.split[:80]!r}, which is no name: lower-case letters, digits, "
            "- and _ are taken. Mend the manifest"
        )


def _check_names(sample: NewSample) -> None:
    for member in sample.members:
        try:
            tarfile.TarInfo(f"{sample.key}.{member.extension}").tobuf(tarfile.USTAR_FORMAT)
        except ValueError:
            raise ShardError(
                f"{sample.origin}: the name {sample.key}.{member.extension} does not fit a plain tar "
                f"header (100 "
                "bytes, or 155 more of folders). Leave the sample out with --where, or import the set "
                "under new keys"
            ) from None


def _lanes(opened: Sequence[ShardList], urls: Sequence[str], chosen: int | None) -> int:
    lanes = {one.lanes for one in opened}
    if chosen is not None:
        return chosen
    if len(lanes) > 1:
        raise ShardError(f"{', '.join(urls)} differ in lanes: {sorted(lanes)}. Choose with --lanes")
    return lanes.pop() if lanes else DEFAULT_LANES
