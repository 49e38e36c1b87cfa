"""The cache of whole shards: fetched once for all, bounded, and nothing left of what was not finished."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from curation.base.workspace import Workspace
from shards.reading import ShardReader
from shards.reading.cache import ShardCache
from shards.reading.cache_config import CacheConfig
from shards.reading.cache_ledger import LEDGER_NAME, Ledger
from shards.reading.cache_store import NoRoomError
from shards.reading.errors import ShardError
from shards.reading.fetch import Fetcher
from shards.reading.manifest import Shard, open_shards
from shards.writing.select import SelectConfig
from tests.shards.cached import NAMES, fill, tars, wait_until
from tests.shards.dataset import make_records, write_dataset
from tests.shards.http_server import Behaviour, http_server

NUM_SHARDS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = Workspace.open(str(tmp_path_factory.mktemp("run")))
    records = make_records(workspace, 20, 3, real_media=False)
    return write_dataset(workspace, records, SelectConfig(samples_per_shard=10), lanes=4)


@pytest.fixture
def behaviour(folder: str) -> Behaviour:
    return Behaviour(root=Path(folder))


@pytest.fixture
def server(behaviour: Behaviour) -> Iterator[str]:
    with http_server(behaviour) as url:
        yield url


def places(url: str) -> list[tuple[Shard, int]]:
    return [(shard, row) for shard in open_shards(url).shards for row in range(shard.num_samples)]


def read(fetcher: Fetcher, wanted: list[tuple[Shard, int]]) -> list[tuple[str, dict[str, bytes]]]:
    found = []
    for shard, row in wanted:
        entry = fetcher.index(shard)[row]
        found.append((entry.key, dict(fetcher.members(shard, entry))))
    return found


def total(url: str) -> int:
    return sum(shard.size_bytes or 0 for shard in open_shards(url).shards)


def whole(behaviour: Behaviour) -> list[str]:
    """Paths of the tars that were fetched whole."""
    return [r.path for r in behaviour.log if r.path.endswith(".tar") and r.range is None and r.status == 200]


@pytest.mark.parametrize("shared", [True, False])
def test_samples_come_from_whole_shards_that_are_fetched_once(
    behaviour: Behaviour, server: str, folder: str, tmp_path: Path, shared: bool
) -> None:
    where = str(tmp_path / "cache") if shared else None
    fetcher = Fetcher(cache=ShardCache(where, 1 << 30, ahead_shards=NUM_SHARDS))
    expected, wanted = read(Fetcher(), places(folder)), places(server)
    fetcher.expect(iter(wanted * 3))
    wait_until(lambda: len(whole(behaviour)) == NUM_SHARDS)
    for _ in range(3):
        assert read(fetcher, wanted) == expected
    assert len(whole(behaviour)) == NUM_SHARDS
    before = len(behaviour.log)
    fetcher.expect(None)
    assert read(fetcher, wanted) == expected
    assert len(behaviour.log) == before, "all is here"
    if shared:
        assert len(tars(tmp_path / "cache")) == NUM_SHARDS
        other = Fetcher(cache=ShardCache(where, 1 << 30))
        assert read(other, wanted) == expected
        assert not [r for r in behaviour.log[before:] if r.path.endswith(".tar")]
    fetcher.close()


def test_the_first_samples_are_read_by_ranges_while_their_shard_is_on_its_way(
    behaviour: Behaviour, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shards.reading.whole.AROUND_FRACTION", 1.0)
    wanted = places(server)
    slow = {"wait": True}

    def hold(request: Any) -> None:
        while slow["wait"] and request.range is None and request.path.endswith(".tar"):
            time.sleep(0.01)

    behaviour.fault = hold
    fetcher = Fetcher(cache=ShardCache(str(tmp_path), 1 << 30))
    found = read(fetcher, wanted[:5])
    assert [key for key, _ in found] == [fetcher.index(shard)[row].key for shard, row in wanted[:5]]
    assert tars(tmp_path) == []
    threading.Timer(0.3, lambda: slow.update(wait=False)).start()
    monkeypatch.setattr("shards.reading.whole.AROUND_FRACTION", 0.0)
    before = len(behaviour.log)
    read(fetcher, wanted[5:10])
    assert len(tars(tmp_path)) == 1, "then it was waited for"
    assert len(behaviour.log) <= before + 2
    fetcher.close()


def test_a_server_without_ranges_is_served_by_the_cache(
    behaviour: Behaviour, server: str, folder: str, tmp_path: Path
) -> None:
    behaviour.ranges = False
    expected, wanted = read(Fetcher(), places(folder)), places(server)
    assert read(Fetcher(cache=ShardCache(str(tmp_path), 1 << 30)), wanted) == expected
    assert len(whole(behaviour)) >= NUM_SHARDS
    assert len(tars(tmp_path)) == NUM_SHARDS
    small = (wanted[0][0].size_bytes or 0) - 1
    with pytest.raises(
        ShardError, match=rf"0 of {small} bytes are taken.*{small + 1} more are wanted.*max_bytes"
    ):
        read(Fetcher(cache=ShardCache(None, small)), wanted[:1])


def test_a_limit_that_is_too_small_is_told_with_figures_and_read_around(
    behaviour: Behaviour, server: str, folder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shards = open_shards(server).shards
    limit = 2 * max(shard.size_bytes or 0 for shard in shards) + 100
    # All shards by turns, as lanes do.
    wanted = [(shard, row) for row in range(8) for shard in shards]
    fetcher = Fetcher(cache=ShardCache(str(tmp_path), limit, ahead_shards=8))
    expected = read(Fetcher(), [(shard, row) for row in range(8) for shard in open_shards(folder).shards])
    fetcher.expect(iter(wanted * 2))
    with caplog.at_level(logging.WARNING):
        assert read(fetcher, wanted) == expected
        wait_until(lambda: "more are wanted" in caplog.text)
    assert f"of {limit} bytes are taken by shards in use" in caplog.text
    assert (
        f"6 shards are read by turns: raise the cache's max_bytes to {total(server)} at least" in caplog.text
    )
    assert len(whole(behaviour)) <= 3, "no shard was fetched over and over"
    assert sum(path.stat().st_size for path in tars(tmp_path)) <= limit
    fetcher.close()


def test_a_full_disk_is_told_and_read_around(
    server: str,
    folder: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    fetcher = Fetcher(cache=ShardCache(str(tmp_path), 1 << 30))
    with caplog.at_level(logging.WARNING):
        assert read(fetcher, places(server)) == read(Fetcher(), places(folder))
        wait_until(lambda: "do not fit on the disk" in caplog.text)
    assert tars(tmp_path) == []
    assert Ledger(str(tmp_path)).reserved_bytes() == 0
    fetcher.close()


def test_a_shard_that_is_not_the_manifests_is_never_shared_and_its_samples_are_checked(
    folder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    from shards.reading.errors import DamagedSampleError

    root = tmp_path / "copy"
    shutil.copytree(folder, root)
    shard = open_shards(str(root)).shards[0]
    entry = Fetcher().index(shard)[3]
    data = bytearray((root / shard.path).read_bytes())
    data[entry.members[0].offset] ^= 1
    (root / shard.path).write_bytes(data)
    with http_server(Behaviour(root=root, ranges=False)) as server:
        fetcher = Fetcher(cache=ShardCache(str(tmp_path / "cache"), 1 << 30))
        remote = open_shards(server).shards[0]
        for row in range(10):
            if row == 3:
                with pytest.raises(DamagedSampleError):
                    read(fetcher, [(remote, row)])
            else:
                read(fetcher, [(remote, row)])
    assert "it is not shared" in caplog.text
    assert tars(tmp_path / "cache") == []


def test_a_copy_that_went_bad_is_not_taken_for_a_damaged_sample(
    server: str, folder: str, tmp_path: Path
) -> None:
    wanted, cache = places(server)[:10], ShardCache(str(tmp_path), 1 << 30)
    fetcher = Fetcher(cache=cache)
    expected = read(fetcher, wanted)
    wait_until(lambda: len(tars(tmp_path)) == 1)
    path = tars(tmp_path)[0]
    path.write_bytes(bytes(path.stat().st_size))
    assert read(fetcher, wanted) == expected
    fetcher.close()


def _read_all(server: str, where: str, ready: Any, results: Any) -> None:
    wanted = places(server)
    fetcher = Fetcher(cache=ShardCache(where, 1 << 30, ahead_shards=NUM_SHARDS))
    ready.wait()
    fetcher.expect(iter(wanted))
    deadline = time.monotonic() + 20
    while len(list(Path(where).glob("*.tar"))) < NUM_SHARDS and time.monotonic() < deadline:
        time.sleep(0.02)
    results.put([key for key, _ in read(fetcher, wanted)])


def test_processes_that_share_a_folder_fetch_each_shard_once(
    behaviour: Behaviour, server: str, folder: str, tmp_path: Path
) -> None:
    behaviour.fault = lambda request: time.sleep(0.05)
    context = multiprocessing.get_context("fork")
    ready, results = context.Barrier(4), context.Queue()
    arguments = (server, str(tmp_path), ready, results)
    readers = [context.Process(target=_read_all, args=arguments) for _ in range(4)]
    for reader in readers:
        reader.start()
    expected = [key for key, _ in read(Fetcher(), places(folder))]
    assert [results.get(timeout=60) for _ in readers] == [expected] * 4
    for reader in readers:
        reader.join()
    assert sorted(whole(behaviour)) == sorted(set(whole(behaviour)))
    assert len(whole(behaviour)) == NUM_SHARDS


READER = """
import sys, time
from shards.reading import ShardReader
from shards.reading.cache import ShardCache
from shards.reading.cache_config import CacheConfig
from shards.reading.fetch import Fetcher
from shards.reading.manifest import open_shards
shards = open_shards(sys.argv[1]).shards
fetcher = Fetcher(cache=ShardCache(sys.argv[2] or None, 1 << 30, ahead_shards=8))
fetcher.expect((shard, row) for shard in shards for row in range(shard.num_samples))
print("reading", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("shared", [True, False])
def test_nothing_is_left_after_a_kill(
    behaviour: Behaviour, server: str, tmp_path: Path, shared: bool
) -> None:
    cache, temporary = tmp_path / "cache", tmp_path / "tmp"
    cache.mkdir()
    temporary.mkdir()
    # Tars come to a halt after some bytes: the kill finds downloads under way.
    under_way: list[str] = []

    def hold(request: Any) -> tuple[str, int] | None:
        if request.path.endswith(".tar") and request.range is None:
            under_way.append(request.path)
            return "hang", 1000
        return None

    behaviour.fault = hold
    environment = {**os.environ, "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", READER, server, str(cache) if shared else ""]
    reader = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    wait_until(lambda: len(under_way) >= 2)
    time.sleep(0.2)
    if shared:
        assert Ledger(str(cache)).reserved_bytes() > 0
    assert any("(deleted)" in os.readlink(each) for each in _open_files(reader.pid))
    reader.send_signal(signal.SIGKILL)
    reader.wait()
    assert list(temporary.iterdir()) == []
    if shared:
        assert [path.name for path in cache.iterdir()] == [LEDGER_NAME]
        ledger = Ledger(str(cache))
        assert ledger.reserved_bytes() == 0
        behaviour.fault = lambda request: None
        # Whoever comes next takes over what the dead one had begun.
        fetcher = Fetcher(cache=ShardCache(str(cache), 1 << 30, ahead_shards=8))
        fetcher.expect(iter(places(server)))
        wait_until(lambda: len(tars(cache)) == NUM_SHARDS)
        fetcher.close()


def _open_files(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    return [f"{folder}/{name}" for name in os.listdir(folder) if os.path.lexists(f"{folder}/{name}")]


def test_shards_come_in_the_order_of_their_first_use(
    behaviour: Behaviour, server: str, tmp_path: Path
) -> None:
    shards = open_shards(server).shards
    wanted = [(shard, row) for shard in reversed(shards) for row in range(shard.num_samples)]
    cache = ShardCache(str(tmp_path), 1 << 30, ahead_shards=2, downloads=1)
    fetcher = Fetcher(cache=cache, read_ahead_bytes=1, connections=1)
    fetcher.expect(iter(wanted))
    for shard, row in wanted:
        entry = fetcher.index(shard)[row]
        fetcher.members(shard, entry)
        time.sleep(0.005)
    wait_until(lambda: len(whole(behaviour)) == NUM_SHARDS)
    names = [shard.path.rpartition("/")[2] for shard in reversed(shards)]
    assert [path.rpartition("/")[2] for path in whole(behaviour)] == names
    fetcher.close()


@pytest.mark.parametrize("shared", [True, False])
def test_a_cache_does_not_change_the_stream(
    behaviour: Behaviour, server: str, folder: str, tmp_path: Path, shared: bool
) -> None:
    expected = content(ShardReader(folder), 180)
    where = str(tmp_path) if shared else None
    with ShardReader(server, cache=CacheConfig(folder=where, max_bytes=1 << 30, ahead_shards=8)) as reader:
        assert content(reader, 100) == expected[:100]
        state = json.loads(json.dumps(reader.state_dict()))
    assert len(whole(behaviour)) == NUM_SHARDS
    with ShardReader(server, cache=CacheConfig(folder=where, max_bytes=total(server) // 2)) as again:
        again.load_state_dict(state)
        assert content(again, 80) == expected[100:]


def content(reader: ShardReader, count: int) -> list[tuple[str, Mapping[str, bytes]]]:
    return [(sample.key, sample.members) for sample, _ in islice(reader, count)]


def test_what_is_finished_is_left_to_others(server: str, tmp_path: Path) -> None:
    wanted = places(server)
    limit = 2 * max(shard.size_bytes or 0 for shard, _ in wanted) + 100
    cache = ShardCache(str(tmp_path), limit)
    fetcher, other = Fetcher(cache=cache), ShardCache(str(tmp_path), limit)
    fetcher.expect(iter(wanted))
    read(fetcher, wanted)
    # Nothing more is to come, so nothing is held.
    wait_until(lambda: _has_room(other, limit))
    fetcher.close()


def _has_room(cache: ShardCache, limit: int) -> bool:
    try:
        return fill(cache, NAMES[0], limit)
    except NoRoomError:
        return False


FEW_FILES = """
import os, resource, sys
from itertools import islice
from shards.reading import ShardReader
from shards.reading.cache_config import CacheConfig
cache = CacheConfig(folder=sys.argv[2], max_bytes=1 << 30, ahead_shards=4) if sys.argv[2] else None
with ShardReader(sys.argv[1], cache=cache) as reader:
    list(islice(reader, 1))
    limit = len(os.listdir("/proc/self/fd")) + int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    print(*[sample.key for sample, _ in islice(reader, 179)])
"""


@pytest.mark.parametrize(("cached", "spare"), [(False, 2), (True, 12)])
def test_few_file_descriptors_slow_reading_and_do_not_stop_it(
    server: str, folder: str, tmp_path: Path, cached: bool, spare: int
) -> None:
    url = server if cached else folder
    command = [sys.executable, "-c", FEW_FILES, url, str(tmp_path) if cached else "", str(spare)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr[-2000:]
    expected = [sample.key for sample, _ in islice(ShardReader(folder), 180)]
    assert answer.stdout.split() == expected[1:]
