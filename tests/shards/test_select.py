"""Selection: splits, generations, and that what was packed is left alone."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict

import pytest
from pydantic import ValidationError

from captioning.records import FusedCaption
from curation.base.rejects import Reason
from curation.base.workspace import Workspace
from curation.filters.config import FiltersConfig
from curation.records import DuplicateOf, NamedScore
from shards.records import Sample
from shards.writing.gated import BestConfig
from shards.writing.select import SelectConfig
from tests.shards.dataset import Records, make_records, select

THREE = SelectConfig(splits={"train": 0.6, "val": 0.2, "test": 0.2}, samples_per_shard=4)


@pytest.fixture
def records(workspace: Workspace) -> Records:
    return make_records(workspace, 12, 3, real_media=False)


def placement(samples: list[Sample]) -> dict[str, tuple[str, int]]:
    return {sample.clip_id: (sample.shard_id, sample.position) for sample in samples}


def generations(samples: list[Sample]) -> set[str]:
    return {sample.generation for sample in samples}


def duplicate(records: Records, clip: int, of: int) -> DuplicateOf:
    return DuplicateOf(
        clip_id=records.clips[clip].clip_id, duplicate_of=records.clips[of].clip_id, kind="exact"
    )


def test_every_clip_is_a_sample_or_a_reject(workspace: Workspace, records: Records) -> None:
    silent, blank = records.clips[5].clip_id, records.clips[6].clip_id
    records.fused = [one for one in records.with_text(blank, "  ").fused if one.clip_id != silent]
    records.duplicates = [duplicate(records, 1, of=0)]
    samples, rejects = select(workspace, records)
    assert {r.parent_id: r.reason for r in rejects} == {
        silent: Reason.NO_CAPTION,
        blank: Reason.NO_CAPTION,
        records.clips[1].clip_id: Reason.DUPLICATE_CLIP,
    }
    assert len(samples) == len(records.clips) - 3
    assert {p for s in samples for p in s.parent_ids} | {r.parent_id for r in rejects} == {
        clip.clip_id for clip in records.clips
    }


def test_what_a_gate_turned_down_is_rejected_with_its_score(workspace: Workspace, records: Records) -> None:
    clip = records.clips[2].clip_id
    samples, rejects = select(workspace, records.with_gate(clip, 0.125, "similarity"))
    assert [(each.parent_id, each.reason) for each in rejects] == [(clip, Reason.FILTERED)]
    assert "captioning.gates: similarity = 0.125" in rejects[0].detail
    assert len(samples) == len(records.clips) - 1


def test_a_copy_that_passes_the_gates_stands_in_for_one_that_does_not(
    workspace: Workspace, records: Records
) -> None:
    original, *copies = (records.clips[number].clip_id for number in (0, 1, 2))
    copy, other = sorted(copies)
    records.duplicates = [duplicate(records, 1, of=0), duplicate(records, 2, of=0)]
    samples, rejects = select(workspace, records.with_gate(original, 0.125, "similarity"))
    assert copy in {sample.clip_id for sample in samples}
    assert {each.parent_id: each.reason for each in rejects} == {
        original: Reason.DUPLICATE_CLIP,
        other: Reason.DUPLICATE_CLIP,
    }
    assert all(f"the content of clip {copy}" in each.detail for each in rejects)


def test_the_best_are_chosen_among_those_that_pass(workspace: Workspace, records: Records) -> None:
    ids = [clip.clip_id for clip in records.clips]
    for number, clip_id in enumerate(ids):
        records = records.with_gate(clip_id, number / 100, *(["words"] if number == 35 else []))
    records.gates[35] = dataclasses.replace(
        records.gates[35], scores=(*records.gates[35].scores, NamedScore(filter="words", value=1.0))
    )
    records.duplicates = [duplicate(records, 34, of=0)]
    samples, rejects = select(workspace, records, SelectConfig(best=BestConfig(count=5)))
    assert sorted(sample.clip_id for sample in samples) == sorted(ids[29:34])
    reasons = {each.parent_id: each.reason for each in rejects}
    assert (reasons[ids[35]], reasons[ids[34]]) == (Reason.FILTERED, Reason.DUPLICATE_CLIP)
    assert {reasons[clip_id] for clip_id in ids[:29]} == {Reason.NOT_CHOSEN}
    [detail] = [each.detail for each in rejects if each.parent_id == ids[28]]
    assert "by similarity (0.28) it is number 6, and 5 are kept" in detail


def test_a_score_that_clips_do_not_have_is_named(workspace: Workspace, records: Records) -> None:
    with pytest.raises(ValueError, match=r"by = aesthetics, but clip .* there are: similarity"):
        select(workspace, records, SelectConfig(best=BestConfig(by="aesthetics", count=1)))


def test_equal_scores_go_by_the_ids_of_clips(workspace: Workspace, records: Records) -> None:
    samples, _ = select(workspace, records, SelectConfig(best=BestConfig(count=4)))
    assert sorted(sample.clip_id for sample in samples) == sorted(clip.clip_id for clip in records.clips)[:4]


def test_gates_scores_stand_in_the_metadata(workspace: Workspace, records: Records) -> None:
    samples, _ = select(workspace, records.with_gate(records.clips[0].clip_id, 0.75))
    [sample] = [each for each in samples if each.clip_id == records.clips[0].clip_id]
    assert json.loads(sample.metadata)["scores"]["similarity"] == 0.75


def test_order_of_input_does_not_matter(workspace: Workspace, records: Records) -> None:
    samples, _ = select(workspace, records, THREE)
    turned = Records(*(list(reversed(getattr(records, f.name))) for f in dataclasses.fields(records)))
    assert select(workspace, turned, THREE)[0] == samples


def test_shards_keep_to_the_limits_and_positions_are_dense(workspace: Workspace, records: Records) -> None:
    samples, _ = select(workspace, records, THREE)
    by_shard: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_shard[sample.shard_id].append(sample)
    for shard in by_shard.values():
        shard.sort(key=lambda sample: sample.position)
        assert len(shard) <= THREE.samples_per_shard
        assert [sample.position for sample in shard] == list(range(len(shard)))
        later = [sample.clip_id for sample in shard[5:]]
        assert later == sorted(later)
    by_bytes, _ = select(workspace, records, SelectConfig(shard_bytes=20_000))
    assert len({sample.shard_id for sample in by_bytes}) > 4


def test_no_source_and_no_duplicate_crosses_splits(workspace: Workspace, records: Records) -> None:
    # A chain: each source shares a clip with the next but one.
    records.duplicates = [duplicate(records, clip, of=clip - 6) for clip in range(6, len(records.clips), 3)]
    split_of = {}
    for sample in select(workspace, records, THREE)[0]:
        video = json.loads(sample.metadata)["source"]["video_id"]
        assert split_of.setdefault(video, sample.split) == sample.split
    chains = [
        {split_of[records.sources[n].video_id] for n in range(start, len(records.sources), 2)}
        for start in (0, 1)
    ]
    assert [len(chain) for chain in chains] == [1, 1]


def test_split_sizes_follow_the_fractions(workspace: Workspace) -> None:
    records = make_records(workspace, 400, 1, real_media=False)
    samples, _ = select(workspace, records, THREE)
    train = sum(sample.split == "train" for sample in samples)
    assert 200 < train < 280


def test_new_clips_leave_old_shards_alone(workspace: Workspace, records: Records) -> None:
    old, _ = select(workspace, records, THREE)
    more = make_records(workspace, 5, 3, first_video=12, real_media=False)
    both = _join(records, more)
    new, _ = select(workspace, both, THREE, previous=old)
    before, after = placement(old), placement(new)
    assert {clip: after[clip] for clip in before} == before
    assert len(generations(new)) == 2
    # And a third time, nothing being new, nothing changes.
    assert select(workspace, both, THREE, previous=new)[0] == new


def test_a_late_duplicate_does_not_move_a_source_between_splits(
    workspace: Workspace, records: Records
) -> None:
    old, _ = select(workspace, records, THREE)
    more = make_records(workspace, 30, 2, first_video=12, real_media=False)
    both = _join(records, more)
    # Each new source repeats a clip of an old one, some of them with smaller ids.
    both.duplicates = [
        duplicate(both, len(records.clips) + 2 * n, of=3 * (n % 12)) for n in range(len(more.sources))
    ]
    new, _ = select(workspace, both, THREE, previous=old)
    before, after = placement(old), placement(new)
    assert {clip: after[clip] for clip in before} == before


def test_a_new_copy_never_takes_the_place_of_a_packed_clip(workspace: Workspace, records: Records) -> None:
    first = Records(*(list(getattr(records, field.name)) for field in dataclasses.fields(records)))
    new, old = records.clips[0], records.clips[1]
    for name in ("clips", "captions", "fused"):
        kept = [one for one in getattr(records, name) if one.clip_id != new.clip_id]
        setattr(first, name, kept)
    before, _ = select(workspace, first)
    # Dedup names the new clip, whose id happens to be the smaller one.
    records.duplicates = [duplicate(records, 1, of=0)]
    after, rejects = select(workspace, records, previous=before)
    assert {r.parent_id for r in rejects} == {new.clip_id}
    assert old.clip_id in {sample.clip_id for sample in after}
    assert placement(before) == placement(after)


def test_two_old_clusters_that_become_one_end_in_one_split(workspace: Workspace, records: Records) -> None:
    old, _ = select(workspace, records, THREE)
    first = old[0]
    other = next(sample for sample in old if sample.split != first.split)
    records.duplicates = [DuplicateOf(clip_id=first.clip_id, duplicate_of=other.clip_id, kind="near")]
    new, rejects = select(workspace, records, THREE, previous=old)
    assert [reject.reason for reject in rejects] == [Reason.DUPLICATE_CLIP]
    videos = {json.loads(s.metadata)["source"]["video_id"] for s in (first, other)}
    assert len({s.split for s in new if json.loads(s.metadata)["source"]["video_id"] in videos}) == 1


def test_one_changed_caption_makes_a_new_generation_and_going_back_finds_the_old(
    workspace: Workspace, records: Records
) -> None:
    old, _ = select(workspace, records, THREE)
    changed = records.with_text(records.clips[3].clip_id, "Something else.")
    new, _ = select(workspace, changed, THREE, previous=old)
    assert len(new) == len(old)
    assert not generations(new) & generations(old)
    back, _ = select(workspace, records, THREE, previous=new)
    assert back == old


def test_a_change_in_one_generation_leaves_the_others(workspace: Workspace, records: Records) -> None:
    old, _ = select(workspace, records, THREE)
    both = _join(records, make_records(workspace, 4, 3, first_video=12, real_media=False))
    two, _ = select(workspace, both, THREE, previous=old)
    changed = both.with_text(both.clips[-1].clip_id, "Something else.")
    after, _ = select(workspace, changed, THREE, previous=two)
    assert generations(old) < generations(after)
    assert len(generations(after) | generations(two)) == 3


def test_a_packing_option_packs_everything_again(workspace: Workspace, records: Records) -> None:
    old, _ = select(workspace, records, THREE)
    smaller = THREE.model_copy(update={"samples_per_shard": 2})
    new, _ = select(workspace, records, smaller, previous=old)
    assert not generations(new) & generations(old)
    assert new == select(workspace, records, smaller)[0]


def test_other_provenance_of_the_same_texts_repacks_nothing(workspace: Workspace, records: Records) -> None:
    old, _ = select(workspace, records, THREE)
    assert select(workspace, records.with_code_version("9.9"), THREE, previous=old)[0] == old
    fresh, _ = select(workspace, records.with_code_version("9.9"), THREE)
    assert not generations(fresh) & generations(old)


def test_media_that_moved_are_found_at_their_new_place(workspace: Workspace, records: Records) -> None:
    old, _ = select(workspace, records, THREE)
    moved = make_records(workspace, 12, 3, real_media=False)
    new, _ = select(workspace, moved, THREE, previous=old)
    assert placement(new) == placement(old)
    assert {m.media.path for s in new for m in s.members} == {moved.clips[0].video.path}


def test_metadata_says_everything_and_nothing_of_this_machine(workspace: Workspace, records: Records) -> None:
    short = dataclasses.replace(records.fused[0], kind="V", text="A short one.", claims=())
    records.fused.insert(
        0, FusedCaption(**{f.name: getattr(short, f.name) for f in dataclasses.fields(short)})
    )
    measured = (NamedScore(filter="motion", value=1.5), NamedScore(filter="audio_silence", value=0.0))
    clip = records.clips[0] = dataclasses.replace(records.clips[0], scores=measured)
    sample = next(s for s in select(workspace, records)[0] if s.clip_id == clip.clip_id)
    assert sample.metadata.startswith('{"audio":null,"captions":{"audio":{"confidence":0.9')
    assert "Ein schöner Tag" in sample.metadata
    assert "/" not in sample.metadata.replace("1/10", "")
    found = json.loads(sample.metadata)
    assert [fused["kind"] for fused in found["fused"]] == ["AVS", "V"]
    assert found["fused"][0]["claims"][0]["support"] == [{"modality": "video", "score": 0.75}]
    captions = {"video": 0.9, "audio": 0.9, "speech": 0.9, "support": 0.75}
    assert found["scores"] == {"motion": 1.5, "audio_silence": 0.0, "similarity": 0.5, **captions}
    assert not captions.keys() & FiltersConfig.model_fields.keys(), "no filter may hide one of these"
    assert found["fused"][0]["provenance"]["model"] == "measured"
    assert found["source"]["licence"] == "CC-BY-4.0"
    assert sample.caption_chars == len(found["fused"][0]["text"])


def test_nothing_in_nothing_out(workspace: Workspace) -> None:
    assert select(workspace, Records()) == ([], [])


@pytest.mark.parametrize(
    "splits", [{"train": 0.5}, {"Train": 1.0}, {"train": 1.5, "val": -0.5}, {"a/b": 1.0}, {}]
)
def test_splits_that_make_no_sense_are_refused(splits: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SelectConfig(splits=splits)


def _join(a: Records, b: Records) -> Records:
    return Records(*(getattr(a, f.name) + getattr(b, f.name) for f in dataclasses.fields(Records)))
