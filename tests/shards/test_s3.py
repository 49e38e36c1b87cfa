"""A dataset on S3, written and read, with a real S3 API on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import pytest

from curation.base.storage import Storage
from curation.base.workspace import Workspace
from shards.reading import Position, ShardReader
from shards.reading.cache_config import CacheConfig
from shards.reading.manifest import open_shards
from shards.reading.sources import Memory, Patience, open_source, transfer
from shards.reading.verify import verify
from shards.writing.select import SelectConfig
from tests.s3 import s3_server
from tests.shards.dataset import make_records, write_dataset
from tests.shards.http_server import Behaviour, Request, http_server

CONFIG = SelectConfig(samples_per_shard=6)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server("shards") as bucket:
        yield bucket


def content(reader: ShardReader, count: int) -> list[tuple[str, Mapping[str, bytes], Position]]:
    return [(sample.key, sample.members, position) for sample, position in islice(reader, count)]


def test_s3_gives_the_same_bytes_and_stream_as_a_disk(
    s3_url: str, workspace: Workspace, tmp_path: Path
) -> None:
    local = write_dataset(workspace, make_records(workspace, 6, 3), CONFIG)
    remote_workspace = Workspace.open(f"{s3_url}/one", str(tmp_path / "scratch"))
    remote = write_dataset(remote_workspace, make_records(remote_workspace, 6, 3), CONFIG)
    assert open_shards(remote).version == open_shards(local).version
    assert verify(remote).ok
    here, there = ShardReader(local), ShardReader(remote)
    assert content(there, 40) == content(here, 40)
    shard = open_shards(remote).shards[0]
    folder = remote_workspace.storage.uri(f"shards/{shard.generation}/train")
    for shape in (f"{folder}/*.tar", f"{folder}/{{000000..000002}}.tar"):
        assert ShardReader(shape).num_samples == 18
    state = json.loads(json.dumps(there.state_dict()))
    here.load_state_dict(state)


def test_a_shard_cut_short_on_s3_is_damage_and_a_missing_one_is_not(s3_url: str, tmp_path: Path) -> None:
    workspace = Workspace.open(f"{s3_url}/two", str(tmp_path / "scratch"))
    url = write_dataset(workspace, make_records(workspace, 6, 3, real_media=False), CONFIG)
    path, storage = open_shards(url).shards[0].path, Storage(url)
    storage.write_bytes(path, storage.read_bytes(path)[:3000])
    stream = ShardReader(url, max_damaged_fraction=0.5, retry_s=0)
    assert all(len(sample.members) > 1 for sample, _ in islice(stream, 18))
    assert 0 < stream.num_substituted <= 6
    storage.remove(path)
    with pytest.raises(FileNotFoundError):
        list(islice(ShardReader(url, retry_s=0), 18))


@contextmanager
def behind_proxy(behaviour: Behaviour) -> Iterator[None]:
    """Calls of S3 go through a server that misbehaves."""
    endpoint = os.environ["AWS_ENDPOINT_URL_S3"]
    behaviour.upstream = endpoint
    with http_server(behaviour) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy)
        patch.setattr("shards.reading.sources.MAX_WAIT_S", 0.001)
        yield


@pytest.mark.parametrize("cached", [True, False])
def test_errors_and_cut_connections_of_s3_do_not_change_the_stream(
    s3_url: str, tmp_path: Path, cached: bool
) -> None:
    workspace = Workspace.open(f"{s3_url}/faults-{cached}", str(tmp_path / "scratch"))
    url = write_dataset(workspace, make_records(workspace, 6, 3, real_media=False), CONFIG)
    expected = content(ShardReader(url), 40)
    behaviour = Behaviour()
    numbers = iter(range(1_000_000))

    def fault(request: Request) -> tuple[str, int] | None:
        if request.method != "GET" or ".tar" not in request.path:
            return None
        return {0: ("status", 500), 2: ("cut", 700), 3: ("status", 503), 5: ("cut", 0)}.get(next(numbers) % 8)

    with behind_proxy(behaviour):
        cache = CacheConfig(max_bytes=1 << 30, ahead_shards=4) if cached else None
        # Storages are kept by their arguments, the proxy's address among them.
        with ShardReader(url, cache=cache) as reader:
            behaviour.fault = fault
            found = content(reader, 40)
    assert found == expected
    assert reader.num_substituted == 0
    tars = [request for request in behaviour.log if ".tar" in request.path]
    assert {request.status for request in tars} >= {206, 500}
    assert any("If-Match" in request.headers for request in tars) or cached


def test_an_object_that_is_replaced_in_mid_read_is_not_spliced(s3_url: str) -> None:
    storage, size = Storage(f"{s3_url}/replaced"), 500_000
    storage.write_bytes("a.tar", b"a" * size)
    behaviour = Behaviour()

    def fault(request: Request) -> tuple[str, int] | None:
        if len(behaviour.log) == 1:
            return "cut", 200_000
        if len(behaviour.log) == 2:
            storage.write_bytes("a.tar", b"b" * size)
        return None

    behaviour.fault = fault
    with behind_proxy(behaviour):
        memory, url = Memory(), f"{s3_url}/replaced/a.tar"
        transfer(open_source(url), url, 0, None, memory, Patience(60, 0.001, lambda error, wait_s: None))
    assert memory.whole() == b"b" * size
    assert [request.status for request in behaviour.log] == [200, 412, 200]
    assert (behaviour.log[1].range or "").startswith("bytes=200000-")


def test_messages_of_s3_hold_no_secret(s3_url: str) -> None:
    url = f"{s3_url}/none/a.tar"
    with pytest.raises(FileNotFoundError) as missing:
        open_source(url).size(url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        with pytest.raises(OSError, match="no connection") as refused:
            open_source(url).size(url)
    for error in (missing, refused):
        assert "testing" not in str(error.value)
        assert url in str(error.value)


def test_public_buckets_are_read_without_credentials(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Storage(f"{s3_url}/public").write_bytes("a.tar", b"x" * 100)
    behaviour = Behaviour()
    with behind_proxy(behaviour):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        url = f"{s3_url}/public/a.tar"
        with suppress(PermissionError):
            open_source(url).size(url)
    assert behaviour.log, "it was asked"
    assert not any("Authorization" in request.headers for request in behaviour.log)
