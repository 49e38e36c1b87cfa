"""A dataset on S3, written and read, with a real S3 API on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from curation.base.storage import Storage
from curation.base.workspace import Workspace
from shards.reading import ShardReader
from shards.reading.manifest import open_shards
from shards.reading.verify import verify
from shards.writing.select import SelectConfig
from tests.s3 import s3_server
from tests.shards.dataset import make_records, write_dataset

CONFIG = SelectConfig(samples_per_shard=6)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server("shards") as bucket:
        yield bucket


def test_s3_gives_the_same_bytes_and_stream_as_a_disk(
    s3_url: str, workspace: Workspace, tmp_path: Path
) -> None:
    local = write_dataset(workspace, make_records(workspace, 6, 3), CONFIG)
    remote_workspace = Workspace.open(f"{s3_url}/one", str(tmp_path / "scratch"))
    remote = write_dataset(remote_workspace, make_records(remote_workspace, 6, 3), CONFIG)
    assert open_shards(remote).version == open_shards(local).version
    assert verify(remote).ok
    here, there = ShardReader(local), ShardReader(remote)
    assert list(islice(there, 40)) == list(islice(here, 40))
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
    stream = ShardReader(url, max_damaged_fraction=0.5, retries=0)
    assert all(len(sample.members) > 1 for sample, _ in islice(stream, 18))
    assert 0 < stream.num_substituted <= 6
    storage.remove(path)
    with pytest.raises(FileNotFoundError):
        list(islice(ShardReader(url, retries=0), 18))
