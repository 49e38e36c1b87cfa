"""Servers that fail: nothing is lost, nothing is answered twice, and asking ends."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.scripted_server import (
    MODEL,
    Act,
    Asked,
    Hang,
    HangUp,
    Raw,
    Say,
    ScriptedServer,
    Status,
    echo,
)
from captioning.client.answers import Answer, Refused
from captioning.client.breaker import FAULTS_TO_OPEN
from captioning.client.limit import FIRST
from captioning.client.requests import Model, Sound, TranscriptionRequest
from captioning.client.responses import Responses
from curation.base.stages import Retry
from curation.base.storage import Storage
from tests.captioning.client.talk import client_of, expected, question, questions, texts

FAULTS: dict[str, Act] = {
    "500": Status(500),
    "502": Status(502),
    "503": Status(503),
    "503 with Retry-After": Status(503, {"Retry-After": "1"}),
    "429": Status(429),
    "429 with a senseless Retry-After": Status(429, {"Retry-After": "-1e99 fortnights"}),
    "408": Status(408),
    "hung up": HangUp(),
    "half-closed in mid-body": Raw(b'{"choices": [{"message": {"content": "hal', sent=20),
    "no body": Raw(b""),
    "malformed": Raw(b"<html>Bad gateway</html>"),
    "truncated": Raw(b'{"choices": [{"message": {"content": "hal'),
    "not an object": Raw(b"[]"),
    "no choices": Raw(b'{"choices": []}'),
    "a number for a text": Raw(b'{"choices": [{"message": {"content": 7}, "finish_reason": "stop"}]}'),
    "lists in lists": Raw(b"[" * 200_000),
    "digits": Raw(b'{"choices": ' + b"9" * 10_000 + b"}"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_is_overcome(name: str) -> None:
    def script(asked: Asked) -> Act:
        return FAULTS[name] if asked.times_before == 0 and asked.texts[0] in ("q1", "q3") else echo(asked)

    with ScriptedServer(script) as server, client_of(server.url) as client:
        assert texts(client.ask(questions(5), "u")) == expected(5)
        assert set(server.answered.values()) == {1}
        assert server.asked.total() == 7


ALWAYS: dict[str, tuple[Act, int]] = {
    "500": (Status(500, message="list index out of range"), 500),
    "hung up": (HangUp(), 502),
    "malformed": (Raw(b"{"), 502),
    "hangs": (Hang(), 504),
}


@pytest.mark.parametrize("how", ALWAYS)
def test_a_request_that_always_fails_is_refused_where_others_are_answered(how: str) -> None:
    act, status = ALWAYS[how]

    def script(asked: Asked) -> Act:
        return act if asked.texts[0] == "q3" else echo(asked)

    with (
        ScriptedServer(script) as server,
        client_of(server.url, max_tries=3, timeout_s=0.3 if how == "hangs" else 30.0) as client,
    ):
        answers = list(client.ask(questions(6), "u"))
        assert texts(iter(answers)) == [*expected(3), f"refused {status}", *expected(2, 4)]
        assert isinstance(answers[3], Refused)
        assert "it failed 3 times where other requests are answered, at last with" in answers[3].detail
        # Five that were answered, the one that was not, and one to see whether the server works.
        assert sorted(server.asked.values()) == [1, 1, 1, 1, 1, 1, 3]


def test_a_request_that_always_fails_is_refused_when_it_is_all_that_is_left() -> None:
    def script(asked: Asked) -> Act:
        spoiled = asked.body["bytes"] == "4" if "bytes" in asked.body else asked.texts == ["q0"]
        return Status(500) if spoiled else echo(asked)

    sound = TranscriptionRequest(Model(MODEL, "1"), Sound(b"RIFF", "wav"))
    for request in (question("q0"), sound):
        with ScriptedServer(script) as server, client_of(server.url, max_tries=2) as client:
            assert texts(client.ask([request], "u")) == ["refused 500"]


def test_many_requests_that_always_fail_end_without_patience_running_out() -> None:
    def script(asked: Asked) -> Act:
        return echo(asked) if asked.texts[0] in ("Hello", "q0") else Status(500)

    with ScriptedServer(script) as server, client_of(server.url, patience_s=6.0) as client:
        assert texts(client.ask(questions(16), "u")) == ["answer to q0", *["refused 500"] * 15]


def test_a_server_that_only_greets_leaves_the_unit_pending() -> None:
    def script(asked: Asked) -> Act:
        return echo(asked) if asked.texts == ["Hello"] else Status(500)

    with (
        ScriptedServer(script) as server,
        client_of(server.url, patience_s=6.0, max_tries=2) as client,
        pytest.raises(Retry, match="failed 2 times"),
    ):
        list(client.ask(questions(3), "u"))


def test_a_server_that_fails_at_everything_refuses_nothing(tmp_path: Path) -> None:
    responses = Responses(Storage(str(tmp_path)))
    failing = True

    def script(asked: Asked) -> Act:
        return Status(500) if failing and asked.texts[0] not in ("q0", "q1") else echo(asked)

    with (
        ScriptedServer(script) as server,
        client_of(server.url, responses=responses, max_tries=2, patience_s=2.0) as client,
    ):
        with pytest.raises(Retry, match=r"failed 2 times|no answer from a model server"):
            list(client.ask(questions(6), "u"))
        failing = False
        assert texts(client.ask(questions(6), "u")) == expected(6)
        assert set(server.answered.values()) == {1}


def test_a_server_that_fails_at_everything_beside_one_that_works_costs_nobody_an_answer() -> None:
    with (
        ScriptedServer(lambda _: Status(500)) as broken,
        ScriptedServer(latency_s=0.05, places=4) as good,
        client_of(broken.url, good.url, max_tries=1, max_in_flight=4) as client,
    ):
        assert texts(client.ask(questions(60), "u")) == expected(60)
        assert broken.asked.total() > 0


def test_tries_add_up_over_the_unit_where_nothing_is_sent_again() -> None:
    def script(asked: Asked) -> Act:
        return Status(500) if asked.texts[0] == "q1" else echo(asked)

    with ScriptedServer(script) as server, client_of(server.url, retry_share=0.0, max_tries=3) as client:
        for _ in range(2):
            with pytest.raises(Retry, match="may not be sent again"):
                list(client.ask(questions(2), "u"))
        assert texts(client.ask(questions(2), "u")) == ["answer to q0", "refused 500"]


def test_a_server_that_hangs_is_left_after_the_timeout() -> None:
    def script(asked: Asked) -> Act:
        return Hang() if asked.texts[0] == "q1" and asked.times_before == 0 else echo(asked)

    with ScriptedServer(script) as server, client_of(server.url, timeout_s=1.0) as client:
        assert texts(client.ask(questions(3), "u")) == expected(3)
        assert server.asked.total() == 4


def test_a_pause_that_the_server_asks_for_is_kept() -> None:
    times = []

    def script(asked: Asked) -> Act:
        times.append(time.monotonic())
        return Status(503, {"Retry-After": "1"}) if asked.times_before == 0 else echo(asked)

    with ScriptedServer(script) as server, client_of(server.url) as client:
        assert texts(client.ask(questions(1), "u")) == expected(1)
    assert times[1] - times[0] >= 1.0


def test_a_server_that_pushes_back_gets_less_and_everything_is_answered() -> None:
    with (
        ScriptedServer(latency_s=0.02, places=4, queue=4, metrics=False) as server,
        client_of(server.url, max_in_flight=64) as client,
    ):
        assert texts(client.ask(questions(120), "u")) == expected(120)
        assert set(server.answered.values()) == {1}
        assert client.traffic.resent > 0


def test_a_server_that_only_pushes_back_is_given_up_after_the_patience() -> None:
    with (
        ScriptedServer(lambda _: Status(503)) as server,
        client_of(server.url, patience_s=1.0) as client,
        pytest.raises(Retry, match=r"no answer .* 503"),
    ):
        list(client.ask(questions(3), "u"))


def test_a_crowd_of_retries_ends() -> None:
    """Every first try fails: what is sent again is bounded by the share, beyond the first window of them."""

    def script(asked: Asked) -> Act:
        return Status(500) if asked.times_before == 0 else echo(asked)

    with (
        ScriptedServer(script) as server,
        client_of(server.url, max_in_flight=2, retry_share=0.5) as client,
    ):
        began = time.monotonic()
        assert texts(client.ask(questions(16), "u")) == expected(16)
        # 16 retries: 2 of the full bucket, 8 earned, and 5 a second.
        assert time.monotonic() - began > 1.0
        assert server.asked.total() == 32


def test_without_a_share_nothing_is_sent_again() -> None:
    with (
        ScriptedServer(lambda _: Status(500)) as server,
        client_of(server.url, retry_share=0.0) as client,
        pytest.raises(Retry, match="may not be sent again"),
    ):
        list(client.ask(questions(1), "u"))
    assert server.asked.total() == 1


def test_an_answer_cut_short_is_told_from_a_whole_one() -> None:
    acts = {
        "q0": Say("", finish="stop"),
        "q1": Say('{"caption": "a d', finish="length"),
        "q2": Say("ok", "abort"),
    }
    with ScriptedServer(lambda asked: acts[asked.texts[0]]) as server, client_of(server.url) as client:
        answers = list(client.ask(questions(3), "u"))
    assert [(answer.text, answer.complete) for answer in answers] == [
        ("", True), ('{"caption": "a d', False), ("ok", False),
    ]  # fmt: skip


def test_an_answer_of_ten_megabytes_is_refused_and_not_read_to_its_end() -> None:
    def script(asked: Asked) -> Act:
        return Say("x" * (10 << 20)) if asked.texts == ["q1"] else echo(asked)

    with ScriptedServer(script) as server, client_of(server.url) as client:
        first, second, third = client.ask(questions(3), "u")
        assert second == Refused(200, "the answer is longer than 8 MiB")
        assert texts(iter([first, third])) == ["answer to q0", "answer to q2"]
        assert server.asked.total() == 3


def test_words_that_no_file_could_hold_are_mended() -> None:
    raw = Raw(b'{"choices": [{"message": {"content": "a\\ud800b\\u0000c"}, "finish_reason": "stop"}]}')
    with ScriptedServer(lambda _: raw) as server, client_of(server.url) as client:
        [answer] = client.ask([question("q")], "u")
    assert answer == Answer("a?b\x00c", True, 0, 0)


@pytest.mark.parametrize("how", ["away at first", "away for a while"])
def test_a_server_that_is_gone_for_a_while_loses_nothing(how: str) -> None:
    with ScriptedServer(latency_s=0.05) as server, client_of(server.url, max_in_flight=16) as client:
        if how == "away at first":
            back = server.vanish_for(2.0)
        else:
            later = threading.Timer(0.3, lambda: server.vanish_for(2.0))
            later.start()
        began = time.monotonic()
        with ThreadPoolExecutor(4) as threads:
            units = list(
                threads.map(lambda unit: texts(client.ask(questions(80, 100 * unit), f"u{unit}")), range(4))
            )
        assert units == [expected(80, 100 * unit) for unit in range(4)]
        assert time.monotonic() - began > 2.0
        # The server answers before it is killed, and then no more: nobody was asked again who had an answer.
        assert set(server.answered.values()) == {1}
        if how == "away at first":
            back.result(5)
        else:
            later.join()


def test_a_server_that_stays_away_is_given_up_and_found_again(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        with client_of(server.url, patience_s=2.0, responses=Responses(Storage(str(tmp_path)))) as client:
            answers = client.ask(questions(400), "u")
            assert texts(next(answers) for _ in range(50)) == expected(50)
            server.vanish()
            with pytest.raises(Retry, match="no answer from a model server"):
                list(answers)
            began = time.monotonic()
            with pytest.raises(Retry, match="no answer from a model server"):
                list(client.ask(questions(10, 1000), "v"))
            assert 2.0 <= time.monotonic() - began < 10
            server.come_back()
            assert texts(client.ask(questions(400), "u")) == expected(400)
        assert set(server.answered.values()) == {1}


def test_work_of_a_replica_that_dies_is_done_by_the_other() -> None:
    with (
        ScriptedServer(latency_s=0.03) as one,
        ScriptedServer(latency_s=0.03) as other,
        client_of(one.url, other.url, max_in_flight=8) as client,
    ):
        answers = client.ask(questions(150), "u")
        first = [next(answers) for _ in range(30)]
        one.vanish()
        assert texts(iter([*first, *answers])) == expected(150)
        assert set((one.answered + other.answered).values()) == {1}


def test_a_server_that_fails_is_left_alone_until_it_is_healthy() -> None:
    broken = True

    def script(asked: Asked) -> Act:
        return Status(500) if broken else echo(asked)

    with ScriptedServer(script) as server, client_of(server.url, max_tries=20) as client:
        server.healthy = False
        found: list[list[str]] = []
        thread = threading.Thread(target=lambda: found.append(texts(client.ask(questions(40), "u"))))
        thread.start()
        time.sleep(2.0)
        sent = server.asked.total()
        assert sent < FIRST + FAULTS_TO_OPEN
        broken, server.healthy = False, True
        thread.join(30)
        assert found == [expected(40)]


@pytest.mark.parametrize("seed", [1, 2])
def test_no_answer_is_lost_or_doubled_among_all_faults_at_once(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    lock = threading.Lock()

    def script(asked: Asked) -> Act:
        with lock:
            return rng.choice(list(FAULTS.values())) if rng.random() < 0.15 else echo(asked)

    def unit(number: int) -> list[str]:
        while True:
            try:
                return texts(client.ask(questions(20, 100 * number), f"u{number}"))
            except Retry:
                continue

    responses = Responses(Storage(str(tmp_path)))
    with (
        ScriptedServer(script, latency_s=0.01) as one,
        ScriptedServer(script, latency_s=0.01) as other,
        client_of(one.url, other.url, responses=responses) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        assert list(threads.map(unit, range(10))) == [expected(20, 100 * number) for number in range(10)]
        answered = one.answered + other.answered
        assert len(answered) == 200
        assert set(answered.values()) == {1}
