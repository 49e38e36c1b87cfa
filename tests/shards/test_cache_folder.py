"""The folder of a cache: its limit, who holds what, and that nothing else in it is touched."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from shards.reading.cache import ShardCache
from shards.reading.cache_ledger import LEDGER_NAME, Ledger
from shards.reading.cache_store import NoRoomError
from shards.reading.errors import ShardError
from shards.reading.sources import Target
from tests.shards.cached import NAMES, fill, tars, wait_until


@pytest.mark.parametrize("shared", [True, False])
def test_the_limit_is_kept_by_removing_what_was_not_used_for_longest(tmp_path: Path, shared: bool) -> None:
    cache = ShardCache(str(tmp_path) if shared else None, 3000)
    for name in NAMES[:3]:
        fill(cache, name, 1000)
        time.sleep(0.01)
    assert cache.has(NAMES[0], 1000)
    if shared:
        # Another process, which holds nothing; the use is seen by all.
        cache.close()
        cache = ShardCache(str(tmp_path), 3000)
        time.sleep(0.01)
        assert cache.has(NAMES[0], 1000)
        cache.close()
    fill(cache, NAMES[3], 1000)
    assert [cache.has(name, 1000) for name in NAMES[:4]] == [True, False, True, True]
    if shared:
        assert sum(path.stat().st_size for path in tars(tmp_path)) == 3000


def test_what_is_in_use_is_not_removed(tmp_path: Path) -> None:
    cache, other = ShardCache(str(tmp_path), 2500), ShardCache(str(tmp_path), 2500)
    fill(cache, NAMES[0], 1000)
    fill(cache, NAMES[1], 1000)
    with cache.borrow(NAMES[0], 1000) as descriptor:
        assert descriptor is not None
        with pytest.raises(
            NoRoomError, match="2000 of 2500 bytes are taken by shards in use, 1000 more are wanted"
        ):
            fill(other, NAMES[2], 1000)
        with pytest.raises(NoRoomError, match=r"2 of them \(2000 bytes\) are this process's"):
            fill(cache, NAMES[2], 1000, needed=lambda name: True)
        fill(cache, NAMES[2], 1000)
        assert os.pread(descriptor, 4, 0) == b"xxxx"
    assert [cache.has(name, 1000) for name in NAMES[:3]] == [True, False, True]


def test_what_was_released_while_it_was_fetched_or_read_is_not_held(tmp_path: Path) -> None:
    cache, other = ShardCache(str(tmp_path), 2000), ShardCache(str(tmp_path), 2000)

    def download(target: Target) -> None:
        cache.release(NAMES[0])
        target.write(b"x" * 1000)

    cache.fetch(NAMES[0], 1000, download, sha256=None, needed=lambda name: True, wait=True)
    assert fill(other, NAMES[1], 2000)
    other.close()

    fill(cache, NAMES[2], 1000, needed=lambda name: True)
    with cache.borrow(NAMES[2], 1000) as descriptor:
        cache.release(NAMES[2])
        assert descriptor is not None
        with pytest.raises(NoRoomError):
            fill(other, NAMES[3], 2000)
    assert fill(other, NAMES[3], 2000)


def test_a_file_of_another_length_is_no_shard(tmp_path: Path) -> None:
    cache = ShardCache(str(tmp_path), 10_000)
    (tmp_path / f"{NAMES[0]}.tar").write_bytes(b"x" * 500)
    assert not cache.has(NAMES[0], 1000)
    assert tars(tmp_path) == []


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tar").write_bytes(b"x" * 5000)
    cache = ShardCache(str(tmp_path), 2000)
    for name in NAMES[:5]:
        fill(cache, name, 1000)
    assert (tmp_path / "thesis.tar").stat().st_size == 5000


def test_a_forked_child_holds_nothing_of_its_parent(tmp_path: Path) -> None:
    cache = ShardCache(str(tmp_path), 2000)
    fill(cache, NAMES[0], 1000)
    with Ledger(str(tmp_path)).exclusive():
        reservation = Ledger(str(tmp_path)).reserve(77)
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        reservation.release()
        cache.close()
        wait_until(lambda: Ledger(str(tmp_path)).reserved_bytes() == 0)
        descriptor = os.open(tars(tmp_path)[0], os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_file_system_without_nameless_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: str, flags: int, *rest: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not supported")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ShardError, match=r"O_TMPFILE.*local disk"):
        ShardCache(str(tmp_path), 1000)


def test_reservations_count_until_released(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path))
    with ledger.exclusive():
        first, second = ledger.reserve(10), ledger.reserve(500)
        assert ledger.reserved_bytes() == 510
        first.release()
        assert ledger.reserved_bytes() == 500
        third = ledger.reserve(1)
        assert ledger.reserved_bytes() == 501
    second.release()
    third.release()


def test_a_shard_that_is_borrowed_as_soon_as_it_has_its_name_is_held_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_tars() -> int:
        links = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)]
        return sum(str(tmp_path) in link and LEDGER_NAME not in link for link in links)

    cache = ShardCache(str(tmp_path), 1 << 20)
    publish = cache._store.publish

    def borrowed_at_once(draft: Any, name: str) -> None:
        publish(draft, name)
        with cache.borrow(name, 1000) as descriptor:
            assert descriptor is not None

    monkeypatch.setattr(cache._store, "publish", borrowed_at_once)
    fill(cache, NAMES[0], 1000)
    assert open_tars() == 1
    assert cache.has(NAMES[0], 1000)
    cache.close()
    assert open_tars() == 0
    with open(tmp_path / f"{NAMES[0]}.tar", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_open(descriptor: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{descriptor}")
