"""What the page tells of how captions came to be: the kinds of fused captions, what they leave out, what the
checks dropped, speech in doubt, translations, and what the gates measured."""

from __future__ import annotations

import re
from dataclasses import replace

from captioning.gates.config import GatesConfig
from captioning.records import CaptionGate, DoubtReason, FusedCaption, FusionKind, Modality, Wording
from curation.base.rejects import Reason, Rejected
from pipelines.report.data import ClipView
from pipelines.report.render import render
from pipelines.report.spans import MAX_DROPPED
from pipelines.report.telling import GATES, SHORT, WHY
from tests.pipelines.report.made import Run, data_of
from tests.pipelines.report.page import Page


def cards(html: str) -> list[str]:
    """The HTML of each clip, in the order of the page."""
    return re.findall(r'<article class="clip".*?</article>', html, re.DOTALL)


def first(run: Run, kind: FusionKind) -> ClipView:
    """The first clip on the page whose fullest fused caption is of a kind."""
    return next(clip for clip in data_of(run).clips if clip.fused and clip.fused[0].kind is kind)


def test_the_fullest_fused_caption_is_open_and_the_others_are_folded(run: Run, html: str) -> None:
    for clip, card in zip(data_of(run).clips, cards(html), strict=True):
        folded = re.findall(r'<details class="also">.*?</details>', card, re.DOTALL)
        assert len(folded) == max(0, len(clip.fused) - 1)
        for view, fold in zip(clip.fused[1:], folded, strict=True):
            assert view.kind is FusionKind.V
            assert view.pieces[0].anchor in fold
        for view in clip.fused[:1]:
            assert all(view.pieces[0].anchor not in fold.split("<p", 1)[0] for fold in folded)
            assert f'id="{view.pieces[0].anchor}"' in card.split('<details class="also">')[0]


def test_lines_that_the_fullest_caption_leaves_out_are_dimmed_and_said_to_be(run: Run, html: str) -> None:
    clip = first(run, FusionKind.AVS)
    out = [line for line in clip.lines if line.left_out]
    assert [line.label for line in out] == ["V1"]
    card = cards(html)[clip.number - 1]
    (item,) = re.findall(rf'<li class="line unused" id="{out[0].anchor}">.*?</li>', card, re.DOTALL)
    assert "left out" in item
    told = next(line for line in clip.lines if line.label == "V2")
    assert f'<li class="line" id="{told.anchor}">' in card
    page = Page(card)
    assert "First draft supported 75 %, coverage 62 %; left out: V1." in page.text


def test_dropped_claims_are_struck_out_with_draft_and_problems(run: Run, html: str) -> None:
    clip = first(run, FusionKind.AVS)
    card = cards(html)[clip.number - 1]
    assert "<del><bdi>A red boat arrives in the harbour.</bdi></del>" in card
    text = Page(card).text
    assert "draft 1, support 12 % A red boat arrives in the harbour. V5V77?" in text
    assert "no line says red" in text
    assert "line V77 does not exist" in text
    assert "ritten by a model a second time, after claims of its first draft were dropped." in text
    num_dropped = sum(len(each.dropped) for each in run.records[FusedCaption])
    assert data_of(run).totals.dropped_claims == num_dropped
    assert f"The checks dropped {num_dropped} claims of drafts" in Page(html).text
    fused = run.records[FusedCaption]
    endless = [replace(each, dropped=each.dropped * 50) for each in fused]
    view = first(replace(run, records={**run.records, FusedCaption: endless}), FusionKind.AVS).fused[0]
    assert (len(view.dropped), view.hidden_dropped) == (MAX_DROPPED, 50 - MAX_DROPPED)


def test_speech_in_doubt_is_a_span_with_a_reason_and_no_text(run: Run, html: str) -> None:
    clip = data_of(run).clips[0]
    text = Page(cards(html)[0]).text
    assert [(doubt.start_s, doubt.end_s) for doubt in clip.uncertain] == [(0.2, 1.9)]
    assert "0.2–1.9 s the words repeat themselves (compression ratio 3.1, at most 2.4)" in text
    silent = first(run, FusionKind.V)
    assert not [line for line in silent.lines if line.modality is Modality.SPEECH]
    assert "says nothing Somebody seems to speak" in Page(cards(html)[silent.number - 1]).text


def test_translations_stand_beside_the_original(run: Run, html: str) -> None:
    clip = first(run, FusionKind.AVS)
    text = Page(cards(html)[clip.number - 1]).text
    assert "In fr, translated 0.4–1.5 s en français : what brings you to the land" in text
    assert "speech in fr" in text, "its provenance"
    assert [line.text for line in clip.lines if line.label == "S2"] == ["i am searching for someone"]


def test_gates_stand_beside_the_filters(run: Run, html: str) -> None:
    silent = first(run, FusionKind.V)
    assert [(score.label, score.passes) for score in silent.gates] == [("words", True), ("similarity", False)]
    text = Page(cards(html)[silent.number - 1]).text
    assert "gates words 27 similarity 0.11" in text
    ungated = replace(run, records={**run.records, CaptionGate: []})
    assert "gates" not in Page(cards(render(data_of(ungated)))[0]).text


def test_a_captioner_that_failed_is_told_apart_from_one_with_nothing_to_say(run: Run) -> None:
    clip = first(run, FusionKind.V)
    failed = Rejected(
        rejected_id=f"{clip.clip_id}:speech",
        parent_id=clip.clip_id,
        stage="caption_speech",
        reason=Reason.CAPTION_FAILED,
        detail="broke off <b>after</b> 512 tokens",
    )
    with_failure = replace(run, records={**run.records, Rejected: [*run.records[Rejected], failed]})
    data = data_of(with_failure)
    assert data.clips[clip.number - 1].fate_kind == clip.fate_kind
    text = Page(cards(render(data))[clip.number - 1]).text
    assert "Audio caption says nothing Speech caption caption failed: broke off <b>after</b> 512" in text


def test_how_the_texts_came_to_be_is_counted(run: Run) -> None:
    bars = next(each for each in data_of(run).bars if each.title == "How fused captions came to be")
    counts = {
        wording: sum(each.wording is wording for each in run.records[FusedCaption]) for wording in Wording
    }
    assert dict(bars.counts) == {SHORT[wording]: count for wording, count in counts.items()}
    assert bars.whole == len(run.records[FusedCaption])
    joined = [replace(each, wording=Wording.JOINED) for each in run.records[FusedCaption]]
    without = data_of(replace(run, records={**run.records, FusedCaption: joined})).bars
    assert bars.title not in {each.title for each in without}


def test_fused_captions_that_came_about_alike_share_a_row_of_provenance(run: Run) -> None:
    assert [origin.role for origin in first(run, FusionKind.AVS).origins] == [
        *("video", "audio", "speech", "speech in fr", "fusion AVS, V")
    ]


def test_every_value_has_its_words() -> None:
    assert set(SHORT) == set(Wording)
    assert set(WHY) == set(DoubtReason)
    gates = {name.removeprefix("least_").removeprefix("most_") for name in GatesConfig.model_fields}
    assert gates - {"languages"} | {"language"} == set(GATES)
