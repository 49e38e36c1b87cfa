"""The report: its numbers, its links, what it refuses to run, and that it stays small."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from captioning.fusion import template
from captioning.records import Claim, FusedCaption
from captioning.speech import pocketsphinx
from curation.base.rejects import Reason, Rejected
from curation.base.storage import Storage
from curation.filters.config import FiltersConfig
from curation.records import Clip, DuplicateOf, Score
from pipelines.report.charts import bin_label, curve_chart, histogram_chart
from pipelines.report.choice import choose_clips
from pipelines.report.clip_views import ALIKE
from pipelines.report.counting import is_embedded, motion_levels
from pipelines.report.data import FilterLimits, ReportData, Training
from pipelines.report.distributions import histogram
from pipelines.report.filters import WORDS, passing
from pipelines.report.gather import gather
from pipelines.report.reasons import MEANING
from pipelines.report.render import PATH, render, write
from pipelines.report.run_records import CommittedRecords
from pipelines.report.spans import fused_view
from pipelines.report.wording import clock, duration, shown, size
from tests.engine import toy
from tests.engine.test_engine import Toy
from tests.pipelines.page import Page
from tests.pipelines.report_run import TRAINING, Run, made_up_run, with_text

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)' x='",
    "</style></script><script src=https://evil.example/x.js></script>",
    "{{ 7 * 7 }}{% raw %}<!-- --> ]]> &lt;b&gt; javascript:alert(1)",
)


def data_of(run: Run, **options: object) -> ReportData:
    return gather(run.facts, run, run.read_media, training=TRAINING, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run() -> Run:
    return made_up_run()


@pytest.fixture(scope="module")
def html(run: Run) -> str:
    return render(data_of(run))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


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


def test_filters_show_what_they_measured_and_turned_down(run: Run, page: Page) -> None:
    motion, blur = data_of(run).filters
    assert (motion.outside, blur.outside) == (0, 4)
    assert sum(each.count for each in blur.histogram.bins) == 24
    assert "Motion median" in page.text
    assert "measured only" in page.text
    assert "passes up to 8; 4 clips outside" in page.text
    assert page.text.count("blur 12.5") == 1 + 4, "in the detail of one reject, and on each of four cards"


def test_clips_that_filters_turned_down_are_shown_with_their_scores(run: Run, page: Page) -> None:
    shown_clips = data_of(run).turned_down
    failed = {score.clip_id for score in run.records[Score] if not score.passes}
    assert {clip.clip_id for clip in shown_clips} == failed
    for clip in shown_clips:
        assert clip.thumbnail is not None
        assert [(score.label, score.passes) for score in clip.scores] == [("motion", True), ("blur", False)]
    classes = [value for value in page.values("class") if value in ("passed", "failed")]
    assert (classes.count("failed"), classes.count("passed")) == (4, 4 + 20 * 2)
    assert "4 of 4. Marked scores lie outside their thresholds." in page.text
    kept = data_of(run).clips[0]
    assert [score.label for score in kept.scores] == ["motion", "blur"]
    assert all(score.passes for score in kept.scores)


def test_every_filter_has_its_words() -> None:
    assert list(WORDS) == list(FiltersConfig.model_fields)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (None, None, "measured only"),
        (0.5, None, "passes from 0.5"),
        (None, 3.0, "passes up to 3"),
        (0.5, 3.0, "passes from 0.5 to 3"),
    ],
)
def test_shades_lie_outside_the_thresholds(low: float | None, high: float | None, said: str) -> None:
    limits = FilterLimits(name="motion", min=low, max=high)
    found = histogram("t", "u", "clips", np.linspace(0, 4, 41))
    assert found is not None
    assert passing(limits) == said
    chart = histogram_chart(found, limits)
    assert len(chart.shades) == (low is not None) + (high is not None)
    turned_down = [
        any(shade.x <= mark.x + mark.width / 2 <= shade.x + shade.width for shade in chart.shades)
        for mark in chart.marks
    ]
    middles = [(each.low + each.high) / 2 for each in found.bins]
    assert turned_down == [not (low or 0) <= middle <= (high or 9) for middle in middles]
    assert histogram_chart(found, FilterLimits(name="motion", min=-1.0, max=9.0)).shades == ()


def test_what_is_not_done_yet_is_said(run: Run) -> None:
    unfinished = replace(run, records={**run.records, FusedCaption: run.records[FusedCaption][:10]})
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


def test_nothing_is_loaded_from_anywhere(html: str, page: Page) -> None:
    for name in ("src", "href", "srcset", "action", "data", "poster"):
        for value in page.values(name):
            assert re.match(r"#|data:image/jpeg;base64,|data:,$", value), value
    assert not re.search(r"@import|url\(", html)
    assert not {"iframe", "object", "embed", "base", "audio", "video"} & set(page.tags)


def test_policy_admits_only_the_own_style_and_script(page: Page) -> None:
    policy = next(
        attributes["content"] or ""
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    for kind in ("style", "script"):
        assert page.tags.count(kind) == 1
        digest = hashlib.sha256("".join(page.raw[kind]).encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not page.values("style")


def test_every_citation_leads_somewhere_and_back(run: Run, page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    links = [value[1:] for value in page.values("href") if value.startswith("#")]
    assert set(links) <= set(page.ids)
    cited = 0
    for clip in data_of(run).clips:
        anchors = {line.anchor: line for line in clip.lines}
        for view in clip.fused:
            for piece in view.pieces:
                for citation in piece.cited:
                    assert citation.anchor is not None
                    line = anchors[citation.anchor]
                    assert line.label == citation.label
                    assert (piece.anchor, piece.number) in line.cited_by
                    cited += 1
    records = [fused for fused in run.records[FusedCaption] for claim in fused.claims for _ in claim.lines]
    assert cited == len(records)


def test_the_fused_text_is_shown_whole(run: Run) -> None:
    texts = {fused.clip_id: fused.text for fused in run.records[FusedCaption]}
    shown_texts = {
        clip.clip_id: "".join(piece.text for piece in view.pieces)
        for clip in data_of(run).clips
        for view in clip.fused
    }
    assert shown_texts == texts


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


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_stays_text(run: Run, payload: str) -> None:
    """The page has the elements and attribute names of one with harmless text of the same length."""
    harmless = Page(render(data_of(with_text(run, "x" * len(payload)))))
    hostile = Page(render(data_of(with_text(run, payload))))
    assert hostile.tags == harmless.tags
    names = [sorted(attributes) for _, attributes in hostile.elements]
    assert names == [sorted(attributes) for _, attributes in harmless.elements]
    assert hostile.open == []
    assert " ".join(payload.split()) in hostile.text


def test_text_cannot_turn_the_direction_of_writing() -> None:
    assert shown("abc\u202edef\x00\n", 100) == "abc\ufffddef\ufffd "
    assert shown("a" * 50, 10) == "a" * 9 + "…"


def test_same_records_in_any_order_give_the_same_bytes(run: Run, html: str) -> None:
    shuffled = replace(run, records={cls: list(found) for cls, found in run.records.items()})
    for found in shuffled.records.values():
        random.Random(7).shuffle(found)
    assert render(data_of(shuffled)) == html


def test_a_large_run_makes_a_bounded_page() -> None:
    large = made_up_run(num_videos=30, clips_per_video=8, pictures=[np.zeros((36, 64, 3), np.uint8)])
    data = data_of(large, max_clips=40)
    assert len(data.clips) == 40
    assert "40 of 240 clips, spread over the sources by hash" in Page(render(data)).text
    assert len({clip.video_id for clip in data.clips}) == 30
    assert sum(each.count for each in data.histograms[0].bins) == 240
    assert len(data.turned_down) == 12
    assert "12 of 30, spread over the sources by hash" in Page(render(data)).text


def test_choice_gives_every_source_a_turn_and_knows_no_order() -> None:
    rows = [("v1", "c5"), ("v1", "c1"), ("v1", "c3"), ("v2", "c9"), ("v3", "c2"), ("v3", "c0")]
    table = pa.table({"video_id": [v for v, _ in rows], "clip_id": [c for _, c in rows]})
    assert choose_clips(table, 4) == ["c1", "c9", "c0", "c3"]
    assert choose_clips(table.take([5, 3, 1, 0, 4, 2]), 4) == ["c1", "c9", "c0", "c3"]
    assert choose_clips(table.slice(0, 0), 4) == []


def test_thumbnails_are_small_jpegs_in_order(run: Run) -> None:
    for clip in data_of(run).clips:
        assert len(clip.thumbnails) == 3
        times = [thumbnail.time_s for thumbnail in clip.thumbnails]
        assert times == sorted(times)
        for thumbnail in clip.thumbnails:
            jpeg = base64.b64decode(thumbnail.uri.removeprefix("data:image/jpeg;base64,"))
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert picture.shape[:2] == (thumbnail.height_px, thumbnail.width_px) == (135, 240)


def test_lost_and_damaged_frames_are_left_out(run: Run) -> None:
    clip = run.records[Clip][0]
    damaged = replace(run, media={**run.media, clip.frames[1].media.path: b"no jpeg"})
    view = next(each for each in data_of(damaged).clips if each.clip_id == clip.clip_id)
    assert len(view.thumbnails) == 2

    def gone(ref: object) -> bytes:
        raise FileNotFoundError(str(ref))

    assert "no frames to show" in Page(render(gather(run.facts, run, gone))).text


def test_an_empty_run_has_a_report() -> None:
    empty = Run()
    text = Page(render(gather(empty.facts, empty, empty.read_media))).text
    assert "Of 0 files" in text
    assert "There are no clips." in text
    assert "Nothing was rejected." in text


def test_embedded_captioners_are_named_as_such(run: Run, page: Page) -> None:
    assert "Embedded captioners measure; they do not describe." in page.text
    served = Page(render(data_of(with_text(run, "Qwen/Qwen3-Omni"))))
    assert "Embedded captioners measure" not in served.text
    assert is_embedded(template.MODEL)
    assert is_embedded(pocketsphinx.MODEL)


def test_motion_is_read_from_the_words_of_the_measured_captioner(run: Run) -> None:
    motion = next(bars for bars in data_of(run).bars if bars.title.startswith("Motion"))
    assert dict(motion.counts) == dict.fromkeys(motion_levels().values(), 0) | {"moderate (from 3 %)": 20}


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 3), (4, 7)], [("abc", 1), ("d", 0), ("efg", 2), ("hij", 0)]),
        ([(4, 7), (0, 5)], [("abcde", 1), ("fg", 2), ("hij", 0)]),
        ([(-5, 2), (8, 99)], [("ab", 1), ("cdefgh", 0), ("ij", 2)]),
        ([(0, 10), (2, 4)], [("abcdefghij", 1), ("", 2)]),
        ([(7, 3)], [("abcdefg", 0), ("", 1), ("hij", 0)]),
    ],
)
def test_claims_anywhere_leave_the_text_whole(
    run: Run, spans: list[tuple[int, int]], expected: list[tuple[str, int]]
) -> None:
    claims = tuple(Claim(start_char=start, end_char=end, lines=("V1",), support=()) for start, end in spans)
    fused = replace(run.records[FusedCaption][0], text="abcdefghij", claims=claims)
    pieces = fused_view(fused, "p", {"V1": "l"}).pieces
    assert [(piece.text, piece.number) for piece in pieces] == expected


def test_a_citation_of_no_line_is_marked(run: Run) -> None:
    first = run.records[FusedCaption][0]
    claim = Claim(start_char=0, end_char=6, lines=("V99",), support=())
    broken = replace(run, records={**run.records, FusedCaption: [replace(first, claims=(claim,))]})
    assert "V99?" in Page(render(data_of(broken))).text


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("spread", ["one", "same", "even", "tail"])
def test_histograms_lose_no_value(spread: str, whole: bool) -> None:
    values = {
        "one": np.array([4.0]),
        "same": np.full(30, 7.0),
        "even": np.arange(100, dtype=np.float64),
        "tail": np.concatenate([np.arange(500) % 9, [4000.0, 9000.0]]),
    }[spread]
    found = histogram("t", "seconds", "clips", values, whole=whole)
    assert found is not None
    assert sum(each.count for each in found.bins) == len(values)
    assert len(found.bins) <= 17
    for each, after in zip(found.bins, found.bins[1:], strict=False):
        assert each.high == after.low
        assert each.count == np.sum((values >= each.low) & (values < each.high))
    assert found.bins[-1].open_ended == (spread == "tail")
    chart = histogram_chart(found)
    assert all(mark.height >= 0 and mark.x + mark.width <= chart.frame.width for mark in chart.marks)


def test_bins_are_named() -> None:
    found = histogram("t", "claims", "clips", np.array([1.0, 2.0, 2.0]), whole=True)
    assert found is not None
    assert [bin_label(each) for each in found.bins] == ["1", "2"]
    found = histogram("t", "seconds", "clips", np.array([1.0, 9.5, 10.0]))
    assert found is not None
    assert [bin_label(each) for each in found.bins][:2] == ["1 to 2", "2 to 3"]
    assert histogram("t", "claims", "clips", np.zeros(0)) is None


def test_loss_curve_keeps_spikes_and_counts_what_is_no_number() -> None:
    losses = [(step, 1.0) for step in range(5000)]
    losses[1234] = (1234, 9.0)
    losses[50] = (50, float("nan"))
    chart = curve_chart(Training(losses=tuple(losses), samples_per_s=1.0))
    points = [tuple(map(float, point.split(","))) for point in chart.raw.split()]
    assert len(points) <= 402
    assert chart.dropped == 1
    assert min(y for _, y in points) < chart.frame.plot_height / 3
    assert curve_chart(Training(losses=(), samples_per_s=0.0)).raw == ""


def test_words_for_numbers() -> None:
    assert [duration(s) for s in (0.42, 42, 59.7, 200, 7500, 360_000)] == [
        "0.4 s", "42 s", "1 min", "3 min 20 s", "2 h 5 min", "100 h",
    ]  # fmt: skip
    assert [clock(s) for s in (7.44, 59.96, 3727.4)] == ["0:07.4", "1:00.0", "1:02:07.4"]
    assert [size(n) for n in (812, 1200, 35_400_000)] == ["812 bytes", "1.2 kB", "35 MB"]


def test_page_is_written_to_the_run(run: Run, tmp_path: Path) -> None:
    data = data_of(run)
    url = write(data, Storage(str(tmp_path / "run")))
    assert url == str(tmp_path / "run" / PATH)
    assert Path(url).read_text(encoding="utf-8") == render(data)


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
