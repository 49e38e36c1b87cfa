"""Importing: rows in, shards out. Every row is taken or rejected with a reason, and counted."""

from __future__ import annotations

import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from curation.base.storage import Storage
from shards.format import DEFAULT_LANES, MANIFEST_NAME, SPLIT_NAME
from shards.reading.errors import ShardError
from shards.reading.keys import split_name
from shards.reading.tar import BROKEN, Odd
from shards.records import ShardFile
from shards.writing.assembly.catalog import Catalog
from shards.writing.assembly.copier import Copier
from shards.writing.assembly.layout import Packing, generation_of, lay_out
from shards.writing.assembly.publish import Published, publish
from shards.writing.assembly.samples import NewMember, NewSample, Place
from shards.writing.assembly.scratch import scratch_of
from shards.writing.importing.candidates import BadRow, Candidate, TarNote, candidates, facts_json
from shards.writing.importing.checks import Checks, FileToCheck, Refused, check_file
from shards.writing.importing.metadata import ImportedFile, imported_metadata
from shards.writing.outputs import check_writable

REJECTS_NAME = "rejects.jsonl"
SPAN_TOLERANCE_S = 1.0
"""By how much a clip may be longer or shorter than the span that its row tells, and a tenth of the span."""


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """`columns` are columns by meaning, `media` the folder of a table's media (the table's own by default),
    `media_name` a file's path below it with {column}; `dataset` is what provenance calls the set."""

    packing: Packing
    columns: Mapping[str, str] = field(default_factory=dict)
    media: str | None = None
    media_name: str | None = None
    dataset: str = ""
    split: str = "train"
    lanes: int = DEFAULT_LANES
    scratch_bytes: int = 16 << 30
    workers: int = 1


@dataclass
class ImportReport:
    """What became of the rows; `reused` files were checked by an earlier try. Of others' tars:
    `left_out_members` are of types that are not read, by extension, `odd` counts what else was left out,
    by the name of the fault; `broken` says which tars end early, or are damaged, and where."""

    published: Published | None = None
    num_rows: int = 0
    num_rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    left_out_members: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        made = asdict(self.published) if self.published is not None else None
        counts = {name: dict(value) for name, value in vars(self).items() if isinstance(value, Counter)}
        return {**vars(self), **counts, "published": made}


def import_dataset(
    urls: Sequence[str],
    output: str,
    scratch: Path,
    config: ImportConfig,
    told: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Write the rows of tables, or the samples of others' tars, as shards to `output`, a folder without
    another dataset, and what was not taken to its `rejects.jsonl`.

    What was checked is remembered in `scratch`, a folder of this output alone, until all is written.

    Raises:
        ShardError: an input cannot be used, no row could be taken, or `output` holds another dataset.
        FileNotFoundError: an input is not there.
    """
    if not SPLIT_NAME.fullmatch(config.split):
        raise ShardError(f"--split {config.split}: use lower-case letters, digits, - and _")
    out = Storage(output)
    check_writable(out.url)
    with (
        scratch_of(scratch),
        closing(Checks(scratch / "checks.sqlite")) as checks,
        closing(Catalog(scratch / "samples.sqlite", config.packing.seed)) as catalog,
        tempfile.TemporaryFile(dir=scratch) as rejects,
    ):
        importing = _Import(config, checks, catalog)
        importing.run(urls, rejects, told)
        report = importing.report
        if not catalog.totals():
            if not out.exists(MANIFEST_NAME):
                _write_rejects(out, rejects)
            if not report.num_rows and not report.broken:
                raise ShardError(f"{', '.join(urls)}: there is nothing to import, neither a row nor a sample")
            counts = (report.reasons + report.odd).most_common()
            reasons = ", ".join(f"{count} {reason}" for reason, count in counts)
            raise ShardError(
                f"{', '.join(urls)}: none of {report.num_rows} rows could be taken ({reasons}); see "
                f"{out.uri(REJECTS_NAME)}"
            )
        generation = generation_of(catalog, config.packing)
        copier = Copier(importing.sources, out, scratch, config.scratch_bytes, config.workers)

        def write() -> Iterator[ShardFile]:
            _write_rejects(out, rejects)
            yield from copier.write(lay_out(catalog, config.packing, generation), told)

        report.published = publish(out, config.lanes, generation, write)
    return report


def _write_rejects(out: Storage, rejects: IO[bytes]) -> None:
    rejects.seek(0)
    with out.open_write(REJECTS_NAME) as copy:
        while block := rejects.read(1 << 20):
            copy.write(block)


class _Import:
    """Takes rows in their order, while their media are checked ahead, several at a time."""

    def __init__(self, config: ImportConfig, checks: Checks, catalog: Catalog) -> None:
        self.report = ImportReport()
        self.sources: list[Storage] = []
        self._config = config
        self._checks = checks
        self._catalog = catalog

    def run(self, urls: Sequence[str], rejects: IO[bytes], told: Callable[[int], None]) -> None:
        """Put every row that can be taken into the catalog."""
        with ThreadPoolExecutor(self._config.workers, thread_name_prefix="check") as pool:
            for row, files in self._ahead(self._rows(urls), pool):
                if isinstance(row, TarNote):
                    self._note(row, rejects)
                    continue
                bad = row if isinstance(row, BadRow) else self._take(row, files)
                self.report.num_rows += 1
                if bad is not None:
                    self.report.num_rejected += 1
                    self.report.reasons[bad.reason] += 1
                    rejects.write(facts_json(bad).encode() + b"\n")
                told(1)

    def _note(self, note: TarNote, rejects: IO[bytes]) -> None:
        """Count what is odd about a tar; where it is broken, list it among what was not taken."""
        finding, report = note.finding, self.report
        parts = split_name(finding.name)
        if finding.odd == Odd.NOT_READ and parts is not None:
            report.left_out_members[parts[1]] += 1
            return
        report.odd[finding.odd.value] += 1
        if finding.odd in BROKEN:
            detail = f"{finding.detail} (byte {finding.offset})"
            report.broken.append(f"{note.origin}: {detail}")
            bad = BadRow(note.origin, None, None, finding.odd.value, detail)
            rejects.write(facts_json(bad).encode() + b"\n")

    def _rows(self, urls: Sequence[str]) -> Iterator[Candidate | BadRow | TarNote]:
        config = self._config
        for url in urls:
            yield from candidates(url, config.columns, config.media, config.media_name)

    def _ahead(
        self, rows: Iterator[Candidate | BadRow | TarNote], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[Candidate | BadRow | TarNote, list[ImportedFile | Refused]]]:
        """Each row, in order, with what its files are."""
        waiting: deque[tuple[Candidate | BadRow | TarNote, list[_Check]]] = deque()
        for row in rows:
            files = row.files if isinstance(row, Candidate) else ()
            waiting.append((row, [self._start(file, pool) for file in files]))
            if len(waiting) > 4 * self._config.workers:
                yield self._finish(*waiting.popleft())
        while waiting:
            yield self._finish(*waiting.popleft())

    def _start(self, file: FileToCheck, pool: ThreadPoolExecutor) -> _Check:
        known = self._checks.get(file)
        if known is not None:
            self.report.reused += 1
            return _Check(file, known, None)
        return _Check(file, None, pool.submit(check_file, file))

    def _finish(
        self, row: Candidate | BadRow | TarNote, checks: Sequence[_Check]
    ) -> tuple[Candidate | BadRow | TarNote, list[ImportedFile | Refused]]:
        found = []
        for check in checks:
            result = check.known
            if result is None:
                assert check.under_way is not None
                result = check.under_way.result()
                self._checks.put(check.file, result)
            found.append(result)
        return row, found

    def _take(self, row: Candidate, found: Sequence[ImportedFile | Refused]) -> BadRow | None:
        """Put a row into the catalog, or say why not."""
        facts = row.facts

        def bad(reason: str, detail: str) -> BadRow:
            return BadRow(row.origin, row.number, facts.key, reason, detail)

        if not facts.captions:
            return bad("no_caption", "it has no caption; name its column: --columns caption=NAME")
        if not row.files:
            return bad("missing_media", "it has neither video, image nor sound")
        files: dict[str, tuple[FileToCheck, ImportedFile]] = {}
        for file, result in zip(row.files, found, strict=True):
            if isinstance(result, Refused):
                return bad(result.reason, f"{file.storage.uri(file.path)} {result.detail}")
            if result.media.extension in files:
                return bad(
                    "two_media", f"it has two members that are {result.media.extension} by their bytes"
                )
            files[result.media.extension] = (file, result)
        split = facts.split or self._config.split
        if not SPLIT_NAME.fullmatch(split):
            return bad(
                "bad_split", f"its split is {split[:40]!r}: lower-case letters, digits, - and _ are taken"
            )
        longest = max(result.media.duration_s for _, result in files.values())
        if facts.start_s is not None and facts.end_s is not None and longest:
            span = facts.end_s - facts.start_s
            if abs(longest - span) > max(SPAN_TOLERANCE_S, span / 10):
                return bad(
                    "other_span",
                    f"its media are {longest:.1f} s long, the row tells of {span:.1f} s ({facts.start_s:g} "
                    f"to "
                    f"{facts.end_s:g}): is it the whole video? Cut the clips first, nothing is cut here",
                )
        taken = self._catalog.add(self._sample(row, split, files))
        if taken is not None:
            same = "the same sample" if taken.same else "another sample"
            return bad("duplicate_key", f"{same} has its key, from {taken.origin}")
        return None

    def _sample(
        self, row: Candidate, split: str, files: Mapping[str, tuple[FileToCheck, ImportedFile]]
    ) -> NewSample:
        facts = row.facts
        checked = {extension: result for extension, (_, result) in files.items()}
        text = imported_metadata(facts.key, facts, checked, self._config.dataset)
        members = [NewMember.of_text("json", text)]
        for extension, (file, result) in files.items():
            place = Place(self._storage(file.storage), file.path, file.offset)
            members.append(NewMember(extension, result.size_bytes, result.sha256, place))
        return NewSample(
            key=facts.key,
            split=split,
            duration_s=max(result.media.duration_s for result in checked.values()),
            caption_chars=len(next(iter(facts.captions.values()))),
            members=tuple(sorted(members, key=lambda member: member.extension)),
            origin=f"row {row.number} of {row.origin}",
            richness=members[0].size,
        )

    def _storage(self, storage: Storage) -> int:
        if storage not in self.sources:
            self.sources.append(storage)
        return self.sources.index(storage)


@dataclass(frozen=True)
class _Check:
    """A file whose check is known from before, or under way."""

    file: FileToCheck
    known: ImportedFile | Refused | None
    under_way: Future[ImportedFile | Refused] | None
