"""Fused captions with their claims, and the links between claims and lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from captioning.records import Claim, FusedCaption
from pipelines.report.data import Citing
from pipelines.report.render import render
from pipelines.report.spans import fused_view
from tests.pipelines.report.made import Run, data_of
from tests.pipelines.report.page import Page


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
                    assert Citing(piece.anchor, piece.number, view.kind) in line.cited_by
                    cited += 1
    records = [fused for fused in run.records[FusedCaption] for claim in fused.claims for _ in claim.lines]
    assert cited == len(records)


def test_the_fused_text_is_shown_whole(run: Run) -> None:
    texts = {(fused.clip_id, fused.kind): fused.text for fused in run.records[FusedCaption]}
    shown_texts = {
        (clip.clip_id, view.kind): "".join(piece.text for piece in view.pieces)
        for clip in data_of(run).clips
        for view in clip.fused
    }
    assert shown_texts == texts


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
