"""Bytes from servers that fail: retries that go on in mid-file, versions, redirects, and what is refused."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest

from shards.reading import ShardError, ShardReader
from shards.reading.files import OpenFile
from shards.reading.local_source import LocalSource
from shards.reading.sources import (
    LastingError,
    Memory,
    NoRangesError,
    Patience,
    ReplacedError,
    ShortError,
    open_source,
    retry_after_s,
    runs,
    transfer,
)
from tests.shards.http_server import Behaviour, Request, http_server

DATA = bytes(range(256)) * 4096
"""A megabyte in which every place differs from its neighbours."""


def patience(retry_s: float = 20.0) -> Patience:
    return Patience(retry_s, 0.001, lambda error, wait_s: None)


@pytest.fixture
def behaviour(tmp_path: Path) -> Behaviour:
    (tmp_path / "data.tar").write_bytes(DATA)
    return Behaviour(root=tmp_path)


@pytest.fixture
def server(behaviour: Behaviour) -> Iterator[str]:
    with http_server(behaviour) as url:
        yield url


def get(url: str, start: int = 0, end: int | None = None, retry_s: float = 20.0) -> bytes:
    memory = Memory()
    transfer(open_source(url), url, start, end, memory, patience(retry_s))
    return memory.whole()


def faults(*found: tuple[str, int] | None) -> Any:
    waiting = list(found)
    return lambda request: waiting.pop(0) if waiting else None


def test_a_download_that_is_cut_goes_on_at_the_byte_where_it_was(behaviour: Behaviour, server: str) -> None:
    behaviour.fault = faults(("cut", 300_000), ("cut", 400_001), ("status", 503), None)
    assert get(f"{server}/data.tar") == DATA
    assert [request.range for request in behaviour.log] == [
        None, "bytes=300000-", "bytes=700001-", "bytes=700001-",
    ]  # fmt: skip
    assert sum(request.sent for request in behaviour.log if request.status < 300) == len(DATA)
    tag = behaviour.etag(behaviour.root / "data.tar")  # type: ignore[operator]
    assert [request.headers.get("If-Match") for request in behaviour.log] == [None, tag, tag, tag]


def test_a_file_that_is_replaced_in_mid_read_is_read_anew_and_never_spliced(
    behaviour: Behaviour, server: str
) -> None:
    other = DATA[::-1]

    def replace(request: Request) -> tuple[str, int] | None:
        if len(behaviour.log) == 1:
            return "cut", 300_000
        (behaviour.root / "data.tar").write_bytes(other)  # type: ignore[operator]
        return None

    behaviour.fault = replace
    assert get(f"{server}/data.tar") == other


def test_without_versions_a_read_that_was_cut_begins_anew(behaviour: Behaviour, server: str) -> None:
    behaviour.etag = lambda path: None
    behaviour.fault = faults(("cut", 300_000))
    assert get(f"{server}/data.tar") == DATA
    assert [request.range for request in behaviour.log] == [None, None]


def test_weak_tags_are_compared_by_us(behaviour: Behaviour, server: str) -> None:
    tags = iter(['W/"1"', 'W/"2"', 'W/"2"', 'W/"2"'])
    behaviour.etag = lambda path: next(tags)
    behaviour.fault = faults(("cut", 10))
    assert get(f"{server}/data.tar") == DATA
    assert [request.range for request in behaviour.log] == [None, "bytes=10-", None]
    assert not any("If-Match" in request.headers for request in behaviour.log)


def test_faults_in_a_row_are_bounded_by_time_and_progress_begins_it_anew(
    behaviour: Behaviour, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shards.reading.sources.MAX_WAIT_S", 0.02)
    behaviour.fault = lambda request: ("status", 500)
    began = time.monotonic()
    with pytest.raises(OSError, match=r"data\.tar: HTTP 500"):
        get(f"{server}/data.tar", retry_s=0.5)
    assert 0.5 <= time.monotonic() - began < 3
    assert len(behaviour.log) > 10, "not by their number"

    def slow_progress(request: Request) -> tuple[str, int] | None:
        time.sleep(0.15)
        return ("cut", 200_000) if len(behaviour.log) % 2 else ("status", 500)

    behaviour.log.clear()
    behaviour.fault = slow_progress
    began = time.monotonic()
    assert get(f"{server}/data.tar", retry_s=0.5) == DATA
    assert time.monotonic() - began > 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_be_left_alone_is(behaviour: Behaviour, server: str, status: int) -> None:
    behaviour.fault = faults(("status", status))
    behaviour.extra = {"Retry-After": "1"}
    began = time.monotonic()
    assert get(f"{server}/data.tar") == DATA
    assert time.monotonic() - began > 1
    assert len(behaviour.log) == 2


def test_no_longer_than_one_is_willing_to_wait(behaviour: Behaviour, server: str) -> None:
    behaviour.fault = lambda request: ("status", 503)
    behaviour.extra = {"Retry-After": "3600"}
    began = time.monotonic()
    with pytest.raises(OSError, match="HTTP 503"):
        get(f"{server}/data.tar", retry_s=0.3)
    assert 0.3 <= time.monotonic() - began < 3
    assert len(behaviour.log) == 2


def test_what_a_retry_after_says() -> None:
    assert retry_after_s("120") == 120.0
    later = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < (retry_after_s(format_datetime(later, usegmt=True)) or 0) <= 100
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    for odd in (None, "", "soon", "-5", "1e9", "9" * 30, "٣"):
        assert retry_after_s(odd) is None, odd


def test_a_full_disk_is_not_waited_out(behaviour: Behaviour, server: str) -> None:
    class Full(Memory):
        def write(self, block: bytes) -> None:
            raise OSError(errno.ENOSPC, "no space left")

    with pytest.raises(OSError, match="no space left"):
        transfer(open_source(server), f"{server}/data.tar", 0, None, Full(), patience(60))
    assert len(behaviour.log) == 1


def test_a_file_that_is_always_cut_at_one_place_is_given_up(
    behaviour: Behaviour, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shards.reading.sources.MAX_WAIT_S", 0.02)
    behaviour.etag = lambda path: None
    behaviour.fault = lambda request: ("cut", 1000)
    began = time.monotonic()
    with pytest.raises(OSError, match=r"data\.tar"):
        get(f"{server}/data.tar", retry_s=0.3)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, FileNotFoundError), (410, FileNotFoundError), (403, PermissionError), (400, LastingError)],
)
def test_what_is_not_there_or_forbidden_is_not_asked_again(
    behaviour: Behaviour, server: str, status: int, kind: type[OSError]
) -> None:
    behaviour.fault = lambda request: ("status", status)
    with pytest.raises(kind):
        get(f"{server}/data.tar")
    assert len(behaviour.log) == 1


def test_a_server_without_ranges_is_refused_by_name(behaviour: Behaviour, server: str) -> None:
    behaviour.ranges = False
    with pytest.raises(NoRangesError, match=r"gives no parts of files.*a cache"):
        get(f"{server}/data.tar", 10, 20)
    behaviour.fault = faults(("cut", 300_000))
    assert get(f"{server}/data.tar") == DATA, "whole files can be had, from the beginning each time"


def test_connections_are_used_again(behaviour: Behaviour, server: str) -> None:
    source = open_source(server)
    for place in range(20):
        assert source.read(f"{server}/data.tar", [(place, 100)], patience()) == [DATA[place : place + 100]]
    assert len({request.connection for request in behaviour.log}) == 1


def test_neighbours_are_read_by_one_request(behaviour: Behaviour, server: str) -> None:
    wanted = [(500_000, 10), (0, 1000), (1512, 1000), (505_000, 0)]
    found = open_source(server).read(f"{server}/data.tar", wanted, patience())
    assert found == [DATA[offset : offset + size] for offset, size in wanted]
    assert sorted(request.range or "" for request in behaviour.log) == ["bytes=0-2511", "bytes=500000-504999"]
    assert runs([(0, 10 << 20), (10 << 20, 10 << 20)]) == [[0], [1]]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "https://127.0.0.1/x.tar", "ftp://host/x", ""])
def test_redirects_to_another_kind_of_url_are_refused(behaviour: Behaviour, server: str, target: str) -> None:
    behaviour.redirect = lambda path: target
    with pytest.raises(ShardError, match=r"only redirects that stay with http:// are followed"):
        get(f"{server}/data.tar")


def test_redirects_are_followed_without_their_secrets_being_told(
    behaviour: Behaviour, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with http_server(Behaviour(root=tmp_path)) as elsewhere:
        behaviour.redirect = lambda path: f"{elsewhere}/data.tar?signature=t0psecret"
        assert get(f"{server}/data.tar", 5, 10) == DATA[5:10]
        behaviour.redirect = lambda path: f"{elsewhere}/none?signature=t0psecret"
        with pytest.raises(FileNotFoundError) as refused:
            get(f"{server}/data.tar")
    assert "secret" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value)
    assert behaviour.log[0].headers["Authorization"].startswith("Basic ")


def test_a_login_is_not_sent_to_whom_a_server_points_at(
    behaviour: Behaviour, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login ann password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    other = Behaviour(root=tmp_path)
    with http_server(other) as elsewhere:
        behaviour.redirect = lambda path: f"{elsewhere}/data.tar"
        get(f"{server}/data.tar", 5, 10)
    assert "Authorization" in behaviour.log[0].headers
    assert "Authorization" not in other.log[0].headers


def test_loops_of_redirects_end(behaviour: Behaviour, server: str) -> None:
    behaviour.redirect = lambda path: path
    # Nobody waits for it to end.
    with pytest.raises(OSError, match="more than 5 redirects"):
        get(f"{server}/data.tar")


def test_credentials_in_a_url_are_refused_without_being_repeated() -> None:
    with pytest.raises(ShardError, match=r"netrc") as refused:
        ShardReader("https://ann:s3cret@host/shards")
    assert "s3cret" not in str(refused.value)


def test_open_files_are_bounded_and_given_up_when_there_are_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, real = LocalSource(max_open=8), os.open
    for number in range(20):
        (tmp_path / str(number)).write_bytes(bytes([number]) * 10)
    for number in range(20):
        assert source.read(str(tmp_path / str(number)), [(2, 3)], patience()) == [bytes([number]) * 3]
    assert len(source._files) == 8

    def full(path: str, *arguments: Any) -> int:
        if len(source._files) > 2:
            raise OSError(errno.EMFILE, "too many open files", path)
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", full)
    for number in range(20):
        assert source.read(str(tmp_path / str(number)), [(2, 3)], patience()) == [bytes([number]) * 3]
    assert len(source._files) <= 3
    source.close()


def test_a_file_read_as_a_stream_goes_on_where_it_was(behaviour: Behaviour, server: str) -> None:
    behaviour.fault = faults(("status", 500), ("cut", 300_000), ("cut", 400_001), ("status", 503))
    with OpenFile(f"{server}/data.tar") as stream:
        assert b"".join(iter(lambda: stream.read(70_000), b"")) == DATA
    assert sum(request.sent for request in behaviour.log if request.status < 300) == len(DATA)
    with pytest.raises(FileNotFoundError):
        OpenFile(f"{server}/none")


def test_a_stream_does_not_go_on_in_another_file(behaviour: Behaviour, server: str) -> None:
    behaviour.fault = faults(("cut", 300_000))
    with OpenFile(f"{server}/data.tar") as stream:
        while stream._at < 300_000 or stream._taken < len(stream._block):
            stream.read(50_000)
        (behaviour.root / "data.tar").write_bytes(DATA[::-1])  # type: ignore[operator]
        with pytest.raises(OSError, match="was replaced while it was read"):
            stream.read(50_000)


def test_other_stores_are_read_by_their_fsspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.tar", DATA)
    monkeypatch.setattr(
        "shards.reading.fsspec_source.open_file_system", lambda url: (memory, url.removeprefix("gs://"))
    )
    url = "gs://bucket/a.tar"
    source = open_source(url)
    assert source.size(url) == len(DATA)
    assert source.read(url, [(5, 10), (900_000, 7)], patience()) == [DATA[5:15], DATA[900_000:900_007]]
    with pytest.raises(ShortError):
        source.read(url, [(len(DATA) - 5, 10)], patience())
    with pytest.raises(FileNotFoundError):
        source.read("gs://bucket/none", [(0, 1)], patience())
    body = source.open(url, 0, None, None)
    assert body.read(100) == DATA[:100]
    memory.pipe("/bucket/a.tar", DATA[::-1])
    with pytest.raises(ReplacedError):
        body.read(100)


# Through the reader, or what it reads by.
