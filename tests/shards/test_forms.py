"""Clips with several forms: each form is a member of its own, for our reader and for others."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from curation.base.workspace import Workspace
from curation.records import Form
from shards.format import is_member_type
from shards.reading.manifest import open_shards
from shards.reading.reader import ShardReader
from shards.reading.verify import verify
from shards.reading.verify_sample import Fault
from tests.shards.dataset import Records, encoded, make_records, write_dataset


def with_forms(workspace: Workspace, records: Records, sha256: str | None = None) -> Records:
    """The same clips, each with a copy from its second keyframe on."""
    clips = []
    with workspace.media.new_tar("cut") as tar:
        for clip in records.clips:
            media = tar.add(f"{clip.clip_id}.whole.mp4", "whole", encoded("red")[0])
            form = Form(
                name="whole", mode="keyframe", start_pts=clip.start_pts, end_pts=clip.end_pts, width_px=64,
                height_px=48, frame_times_s=clip.frame_times_s, keyframes=(0, 5),
                media=replace(media, sha256=sha256 or media.sha256),
            )  # fmt: skip
            clips.append(replace(clip, other_forms=(form,)))
    return replace(records, clips=clips)


@pytest.fixture
def url(workspace: Workspace) -> str:
    return write_dataset(workspace, with_forms(workspace, make_records(workspace, 2, 2)))


def test_further_forms_are_members_by_name(url: str) -> None:
    samples = [sample for sample, _ in islice(ShardReader(url), 4)]
    for sample in samples:
        assert {"json", "mp4", "whole.mp4"} <= set(sample.members)
        assert sample.members["whole.mp4"] == encoded("red")[0]
    assert verify(url).problems == ()


def test_webdataset_reads_them(url: str) -> None:
    import webdataset

    for shard in open_shards(url).shards:
        for sample in webdataset.WebDataset(f"{url}/{shard.path}", shardshuffle=False):
            assert sample["whole.mp4"] == encoded("red")[0]
            assert sample["mp4"]


def test_a_form_that_the_metadata_do_not_know_is_found(url: str, tmp_path: Path) -> None:
    shard = next(iter(open_shards(url).shards))
    path = Path(url, shard.path)
    path.write_bytes(path.read_bytes().replace(b".whole.mp4", b".other.mp4"))
    faults = {problem.fault for problem in verify(url).problems}
    assert Fault.BAD_METADATA in faults or Fault.BAD_TAR in faults


@pytest.mark.parametrize(
    ("extension", "allowed"),
    [("mp4", True), ("small.mp4", True), ("a_1.mp4", True), ("small.pkl", False), ("pyd", False),
     ("a.b.mp4", False), ("1.mp4", False), (f"{'a' * 17}.mp4", False), ("small.mp4.pkl", False)],
)  # fmt: skip
def test_which_members_are_read(extension: str, allowed: bool) -> None:
    assert is_member_type(extension) is allowed
