"""Packing media that lie elsewhere: through a scratch file, to the same bytes as from a disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from curation.base.stages import Retry
from curation.base.workspace import Workspace
from shards.records import ShardFile
from tests.shards.dataset import make_records, pack, select


def packed(workspace: Workspace) -> list[ShardFile]:
    samples, _ = select(workspace, make_records(workspace, 4, 3))
    return pack(workspace, samples)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Workspace:
    fsspec.filesystem("memory").store.clear()
    return Workspace.open("memory://run", str(tmp_path / "scratch"))


def test_the_same_shards_from_a_disk_and_from_elsewhere(workspace: Workspace, elsewhere: Workspace) -> None:
    here, there = packed(workspace), packed(elsewhere)
    assert [file.sha256 for file in here] == [file.sha256 for file in there]
    assert [file.index_sha256 for file in here] == [file.index_sha256 for file in there]
    for file in there:
        path = f"shards/{file.path}"
        assert elsewhere.storage.read_bytes(path) == workspace.storage.read_bytes(path)


@pytest.mark.parametrize("place", ["disk", "elsewhere"])
def test_media_that_changed_are_not_packed(place: str, workspace: Workspace, elsewhere: Workspace) -> None:
    there = replace(workspace, media=elsewhere.media) if place == "elsewhere" else workspace
    samples, _ = select(there, make_records(there, 4, 3))
    storage = there.media.storage
    (media,) = storage.list("media")
    data = bytearray(storage.read_bytes(media))
    data[samples[5].members[0].media.offset + 100] ^= 1
    storage.write_bytes(media, bytes(data))
    with pytest.raises(Retry, match="sha256 of"):
        pack(there, samples)
    assert workspace.storage.list("shards") == []
