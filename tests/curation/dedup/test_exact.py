"""Exact duplicates: who stands for whom, now and in later runs."""

from __future__ import annotations

import time

import pyarrow as pa

from curation.base.media_store import MediaRef
from curation.base.records import arrow_schema, to_arrow
from curation.base.workspace import Workspace
from curation.dedup.config import ExactDedupConfig
from curation.dedup.stage import ExactDedup
from curation.records import Clip, DuplicateOf
from tests.curation.dedup.clips import a_clip
from tests.curation.dedup.tables import Tables, former


def _clip(clip_id: str, sha256: str) -> Clip:
    return a_clip(clip_id, video=MediaRef(form="mp4", sha256=sha256, size_bytes=1, path="p", offset=0))


def _clips(**hashes: str) -> pa.Table:
    return to_arrow(Clip, [_clip(clip_id, sha256) for clip_id, sha256 in sorted(hashes.items())])


def _duplicates(
    workspace: Workspace,
    clips: pa.Table,
    previous: pa.Table | None = None,
    places: list[int] | None = None,
) -> dict[str, str]:
    found = list(ExactDedup(ExactDedupConfig(), workspace)(Tables(previous, places, clips=clips)))
    assert all(isinstance(item, DuplicateOf) and item.kind == "exact" for item in found)
    assert [item.clip_id for item in found] == sorted(item.clip_id for item in found)
    return {item.clip_id: item.duplicate_of for item in found}


def _previous(**duplicates: str) -> pa.Table:
    return former(duplicates)


def test_the_smallest_id_stands_for_its_copies(workspace: Workspace) -> None:
    clips = _clips(a="x", b="y", c="x", d="z", e="x", f="z")
    assert _duplicates(workspace, clips) == {"c": "a", "e": "a", "f": "d"}


def test_clips_that_all_differ_have_no_duplicates(workspace: Workspace) -> None:
    assert _duplicates(workspace, _clips(a="x", b="y")) == {}
    assert _duplicates(workspace, arrow_schema(Clip).empty_table()) == {}


def test_the_oldest_stands_for_its_copies(workspace: Workspace) -> None:
    clips = _clips(a="x", b="x", c="x", d="y", e="y")
    assert _duplicates(workspace, clips, places=[2, 1, 1, 0, 0]) == {"a": "b", "c": "b", "e": "d"}


def test_who_stood_before_outranks_the_oldest(workspace: Workspace) -> None:
    clips = _clips(a="x", b="x", c="x")
    assert _duplicates(workspace, clips, _previous(b="a"), [1, 0, 0]) == {"b": "a", "c": "a"}


def test_who_stood_before_keeps_standing(workspace: Workspace) -> None:
    clips = _clips(a="x", c="x", d="x", e="y", f="y")
    assert _duplicates(workspace, clips, _previous(d="c")) == {"a": "c", "d": "c", "f": "e"}


def test_a_former_representative_that_is_gone_is_replaced(workspace: Workspace) -> None:
    assert _duplicates(workspace, _clips(b="x", d="x"), _previous(d="c", b="c")) == {"d": "b"}


def test_of_two_former_representatives_the_smaller_stands(workspace: Workspace) -> None:
    clips = _clips(a="x", b="x", c="x", d="x", e="x")
    assert _duplicates(workspace, clips, _previous(d="c", e="b")) == {"a": "b", "c": "b", "d": "b", "e": "b"}


def test_an_empty_former_result_changes_nothing(workspace: Workspace) -> None:
    previous = arrow_schema(DuplicateOf).empty_table()
    assert _duplicates(workspace, _clips(a="x", b="x"), previous) == {"b": "a"}


def test_a_million_clips_are_handled_as_columns(workspace: Workspace) -> None:
    count = 1_000_000
    ids = pa.array([f"{number:032x}" for number in range(count)])
    hashes = pa.array([f"{number // 2 if number < 2000 else number:064x}" for number in range(count)])
    video = pa.StructArray.from_arrays([hashes], names=["sha256"])
    clips = pa.table({"clip_id": ids, "video": video})
    started = time.process_time()
    duplicates = _duplicates(workspace, clips)
    assert len(duplicates) == 1000
    assert duplicates[f"{1:032x}"] == f"{0:032x}"
    assert time.process_time() - started < 20
