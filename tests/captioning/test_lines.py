"""A model's answer as lines of a caption: whatever comes back, lines are short, timed and safe, or none."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.client.answers import Answer
from captioning.lines import MAX_LINE_CHARS, MAX_LINES, UnusableAnswer, lines_of

DURATION_S = 8.0


def answer(text: str, *, complete: bool = True, mean_logprob: float | None = None) -> Answer:
    return Answer(text, complete, input_tokens=10, output_tokens=20, mean_logprob=mean_logprob)


def stated(*lines: object) -> Answer:
    return answer(json.dumps({"lines": lines}))


def line(text: object, start_s: object = 1.0, end_s: object = 2.0) -> dict[str, object]:
    return {"text": text, "start_s": start_s, "end_s": end_s}


def test_lines_come_in_order_of_time_with_the_probability_of_their_words() -> None:
    said = json.dumps({"lines": [line("A dog barks.", 5, 6), line("A man walks.", 0, 4)]})
    found = lines_of(answer(said, mean_logprob=math.log(0.8)), DURATION_S)
    assert [(each.text, each.start_s, each.end_s, each.confidence) for each in found] == [
        ("A man walks.", 0, 4, 0.8),
        ("A dog barks.", 5, 6, 0.8),
    ]


def test_a_server_without_probabilities_gives_even_confidence() -> None:
    assert lines_of(stated(line("A dog.")), DURATION_S)[0].confidence == 0.5


@pytest.mark.parametrize(
    "times",
    [(-1, 2), (0, 10**400), (3, 2), (9, 12), ("soon", "later"), (None, None), (True, False), (math.inf, 1)],
)
def test_times_that_make_no_sense_stand_for_the_whole_clip(times: tuple[object, object]) -> None:
    found = lines_of(stated(line("A dog.", *times)), DURATION_S)
    assert (found[0].start_s, found[0].end_s) == (0, DURATION_S)


def test_an_end_beyond_the_clip_is_the_clips_end() -> None:
    found = lines_of(stated(line("A dog.", 6, 99)), DURATION_S)
    assert (found[0].start_s, found[0].end_s) == (6, DURATION_S)


def test_free_text_is_taken_sentence_by_sentence() -> None:
    found = lines_of(answer("1. A man walks. A dog barks!\n- It rains"), DURATION_S)
    assert [each.text for each in found] == ["A man walks.", "A dog barks!", "It rains"]
    assert {(each.start_s, each.end_s) for each in found} == {(0, DURATION_S)}


def test_the_same_line_twice_is_one_line() -> None:
    assert len(lines_of(stated(line("A dog."), line("A  dog."), line("A dog.", 5, 6)), DURATION_S)) == 1


def test_no_line_is_no_caption_and_no_fault() -> None:
    assert lines_of(stated(), DURATION_S) == []
    assert lines_of(stated(line("..."), line("")), DURATION_S) == []


def test_control_characters_and_length_are_cut() -> None:
    found = lines_of(stated(line("A\x1b[31m red\ndog\u202e " + "x" * 999)), DURATION_S)
    assert found[0].text.startswith("A [31m red dog x")
    assert len(found[0].text) == MAX_LINE_CHARS


@pytest.mark.parametrize(
    "text",
    [
        '{"lines": [',
        "{}",
        '{"lines": 3}',
        '{"lines": [{"text": "x"}]}',
        "[1, 2]",
        '{"lines": "abc"}',
        "[" * 9999,
        "",
        " \n",
        "```json\n```",
        '{"lines": [{"text": ["x"], "start_s": 0, "end_s": 1}]}',
    ],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(UnusableAnswer):
        lines_of(answer(text), DURATION_S)


def test_control_characters_inside_of_strings_are_let_through() -> None:
    raw = '{"lines": [{"text": "A\ndog\tbarks.", "start_s": 0, "end_s": 1}]}'
    assert [each.text for each in lines_of(answer(raw), DURATION_S)] == ["A dog barks."]


@pytest.mark.parametrize(
    "around", ["```json\nANSWER\n```", "```\nANSWER```", "<think>a {\n\n</think>\nANSWER"]
)
def test_what_stands_around_an_answer_is_taken_off(around: str) -> None:
    told = around.replace("ANSWER", stated(line("A dog.")).text)
    assert [each.text for each in lines_of(answer(told), DURATION_S)] == ["A dog."]


def test_an_answer_that_broke_off_is_refused_whatever_it_says() -> None:
    whole = stated(line("A dog."))
    with pytest.raises(UnusableAnswer, match="max_tokens"):
        lines_of(answer(whole.text, complete=False), DURATION_S)


def test_an_endless_answer_is_refused() -> None:
    with pytest.raises(UnusableAnswer, match=str(MAX_LINES)):
        lines_of(stated(*(line(f"Dog {number}.") for number in range(MAX_LINES + 1))), DURATION_S)


@given(st.text(max_size=400))
def test_any_text_gives_safe_lines_or_is_refused(text: str) -> None:
    try:
        found = lines_of(answer(text), DURATION_S)
    except UnusableAnswer:
        return
    for each in found:
        assert 0 <= each.start_s <= each.end_s <= DURATION_S
        assert each.text == each.text.strip()
        assert "\n" not in each.text
        assert 0 < len(each.text) <= MAX_LINE_CHARS


@pytest.mark.parametrize(
    "wrapped",
    [
        "Sure! Here is the JSON:\n\n```json\n{}\n```\nAnything else?",
        "First {{a}} thought.</think>\n{}",
        "<think>{{</think>{}",
        "```\n{}\n```",
    ],
)
def test_words_and_thoughts_around_the_json_are_no_lines(wrapped: str) -> None:
    said = json.dumps({"lines": [line("A dog barks.", 5, 6)]})
    found = lines_of(answer(wrapped.replace("{{", "<").replace("}}", ">").replace("{}", said)), DURATION_S)
    assert [(each.text, each.start_s) for each in found] == [("A dog barks.", 5)]


@pytest.mark.parametrize(
    "scrap",
    [
        'Here it is:\n```json\n{"lines": [{"start_s": 0, "text": "A dog',
        '{"lines": [{"start_s": 0, "end_s": 1',
        "```json\nnothing\n```",
        "<think>I wonder.",
        "I'm sorry, but I can't help with that.",
        "As an AI model I see nothing.",
    ],
)
def test_scraps_of_json_thoughts_and_refusals_are_no_lines(scrap: str) -> None:
    with pytest.raises(UnusableAnswer):
        lines_of(answer(scrap), DURATION_S)


def test_chatter_around_plain_text_is_no_line() -> None:
    said = "Sure! Here is what I see:\n- A man walks.\n- Here a dog barks.\nLet me know if you need more."
    found = lines_of(answer(said), DURATION_S)
    assert [each.text for each in found] == ["A man walks.", "Here a dog barks."]


def test_an_answer_full_of_thoughts_is_read_at_once() -> None:
    assert [each.text for each in lines_of(answer("<think>" * 200_000 + "</think>A dog."), DURATION_S)] == [
        "A dog."
    ]
