"""The samples of a tar that anyone wrote, one after the other, within memory that the tar cannot enlarge."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from shards.reading.index import MAX_SAMPLE_BYTES
from shards.reading.keys import split_name
from shards.reading.tar import Odd, Readable, TarFinding, TarMember, walk

TEXT_BYTES = 16 << 20
"""Of a .json or .txt that is looked into; captions and metadata have some thousands."""
TOLD_COPIES = 2
"""Members of one type that a sample tells of: enough to see that there are several."""
_ENDS = (Odd.TRUNCATED, Odd.BAD_HEADER)
"""After these nothing is read, so the sample before them may have had more members."""

KeepBytes = Callable[[Sequence[str]], int]
"""Up to which size the bytes of a member are kept, by the types of its sample's members so far, its own the
last of them."""


@dataclass(frozen=True, slots=True)
class TarSample:
    """Adjacent members of one key. `sha256` is over the bytes of all, `size_bytes` their sum. `cut` says that
    the tar ends where there may have been more. Of members of one type only the first may have data, of a
    sample that is too large none."""

    members: tuple[TarMember, ...]
    sha256: str
    size_bytes: int
    cut: bool

    @property
    def key(self) -> str:
        """The key of all its members."""
        return self.members[0].key

    @property
    def too_large(self) -> bool:
        """Whether it has more bytes than a sample may have."""
        return self.size_bytes > MAX_SAMPLE_BYTES


def tar_samples(stream: Readable, keep_bytes: KeepBytes) -> Iterator[TarSample | TarFinding]:
    """Samples, and what is odd (as `shards.reading.tar.walk` finds it), in the order of the tar."""
    pending = _Pending(keep_bytes)
    for item in walk(stream, False, keep_bytes=pending.begin_member, told=pending.update):
        if pending.complete is not None:
            yield pending.complete
            pending.complete = None
        if isinstance(item, TarMember):
            pending.take(item)
            continue
        if item.odd in _ENDS and pending.is_concerned(item.name):
            pending.cut = True
        yield item
    pending.finish()
    if pending.complete is not None:
        yield pending.complete


class _Pending:
    """The sample whose members are coming in, and the one before it, once that is complete."""

    def __init__(self, keep_bytes: KeepBytes) -> None:
        self.complete: TarSample | None = None
        self._keep_bytes = keep_bytes
        self._begin("")

    def _begin(self, key: str) -> None:
        self._key = key
        self._members: list[TarMember] = []
        self._copies: Counter[str] = Counter()
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self.cut = False

    def begin_member(self, key: str, extension: str) -> int:
        """A member is about to be read: up to which size its bytes are kept."""
        if key != self._key:
            self.finish()
            self._begin(key)
        self._copies[extension] += 1
        if self._copies[extension] > 1:
            return -1
        return min(self._keep_bytes(list(self._copies)), MAX_SAMPLE_BYTES - self._size_bytes)

    def update(self, block: bytes) -> None:
        """Bytes of a member."""
        self._hash.update(block)

    def take(self, member: TarMember) -> None:
        """A member was read."""
        self._size_bytes += member.size
        if self._copies[member.extension] <= TOLD_COPIES:
            self._members.append(member)
        if self._size_bytes > MAX_SAMPLE_BYTES:
            self._members = [replace(each, data=b"") for each in self._members]

    def is_concerned(self, name: str) -> bool:
        """Whether a member of this name, at which the tar ends, may be of the sample."""
        parts = split_name(name)
        return parts is None or parts[0] == self._key

    def finish(self) -> None:
        """No more members come."""
        if self._members:
            self.complete = TarSample(
                tuple(self._members), self._hash.hexdigest(), self._size_bytes, self.cut
            )
