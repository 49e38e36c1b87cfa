"""Whatever a server says becomes an answer or a fault, never anything else."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.client.answers import Answer
from captioning.client.faults import MalformedReplyError, printable
from captioning.client.replies import chat_answer, model_names, queue_lengths, refusal, transcription

NAMES = [
    "choices",
    "message",
    "content",
    "usage",
    "prompt_tokens",
    "logprobs",
    "logprob",
    "text",
    "segments",
    "start",
    "end",
    "avg_logprob",
    "error",
    "data",
    "id",
    "finish_reason",
    "language",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


def _is_sane(answer: Answer) -> bool:
    answer.text.encode()
    numbers = [answer.mean_logprob, *(segment.start_s for segment in answer.heard)]
    return (
        isinstance(answer.text, str)
        and 0 <= answer.input_tokens < 1 << 62
        and 0 <= answer.output_tokens < 1 << 62
        and all(number is None or math.isfinite(number) for number in numbers)
        and all(0 <= segment.start_s <= segment.end_s for segment in answer.heard)
    )


@given(VALUES)
def test_any_json_is_an_answer_or_malformed(value: object) -> None:
    data = json.dumps(value).encode()
    for read in (chat_answer, transcription):
        try:
            assert _is_sane(read(data))
        except MalformedReplyError:
            continue
    assert isinstance(refusal(data), str)
    with contextlib.suppress(MalformedReplyError):
        assert all(isinstance(name, str) for name in model_names(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_malformed(data: bytes) -> None:
    for read in (chat_answer, transcription):
        with pytest.raises(MalformedReplyError):
            read(data)
    assert refusal(data)
    assert queue_lengths(data) is None


def test_a_chat_answer_is_read() -> None:
    logprobs = {"content": [{"logprob": -1.0}, {"logprob": -2.0}, {"logprob": math.nan}, "x"]}
    choice = {"message": {"content": "a dog"}, "finish_reason": "stop", "logprobs": logprobs}
    usage = {"prompt_tokens": 9, "completion_tokens": True}
    data = json.dumps({"choices": [choice], "usage": usage}).encode()
    assert chat_answer(data) == Answer("a dog", True, 9, 0, mean_logprob=-1.5)


@pytest.mark.parametrize("finish", ["length", "abort", "content_filter", None, 1])
def test_only_a_stop_is_complete(finish: object) -> None:
    choice = {"message": {"content": None}, "finish_reason": finish}
    assert chat_answer(json.dumps({"choices": [choice]}).encode()) == Answer("", False, 0, 0)


def test_times_that_run_backwards_are_mended() -> None:
    segments = [
        {"start": -1, "end": -2, "text": "a"},
        {"start": 3, "end": 2, "text": "b", "no_speech_prob": 0.4},
    ]
    heard = transcription(json.dumps({"text": "a b", "segments": segments}).encode()).heard
    assert [(piece.start_s, piece.end_s, piece.no_speech) for piece in heard] == [(0, 0, None), (3, 3, 0.4)]


def test_what_a_server_says_steers_no_terminal() -> None:
    page = json.dumps({"error": {"message": "no\x1b]0;title\x07\n\u202eway" + "x" * 5000}}).encode()
    said = refusal(page)
    assert said.startswith("no ]0;title way")
    assert len(said) <= 301
    assert printable("\x00\x9b") == ""
    assert refusal(b"") == "no reason given"
