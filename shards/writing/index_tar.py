"""The index of one tar that anyone wrote, in one pass over it."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.base.storage import Storage
from shards.format import INDEX_SCHEMA, MEDIA_TYPES
from shards.reading.described import describe, primary_member
from shards.reading.files import OpenFile
from shards.reading.hashing_reader import HashingReader
from shards.reading.index import MAX_SAMPLE_BYTES
from shards.reading.keys import split_name
from shards.reading.tar import Odd, TarFinding
from shards.reading.tar_samples import TEXT_BYTES, TarSample, tar_samples
from shards.writing.index_file import index_bytes

MAX_DETAILS = 5
"""Odd things of a tar that are told; all are counted."""
_HALF = (Odd.SPLIT_KEY, Odd.DUPLICATE_MEMBER)
_TIMED = MEDIA_TYPES["video"] | MEDIA_TYPES["audio"]


@dataclass
class IndexedTar:
    """An index (Parquet), and what was met on the way to it."""

    index: bytes = b""
    sha256: str = ""
    size_bytes: int = 0
    index_sha256: str = ""
    num_samples: int = 0
    duration_s: float = 0.0
    without_duration: int = 0
    left_out_members: Counter[str] = field(default_factory=Counter)
    left_out_samples: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values of all but the index itself."""
        values = {name: value for name, value in vars(self).items() if name != "index"}
        # `dataclasses.asdict` of Python 3.11 breaks a Counter.
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}


def index_tar(storage: Storage, path: str, *, probe: bool) -> IndexedTar:
    """Read a tar from its first to its last byte.

    With `probe`, media of samples without a known duration are measured in the sandbox.

    Raises:
        OSError: it cannot be read.
    """
    made = IndexedTar()
    rows: list[dict[str, Any]] = []
    half: set[str] = set()
    with OpenFile(storage.uri(path)) as raw:
        stream = HashingReader(raw)
        for item in tar_samples(stream, _keep_probed if probe else _keep_texts):
            if isinstance(item, TarFinding):
                _note(made, item, half)
                continue
            if item.cut:
                half.add(item.key)
            rows.append(_row(item, probe=probe))
        stream.drain()
    made.sha256, made.size_bytes = stream.sha256, stream.size
    kept = _kept(rows, half, made)
    made.index = index_bytes([{name: row[name] for name in INDEX_SCHEMA.names} for row in kept])
    made.index_sha256 = hashlib.sha256(made.index).hexdigest()
    made.num_samples = len(kept)
    made.duration_s = round(sum(row["duration_s"] for row in kept), 6)
    made.without_duration = sum(row["timed"] and not row["duration_s"] for row in kept)
    return made


def _note(made: IndexedTar, finding: TarFinding, half: set[str]) -> None:
    parts = split_name(finding.name)
    if finding.odd == Odd.NOT_READ and parts is not None:
        made.left_out_members[parts[1]] += 1
        return
    if finding.odd in _HALF and parts is not None:
        half.add(parts[0])
    made.odd[finding.odd.value] += 1
    if len(made.details) < MAX_DETAILS:
        made.details.append(f"{finding.detail} (byte {finding.offset})")


def _keep_texts(extensions: Sequence[str]) -> int:
    """Up to which size a member is held in memory."""
    return TEXT_BYTES if extensions[-1] in MEDIA_TYPES["text"] else -1


def _keep_probed(extensions: Sequence[str]) -> int:
    """The same where the member by which a sample is known is to be measured."""
    timed = [each for each in extensions if each in _TIMED]
    return MAX_SAMPLE_BYTES if extensions[-1] == primary_member(timed) else _keep_texts(extensions)


def _kept(rows: Sequence[dict[str, Any]], half: set[str], made: IndexedTar) -> list[dict[str, Any]]:
    """The samples of which there is no doubt what belongs to them."""
    kept: list[dict[str, Any]] = []
    keys: set[str] = set()
    for row in rows:
        if row["key"] in half:
            made.left_out_samples["members apart, doubled or cut off"] += 1
        elif row["key"] in keys:
            made.left_out_samples["key met before"] += 1
        elif row["too_large"]:
            made.left_out_samples["too large"] += 1
        else:
            keys.add(row["key"])
            kept.append(row)
    return kept


def _row(sample: TarSample, *, probe: bool) -> dict[str, Any]:
    """A sample's row of the index; `timed` says that it has video or sound."""
    members = sample.members
    described = describe({each.extension: each.data for each in members if each.extension in ("json", "txt")})
    timed = [each for each in members if each.extension in _TIMED]
    duration_s = described.duration_s
    if duration_s is None and probe and timed and not sample.too_large:
        main = primary_member([each.extension for each in timed])
        duration_s = _measured(next(each.data for each in timed if each.extension == main))
    return {
        "key": sample.key,
        "duration_s": round(duration_s or 0.0, 6),
        "caption_chars": len(described.caption),
        "sha256": sample.sha256,
        "members": [
            {"extension": each.extension, "offset": each.offset, "size": each.size, "sha256": each.sha256}
            for each in members
        ],
        "timed": bool(timed),
        "too_large": sample.too_large,
    }


def _measured(data: bytes) -> float | None:
    """How long media are, in seconds; None for what cannot be opened."""
    from curation.media.limits import DEFAULT_LIMITS
    from curation.media.sandbox import DecodeError, Sandbox
    from shards.writing.importing.media import duration_of

    with tempfile.NamedTemporaryFile(prefix="cliploom-probe-") as file:
        file.write(data)
        file.flush()
        try:
            return duration_of(Sandbox(DEFAULT_LIMITS), Path(file.name))
        except DecodeError:
            return None
