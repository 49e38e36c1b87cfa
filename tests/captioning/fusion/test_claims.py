"""The rules that claims of a fused text keep, and the builder that keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.fusion.claims import ClaimBuilder, ClaimError, check_claims
from captioning.records import (
    Claim,
    Modality,
    SourceLine,
    SupportScore,
)

SOURCES = tuple(
    SourceLine(line=name, modality=modality, start_s=0.0, end_s=1.0, text="x", confidence=1.0)
    for name, modality in (("V1", Modality.VIDEO), ("V2", Modality.VIDEO), ("A1", Modality.AUDIO))
)


def claim(start_char: int, end_char: int, lines: tuple[str, ...] = ("V1",), **support: float) -> Claim:
    scores = support or {"video": 1.0}
    return Claim(
        start_char=start_char,
        end_char=end_char,
        lines=lines,
        support=tuple(SupportScore(modality=Modality(name), score=score) for name, score in scores.items()),
    )


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ([], "no claim covers"),
        ([claim(0, 4)], "no claim covers"),
        ([claim(5, 9)], "no claim covers"),
        ([claim(0, 5), claim(5, 9)], "white space"),
        ([claim(0, 4), claim(4, 9)], "white space"),
        ([claim(0, 6), claim(5, 9)], "out of order"),
        ([claim(5, 9), claim(0, 4)], "no claim covers"),
        ([claim(0, 4), claim(5, 10)], "outside the text"),
        ([claim(-2, 9)], "out of order"),
        ([claim(0, 0), claim(0, 9)], "empty"),
        ([claim(0, 9, ())], "cites no source line"),
        ([claim(0, 9, ("V3",))], "cites V3; there are V1, V2, A1"),
        ([claim(0, 9, ("V1", "V1"))], "twice"),
        ([claim(0, 9, ("V1", "A1"))], "supported by video"),
        ([claim(0, 9, ("V1",), video=1.0, audio=0.5)], "supported by video, audio"),
        ([claim(0, 9, video=1.5)], "outside 0..1"),
        ([claim(0, 9, video=float("nan"))], "outside 0..1"),
    ],
)
def test_what_breaks_the_rules_is_refused_by_name(claims: list[Claim], message: str) -> None:
    with pytest.raises(ClaimError, match=message):
        check_claims("red. car.", claims, SOURCES)


def test_what_keeps_the_rules_passes() -> None:
    check_claims("red. car.", [claim(0, 4), claim(5, 9, ("V2", "A1"), video=0.5, audio=0.0)], SOURCES)
    check_claims("", [], SOURCES)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=60), st.lists(st.sampled_from(["V1", "V2", "A1"]), min_size=1, unique=True)
        ),
        max_size=8,
    )
)
def test_the_builder_builds_what_holds_or_refuses(sentences: list[tuple[str, list[str]]]) -> None:
    modalities = {line.line: line.modality for line in SOURCES}
    builder = ClaimBuilder(SOURCES)
    for sentence, lines in sentences:
        builder.add(sentence, lines, {modalities[line]: 0.5 for line in lines})
    if any(not sentence.strip() for sentence, _ in sentences):
        with pytest.raises(ClaimError, match="empty"):
            builder.build()
        return
    built = builder.build()
    parts = [built.text[claim.start_char : claim.end_char] for claim in built.claims]
    assert parts == [" ".join(sentence.split()) for sentence, _ in sentences]
    assert built.text == " ".join(parts)
    assert [list(claim.lines) for claim in built.claims] == [lines for _, lines in sentences]
