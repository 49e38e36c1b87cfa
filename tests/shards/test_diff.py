"""What differs between two datasets is said sample by sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from curation.base.workspace import Workspace
from shards.reading.diff import Change, diff
from shards.writing.assembly.layout import Packing
from shards.writing.repack import RepackConfig, repack
from shards.writing.select import SelectConfig
from tests.shards.dataset import Records, make_records, write_dataset

CONFIG = SelectConfig(samples_per_shard=4)


@pytest.fixture
def records(workspace: Workspace) -> Records:
    return make_records(workspace, 4, 3)


@pytest.fixture
def url(workspace: Workspace, records: Records) -> str:
    return write_dataset(workspace, records, CONFIG)


@pytest.fixture
def other(tmp_path: Path) -> Workspace:
    return Workspace.open(str(tmp_path / "other"), str(tmp_path / "other-scratch"))


def test_equal(url: str, tmp_path: Path) -> None:
    same = diff(url, url)
    assert same.equal
    assert same.only_a_shards == same.only_b_shards == 0
    out = str(tmp_path / "out")
    repack([url], out, tmp_path / "scratch", RepackConfig(packing=Packing(5, 1 << 30, 1)))
    packed = diff(url, out)
    assert packed.equal
    assert (packed.same, packed.shared_shards) == (12, 0)


def test_added_removed_and_another_text(url: str, records: Records, other: Workspace) -> None:
    again = make_records(other, 5, 3)
    first, second = again.clips[0].clip_id, again.clips[1].clip_id
    changed = again.with_text(first, "Another text.")
    changed = replace(changed, fused=[one for one in changed.fused if one.clip_id != second])
    found = diff(url, write_dataset(other, changed, CONFIG))
    assert not found.equal
    assert found.counts == {"added": 3, "removed": 1, "metadata": 1}
    assert Change(first, "metadata", "in train") in found.changes
    assert Change(second, "removed", "from train") in found.changes
    assert found.same == 10


def test_moves_between_splits_and_other_media(url: str, records: Records, other: Workspace) -> None:
    config = SelectConfig(splits={"val": 1.0}, samples_per_shard=4)
    moved = diff(url, write_dataset(other, make_records(other, 4, 3), config))
    assert moved.counts == {"split": 12}
    assert moved.changes[0].detail == "from train to val"


def test_other_media(url: str, other: Workspace) -> None:
    changed = make_records(other, 4, 3, real_media=False)
    found = diff(url, write_dataset(other, changed, CONFIG))
    assert found.counts == {"media and metadata": 12}


def test_both_ways(url: str, other: Workspace) -> None:
    more = write_dataset(other, make_records(other, 5, 3), CONFIG)
    assert diff(url, more).counts == {"added": 3}
    assert diff(more, url).counts == {"removed": 3}
