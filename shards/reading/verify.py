"""Verification of a dataset: every byte, every claim of index and metadata, and the splits."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import IO

from shards.reading.errors import ShardError
from shards.reading.fetch import Fetcher
from shards.reading.index import Entry
from shards.reading.manifest import Shard, open_shards
from shards.reading.tar import TarMember, walk
from shards.reading.verify_sample import Fault, Found, content_faults, index_faults, parse_metadata

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Problem:
    """A fault, the shard it is in, and a sentence about it; `key` is None where it is no one sample's."""

    fault: Fault
    shard: str
    key: str | None
    detail: str


@dataclass(frozen=True)
class VerifyReport:
    """What was looked at, and what is wrong with it."""

    version: str
    num_shards: int
    num_samples: int
    size_bytes: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(urls: str | Sequence[str], *, decode: bool = True) -> VerifyReport:
    """Check all shards of all splits; with `decode` also that every frame and all sound decode.

    Raises:
        ShardError: the manifest itself cannot be used.
        FileNotFoundError: there is none.
    """
    found = open_shards(urls)
    verifier = _Verifier(decode)
    problems = [problem for shard in found.shards for problem in verifier.check(shard)]
    problems += verifier.leaks()
    return VerifyReport(
        version=found.version,
        num_shards=len(found.shards),
        num_samples=verifier.num_samples,
        size_bytes=verifier.size_bytes,
        problems=tuple(problems),
    )


@dataclass
class _Verifier:
    """Goes from shard to shard, and remembers what must hold across them."""

    decode: bool
    num_samples: int = 0
    size_bytes: int = 0
    _fetcher: Fetcher = field(default_factory=Fetcher)
    _shard_of_key: dict[str, str] = field(default_factory=dict)
    _splits_of_video: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def check(self, shard: Shard) -> Iterator[Problem]:
        """Everything that is wrong with a shard."""
        entries: list[Entry] | None = None
        try:
            index = self._fetcher.index(shard)
            entries = [index[row] for row in range(len(index))]
        except FileNotFoundError:
            yield Problem(Fault.MISSING_FILE, shard.url, None, f"{shard.index_path} is not there")
        except ShardError as error:
            yield Problem(Fault.BAD_INDEX, shard.url, None, str(error))
        try:
            raw = shard.storage.open_read(shard.path)
        except FileNotFoundError:
            yield Problem(Fault.MISSING_FILE, shard.url, None, "the tar is not there")
            return
        with raw:
            yield from self._check_tar(shard, _HashingReader(raw), entries)

    def leaks(self) -> Iterator[Problem]:
        """Sources with samples in more than one split."""
        for video_id, splits in sorted(self._splits_of_video.items()):
            if len(splits) > 1:
                detail = f"source {video_id} is in the splits {', '.join(sorted(splits))}"
                yield Problem(Fault.SPLIT_LEAK, "", None, detail)

    def _check_tar(
        self, shard: Shard, stream: _HashingReader, entries: Sequence[Entry] | None
    ) -> Iterator[Problem]:
        row = 0
        try:
            for key, group in groupby(walk(stream), key=lambda member: member.key):
                entry = entries[row] if entries is not None and row < len(entries) else None
                row += 1
                for fault, detail in self._check_sample(shard, key, list(group), entry):
                    yield Problem(fault, shard.url, key, detail)
        except ShardError as error:
            yield Problem(Fault.BAD_TAR, shard.url, None, str(error))
        stream.drain()
        self.num_samples += row
        self.size_bytes += stream.size
        if entries is not None and row != len(entries):
            detail = f"{row} samples in the tar, {len(entries)} in the index"
            yield Problem(Fault.INDEX_MISMATCH, shard.url, None, detail)
        if shard.sha256 is not None and stream.sha256 != shard.sha256:
            detail = (
                f"sha256 is {stream.sha256} of {stream.size} bytes, the manifest says {shard.sha256} "
                f"of {shard.size_bytes}"
            )
            yield Problem(Fault.WRONG_HASH, shard.url, None, detail)

    def _check_sample(
        self, shard: Shard, key: str, members: Sequence[TarMember], entry: Entry | None
    ) -> Iterator[Found]:
        extensions = [member.extension for member in members]
        if extensions != sorted(set(extensions)):
            yield Fault.MEMBER_ORDER, f"members are {extensions}, neither sorted nor one of each"
        if key in self._shard_of_key:
            yield Fault.DUPLICATE_KEY, f"the key was met before, in {self._shard_of_key[key]}"
        self._shard_of_key[key] = shard.url
        if entry is not None:
            yield from index_faults(members, entry)
        contents = {member.extension: member.data for member in members}
        try:
            metadata = parse_metadata(key, contents.get("json"))
        except ShardError as error:
            yield Fault.BAD_METADATA, str(error)
            return
        self._splits_of_video[metadata.video_id].add(shard.split)
        yield from content_faults(contents, metadata, decode=self.decode)


class _HashingReader:
    """A stream whose sha256 and size are known once it was read to its end."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        data = self._raw.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    def drain(self) -> None:
        while self.read(BLOCK_BYTES):
            pass

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()
