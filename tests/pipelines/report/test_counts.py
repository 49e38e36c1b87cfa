"""What the report counts, and what became of each record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from captioning.fusion import template
from captioning.records import FusedCaption
from captioning.speech import pocketsphinx
from curation.base.rejects import Reason, Rejected
from curation.records import Clip, DuplicateOf
from pipelines.report.clip_views import ALIKE
from pipelines.report.counting import is_embedded, motion_levels
from pipelines.report.reasons import MEANING
from pipelines.report.render import render
from pipelines.report.run_records import CommittedRecords
from tests.engine import toy
from tests.engine.test_engine import Toy
from tests.pipelines.report.made import Run, data_of, with_text
from tests.pipelines.report.page import Page


def test_counts_are_those_of_the_records(run: Run, page: Page) -> None:
    totals = data_of(run).totals
    assert (totals.files, totals.videos, totals.shots, totals.planned) == (7, 4, 28, 24)
    assert (totals.cut, totals.clips) == (24, 20)
    assert (totals.captioned, totals.fused, totals.samples, totals.shards) == (20, 16, 12, 2)
    assert (totals.rejected, totals.duplicates) == (15, 4)
    assert totals.clip_s == pytest.approx(sum(clip.duration_s for clip in run.records[Clip]))
    claims = [claim for fused in run.records[FusedCaption] for claim in fused.claims]
    uncited = [claim for claim in claims if not claim.lines]
    assert (totals.claims, totals.uncited_claims) == (len(claims), len(uncited))
    for sentence in (
        "Of 7 files, 4 were readable videos",
        "12 samples (56 s) lie in 2 shards of 8.4 MB together.",
        "They hold 28 shots that gave 24 clips; 20 of them (1 min 30 s) passed the filters,",
        "15 records were rejected, each with its reason.",
        f"{len(uncited)} of {len(claims)} claims in the fused captions cite no source line.",
        "20 of 20 clips.",
    ):
        assert sentence in page.text


def test_funnel_accounts_for_every_loss(run: Run) -> None:
    steps = {step.name: step for step in data_of(run).funnel}
    before = steps["Files found"].count
    lost = [(loss.why, loss.count) for loss in steps["Readable videos"].losses]
    assert lost == [("not media", 2), ("empty file", 1)]
    assert before - steps["Readable videos"].count == sum(count for _, count in lost)
    assert [(loss.why, loss.count) for loss in steps["Fused clips"].losses] == [("fusion failed", 4)]
    assert [(loss.why, loss.count) for loss in steps["Samples in shards"].losses] == [("duplicate clip", 4)]
    assert steps["Shots"].per == "7.0 per video"
    assert [(loss.why, loss.count) for loss in steps["Clips planned"].losses] == [("too short", 4)]
    assert steps["Clips cut"].losses == ()
    assert [(loss.why, loss.count) for loss in steps["Clips kept"].losses] == [("filtered", 4)]


def test_what_is_not_done_yet_is_said(run: Run) -> None:
    done = sorted({each.clip_id for each in run.records[FusedCaption]})[:10]
    fused = [each for each in run.records[FusedCaption] if each.clip_id in done]
    unfinished = replace(run, records={**run.records, FusedCaption: fused})
    steps = {step.name: step for step in data_of(unfinished).funnel}
    assert [(loss.why, loss.count) for loss in steps["Fused clips"].losses] == [
        ("fusion failed", 4),
        ("not done yet", 6),
    ]


def test_rejects_are_listed_with_meaning_and_an_example(run: Run, page: Page) -> None:
    groups = data_of(run).rejects
    assert [(group.reason, group.stage, group.count) for group in groups] == [
        ("filtered", "admit", 4),
        ("fusion failed", "fuse", 4),
        ("too short", "stitch", 4),
        ("not media", "probe", 2),
        ("empty file", "probe", 1),
    ]
    for group in groups:
        assert group.meaning in page.text
        assert group.example in page.text
    assert groups[3].example_id == "bad1"
    assert set(MEANING) == set(Reason)


def test_every_fate_is_told(run: Run) -> None:
    fates = {clip.clip_id: clip.fate_kind for clip in data_of(run).clips}
    assert sorted(fates.values()) == ["duplicate"] * 4 + ["packed"] * 12 + ["rejected"] * 4
    rejected = {reject.rejected_id for reject in run.records[Rejected] if reject.stage == "fuse"}
    assert {clip for clip, fate in fates.items() if fate == "rejected"} == rejected


def test_duplicates_are_told_apart_by_kind(run: Run, page: Page) -> None:
    duplicates = next(bars for bars in data_of(run).bars if bars.title == "Duplicates")
    assert duplicates.counts == (("has the same bytes", 1), ("looks the same", 3))
    for duplicate in run.records[DuplicateOf]:
        assert f"{ALIKE[duplicate.kind]} as clip {duplicate.duplicate_of}" in page.text


def test_motion_is_read_from_the_words_of_the_measured_captioner(run: Run) -> None:
    motion = next(bars for bars in data_of(run).bars if bars.title.startswith("Motion"))
    assert dict(motion.counts) == dict.fromkeys(motion_levels().values(), 0) | {"moderate (from 3 %)": 20}


def test_embedded_captioners_are_named_as_such(run: Run, page: Page) -> None:
    assert "Embedded captioners measure; they do not describe." in page.text
    served = Page(render(data_of(with_text(run, "Qwen/Qwen3-Omni"))))
    assert "Embedded captioners measure" not in served.text
    assert is_embedded(template.MODEL)
    assert is_embedded(pocketsphinx.MODEL)


def test_only_committed_records_count(tmp_path: Path) -> None:
    files = Toy(tmp_path)
    files.write("a.txt", " one \n two ")
    files.write("b.txt", "BAD")
    files.run()
    files.run(strip=True)
    records = CommittedRecords(files.view(strip=True))
    lines = [
        line for batch in records.batches(toy.Line, ["line"]) for line in batch.column("line").to_pylist()
    ]
    assert sorted(lines) == ["one", "two"]
    assert [line.line for line in records.where(toy.Line, "line", ["two", "three"])] == ["two"]
    assert records.where(toy.Line, "line", []) == []
    assert [each.reason for each in records.where(Rejected, "stage", ["read"])] == [Reason.NOT_MEDIA]
    assert records.outputs()["split"] is toy.Line
    assert list(records.batches(Clip, ["clip_id"])) == []
