"""Verification of one shard, in a process of its own: every byte, member by member, in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shards.format import INDEXED, MEDIA_TYPES
from shards.reading.described import describe, primary_member
from shards.reading.errors import ShardError
from shards.reading.files import OpenFile
from shards.reading.hashing_reader import HashingReader
from shards.reading.index import MAX_SAMPLE_BYTES, Entry
from shards.reading.manifest import Shard
from shards.reading.tar import Odd, TarFinding, TarMember
from shards.reading.tar_samples import TEXT_BYTES, TarSample, tar_samples
from shards.reading.tars import read_index
from shards.reading.verify_sample import (
    Fault,
    Found,
    foreign_faults,
    index_faults,
    our_faults,
    parse_metadata,
)

KEEP_BYTES = 256 << 20
"""Larger members are hashed, but not held in memory to be decoded."""
MAX_NAMED = 200
"""Problems of a kind and shard that are named; all are counted."""


@dataclass(frozen=True)
class Problem:
    """A fault, the shard it is in, and a sentence about it; `key` is None where it is no one sample's."""

    fault: Fault
    shard: str
    key: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What must hold across samples: `media_sha256` is of its video (else its image, else its sound)."""

    key: str
    video_id: str | None
    media_sha256: str | None


@dataclass
class ShardReport:
    """What was found in a shard. `notes` are problems only for those who wanted all members to be read."""

    shard: Shard
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[Fault] = field(default_factory=Counter)
    not_read: Counter[str] = field(default_factory=Counter)
    facts: list[SampleFacts] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, fault: Fault, key: str | None, detail: str) -> None:
        """Count a problem, and name it unless there were many of the kind."""
        self.counts[fault] += 1
        if self.counts[fault] <= MAX_NAMED:
            self.problems.append(Problem(fault, self.shard.url, key, detail))


def check_shard(shard: Shard, decode: bool) -> ShardReport:
    """Everything that can be said of a shard alone."""
    report = ShardReport(shard)
    try:
        _ShardCheck(report, decode).run()
    except OSError as error:
        report.add(Fault.MISSING_FILE, None, f"it cannot be read ({error})")
    return report


@dataclass
class _ShardCheck:
    report: ShardReport
    decode: bool
    entries: dict[tuple[str, int], Entry] | None = None
    ours: bool = False
    withheld: list[TarFinding] = field(default_factory=list)

    def run(self) -> None:
        """Read the index, then the tar from its first to its last byte."""
        shard = self.report.shard
        self.entries = self._read_index()
        try:
            raw = OpenFile(shard.url)
        except FileNotFoundError:
            self.report.add(Fault.MISSING_FILE, None, "the tar is not there")
            return
        with raw:
            stream = HashingReader(raw)
            self._check_tar(stream)
            stream.drain()
        self.report.size_bytes = stream.size
        for entry in (self.entries or {}).values():
            self.report.add(
                Fault.INDEX_MISMATCH, entry.key, "it is in the index, but not at that place of the tar"
            )
        if shard.sha256 is not None and stream.sha256 != shard.sha256:
            detail = f"sha256 is {stream.sha256} of {stream.size} bytes, the manifest says {shard.sha256}"
            self.report.add(Fault.WRONG_HASH, None, f"{detail} of {shard.size_bytes}")
        self._judge_withheld()

    def _read_index(self) -> dict[tuple[str, int], Entry] | None:
        shard = self.report.shard
        if not shard.index_path:
            return None
        try:
            index = read_index(shard)
            entries = [index[row] for row in range(len(index))]
        except FileNotFoundError:
            self.report.add(Fault.MISSING_FILE, None, f"{shard.index_path} is not there")
            return None
        except ShardError as error:
            self.report.add(Fault.BAD_INDEX, None, str(error))
            return None
        places = [min(member.offset for member in entry.members) for entry in entries]
        if places != sorted(places):
            self.report.add(Fault.INDEX_MISMATCH, None, "the index is not in the order of the tar")
        return {(entry.key, place): entry for entry, place in zip(entries, places, strict=True)}

    def _check_tar(self, stream: HashingReader) -> None:
        for item in tar_samples(stream, self._keep_bytes):
            if isinstance(item, TarFinding):
                self._note(item)
            else:
                self._check_sample(item)

    def _keep_bytes(self, extensions: Sequence[str]) -> int:
        if extensions[-1] in MEDIA_TYPES["text"]:
            return TEXT_BYTES
        return KEEP_BYTES if self.decode else -1

    def _note(self, finding: TarFinding) -> None:
        if finding.odd == Odd.NOT_READ:
            # Others may put in what they like; a shard of ours may not.
            self.report.not_read[finding.name.rpartition(".")[2]] += 1
            if len(self.withheld) < MAX_NAMED:
                self.withheld.append(finding)
            return
        self.report.add(Fault(finding.odd.value), None, f"{finding.detail} (byte {finding.offset})")

    def _judge_withheld(self) -> None:
        if not self.ours:
            return
        for finding in self.withheld:
            self.report.add(Fault.NOT_READ, None, f"{finding.detail} (byte {finding.offset})")
        self.report.not_read.clear()

    def _check_sample(self, sample: TarSample) -> None:
        key = sample.key
        # Of several of one type the first has data.
        by_extension = {member.extension: member for member in reversed(sample.members)}
        if sample.too_large:
            detail = f"it has {sample.size_bytes} bytes, a sample at most {MAX_SAMPLE_BYTES}"
            self.report.add(Fault.TOO_LARGE, key, detail)
            return
        texts = {name: each.data for name, each in by_extension.items() if name in ("json", "txt")}
        described = describe(texts)
        ours = described.ours or (self._is_claimed() and not described.metadata and "txt" not in texts)
        self.ours = self.ours or ours
        for fault, detail in self._faults(sample, by_extension, texts.get("json"), ours):
            self.report.add(fault, key, detail)
        if not ours:
            for fault, detail in foreign_faults(by_extension, described, decode=self.decode):
                self.report.add(fault, key, detail)
        media = primary_member(list(by_extension))
        sha256 = by_extension[media].sha256 if media is not None else None
        self.report.facts.append(SampleFacts(key, described.source_id, sha256))

    def _faults(
        self,
        sample: TarSample,
        by_extension: Mapping[str, TarMember],
        metadata: bytes | None,
        ours: bool,
    ) -> Iterator[Found]:
        if self.entries is not None:
            entry = self.entries.pop((sample.key, sample.members[0].offset), None)
            if entry is not None:
                yield from index_faults(sample, entry)
            elif ours or not self._is_known_odd():
                yield Fault.INDEX_MISMATCH, "it is not in the index, or at another place there"
        if not ours:
            return
        extensions = [member.extension for member in sample.members]
        if extensions != sorted(set(extensions)):
            yield Fault.MEMBER_ORDER, f"members are {extensions}, neither sorted nor one of each"
        try:
            claims = parse_metadata(sample.key, metadata)
        except ShardError as error:
            yield Fault.BAD_METADATA, str(error)
            return
        yield from our_faults(by_extension, claims, decode=self.decode)

    def _is_claimed(self) -> bool:
        """Whether the manifest says that the shard was packed; samples of others may have been, too."""
        return self.report.shard.generation not in ("", INDEXED)

    def _is_known_odd(self) -> bool:
        """Whether samples were found that an index of foreign tars leaves out."""
        left_out = (Fault.SPLIT_KEY, Fault.DUPLICATE_KEY, Fault.DUPLICATE_MEMBER)
        return any(self.report.counts[fault] for fault in left_out)
