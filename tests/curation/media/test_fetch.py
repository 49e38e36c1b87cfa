"""Sources brought to this machine."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from curation.base.ids import content_id
from curation.base.rejects import Reason
from curation.base.stages import Retry
from curation.media.fetch import KEPT_DOWNLOADS, fetch
from curation.media.sandbox import DecodeError


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def put(name: str, data: bytes) -> str:
    url = f"memory://fetch/{name}"
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return url


def test_a_local_file_is_used_in_place(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"film")
    for uri in (str(path), f"file://{path}"):
        source = fetch(uri, scratch, size_bytes=4)
        assert source.path == path
        assert source.sha256 == hashlib.sha256(b"film").hexdigest()
        assert source.video_id == content_id(source.sha256)
    assert not scratch.exists()


def test_a_url_is_downloaded_once_under_a_neutral_name(scratch: Path) -> None:
    url = put("-i $(id).mp4", b"film")
    source = fetch(url, scratch, size_bytes=4)
    assert source.path.read_bytes() == b"film"
    assert source.path.suffix == ".media"
    assert scratch in source.path.parents
    put("-i $(id).mp4", b"new!")
    assert fetch(url, scratch, size_bytes=4) == source


def test_few_downloads_are_kept(scratch: Path) -> None:
    sources = [fetch(put(f"{n}.mp4", b"%d" % n), scratch, size_bytes=1) for n in range(5)]
    assert [source.path.exists() for source in sources] == [False] * (5 - KEPT_DOWNLOADS) + [
        True
    ] * KEPT_DOWNLOADS
    again = fetch("memory://fetch/0.mp4", scratch, size_bytes=1)
    assert again.path.read_bytes() == b"0"


def test_a_vanished_file_is_bad_data_with_its_path(tmp_path: Path, scratch: Path) -> None:
    with pytest.raises(DecodeError) as error:
        fetch(str(tmp_path / "gone.mp4"), scratch, size_bytes=4)
    assert error.value.reason == Reason.UNREADABLE
    assert str(tmp_path / "gone.mp4") in error.value.detail
    with pytest.raises(DecodeError):
        fetch(str(tmp_path), scratch, size_bytes=4)


def test_a_changed_file_is_bad_data(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"film")
    known = fetch(str(path), scratch, size_bytes=4).video_id
    path.write_bytes(b"more film")
    with pytest.raises(DecodeError, match="9 bytes instead of 4"):
        fetch(str(path), scratch, size_bytes=4)
    path.write_bytes(b"mlif")
    os.utime(path, ns=(1, 1))
    with pytest.raises(DecodeError, match="another id"):
        fetch(str(path), scratch, size_bytes=4, video_id=known)
    with pytest.raises(DecodeError, match="instead of"):
        fetch(put("big.mp4", bytes(10_000_000)), scratch, size_bytes=10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_the_network_works_or_is_tried_again(server: str, tmp_path: Path, scratch: Path) -> None:
    pytest.importorskip("aiohttp", reason="fsspec needs aiohttp for http URLs")
    (tmp_path / "a.mp4").write_bytes(b"film")
    assert fetch(f"{server}/a.mp4", scratch, size_bytes=4).path.read_bytes() == b"film"
    with pytest.raises(Retry, match=r"gone\.mp4"):
        fetch(f"{server}/gone.mp4", scratch, size_bytes=4)
    with pytest.raises(Retry):
        fetch("http://127.0.0.1:1/a.mp4", scratch, size_bytes=4)
    assert len(list(scratch.rglob("*.media"))) == 1


def test_a_missing_object_is_tried_again(scratch: Path) -> None:
    with pytest.raises(Retry):
        fetch("memory://fetch/never.mp4", scratch, size_bytes=4)
