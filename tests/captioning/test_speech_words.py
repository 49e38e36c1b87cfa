"""Words of all scripts: counted, joined, and spread over speech."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.records import Span
from captioning.speech.heard import Word
from captioning.speech.words import fitted, joined, num_words, spread, tokens


def spans(*edges: tuple[float, float]) -> list[Span]:
    return [Span(start_s=start_s, end_s=end_s) for start_s, end_s in edges]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("— … !", 0),
        ("Ask not what your country can do for you.", 9),
        ("it's a well-known fact, isn't it?", 6),
        ("今天天气很好。", 4),
        ("ありがとうございました", 11 / 3),
        ("ขอบคุณ", 5 / 3),
        ("hello 世界, again", 2 + 2 / 1.5),
    ],
)
def test_words_are_counted_with_and_without_spaces(text: str, count: float) -> None:
    assert num_words(text) == pytest.approx(count)


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (["Ask", "not,", "why?"], "Ask not, why?"),
        (["今", "天", "好,", "我", "去。"], "今天好,我去。"),
        (["今", "天", ",", "我"], "今天,我"),
        (["我", "用", "Python", "写"], "我用 Python 写"),
        (["a", "-", "b"], "a - b"),
        ([], ""),
    ],
)
def test_words_are_joined_as_their_script_is_written(texts: list[str], line: str) -> None:
    assert joined(texts) == line


def test_text_is_spread_over_speech_by_length() -> None:
    speech = spans((1.0, 2.0), (5.0, 7.0))
    words = spread("abc def ghijkl", 0.0, 10.0, speech, 0.4)
    assert [(word.text, word.start_s, word.end_s) for word in words] == [
        ("abc", 1.0, 1.75),
        ("def", pytest.approx(5.0), pytest.approx(5.5)),
        ("ghijkl", pytest.approx(5.5), 7.0),
    ]
    assert {word.confidence for word in words} == {0.4}
    [first, second] = spread("ab cd", 0.0, 10.0, spans((1, 2), (5, 6)), 0.4)
    assert (first.end_s, second.start_s) == (2.0, 5.0), "no word begins in the pause before it"
    [alone] = spread("oh", 3.0, 4.0, speech, 0.4)
    assert (alone.start_s, alone.end_s) == (3.0, 4.0), "without speech it has the whole stretch"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(alphabet="ab今วあ,.", min_size=1, max_size=5), max_size=8),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 3)), max_size=4),
    st.floats(0, 5),
    st.floats(0.1, 10),
)
def test_spread_words_stay_in_order_and_within(
    texts: list[str], lengths: list[tuple[float, float]], start_s: float, length_s: float
) -> None:
    text, at, speech = " ".join(texts), 0.0, []
    for pause_s, spoken_s in lengths:
        speech.append(Span(start_s=at + pause_s, end_s=at + pause_s + spoken_s))
        at += pause_s + spoken_s
    words = spread(text, start_s, start_s + length_s, speech, 0.5)
    assert [word.text for word in words] == tokens(text)
    edges = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    assert all(start_s <= edge <= start_s + length_s + 1e-9 for edge in edges)


def test_a_word_that_alignment_stretched_keeps_its_speech() -> None:
    speech = spans((0.0, 1.0), (3.0, 4.0))
    stretched, short, lost = (
        Word(start_s, end_s, "word", 0.5) for start_s, end_s in ((0.7, 3.1), (0.9, 1.2), (1.1, 2.9))
    )
    assert fitted([stretched, short, lost], speech) == [Word(0.7, 1.0, "word", 0.5), short, lost]
    assert fitted([stretched], []) == [stretched]
