"""Asking a server that works: order, bodies, laziness, many threads, keys and mistakes of the user."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from benchmarks.scripted_server import MODEL, Act, Asked, Raw, Say, ScriptedServer, Status, echo
from captioning.client.answers import Answer, Heard, Refused
from captioning.client.client import Client
from captioning.client.config import UrlsConfig
from captioning.client.faults import ServerConfigError
from captioning.client.limit import FIRST
from captioning.client.requests import (
    ChatRequest,
    Model,
    Picture,
    SamplingConfig,
    Sound,
    Text,
    TranscriptionRequest,
)
from tests.captioning.client.talk import client_of, expected, question, questions, texts

NAMED = Model(MODEL, "1")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(latency_s=0.01) as server:
        yield server


def test_answers_come_in_the_order_of_requests_whatever_the_server_does() -> None:
    lock, count = threading.Lock(), 0

    def some_are_late(asked: Asked) -> Say:
        nonlocal count
        with lock:
            count += 1
        server.latency_s = 0.15 if count % 7 == 0 else 0.0
        return Say(f"answer to {asked.texts[-1]}")

    with ScriptedServer(some_are_late) as server, client_of(server.url) as client:
        assert texts(client.ask(questions(150), "u")) == expected(150)
        assert max(server.answered.values()) == 1


def test_a_chat_body_holds_media_as_bytes(server: ScriptedServer) -> None:
    jpeg, wav = bytes(range(256)) * 400, b"RIFF" + bytes(99_999)
    schema = {"type": "object", "properties": {"caption": {"type": "string", "maxLength": 200}}}
    sampling = SamplingConfig(temperature=0.5, top_p=0.9, max_tokens=77, seed=5)
    parts = (Text('say "what" \u2028 you\nsee'), Picture(jpeg), Sound(wav, "wav"), Text("and hear"))
    request = ChatRequest(NAMED, parts, sampling, system="You are brief.", schema=schema)
    with client_of(server.url) as client:
        [answer] = client.ask([request], "u")
    assert answer == Answer("answer to and hear", True, 7, 4, mean_logprob=-0.25)
    body = server.last.body
    assert body["messages"][0] == {"role": "system", "content": "You are brief."}
    first, picture, sound, last = body["messages"][1]["content"]
    assert (first["text"], last["text"]) == (parts[0].text, "and hear")
    head, data = picture["image_url"]["url"].split(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == jpeg
    assert sound["input_audio"]["format"] == "wav"
    assert base64.b64decode(sound["input_audio"]["data"]) == wav
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": schema},
    }
    settings = {
        name: body[name] for name in ("model", "temperature", "top_p", "max_tokens", "seed", "stream")
    }
    assert settings == {
        "model": MODEL, "temperature": 0.5, "top_p": 0.9, "max_tokens": 77, "seed": 5, "stream": False,
    }  # fmt: skip


def test_words_alone_are_a_string_as_all_chat_templates_take_it(server: ScriptedServer) -> None:
    with client_of(server.url) as client:
        list(client.ask([question("hello")], "u"))
    assert server.last.body["messages"] == [{"role": "user", "content": "hello"}]
    assert "response_format" not in server.last.body


def test_a_transcription_is_a_form_with_a_file(server: ScriptedServer) -> None:
    sound = Sound(bytes(200_000), "flac")
    with client_of(server.url) as client:
        [answer] = client.ask([TranscriptionRequest(NAMED, sound, "en", 0.2)], "u")
        list(client.ask([TranscriptionRequest(NAMED, sound)], "u"))
    said = answer.text
    assert answer == Answer(said, True, 0, 0, language="en", heard=(Heard(0.0, 1.0, said, -0.1, None),))
    assert server.last.body == {
        "model": MODEL,
        "response_format": "verbose_json",
        "timestamp_granularities[]": "segment",
        "temperature": "0.0",
        "filename": "sound.flac",
        "bytes": "200000",
    }


def test_requests_are_drawn_only_as_they_can_be_sent() -> None:
    drawn = 0

    def watched() -> Iterator[ChatRequest]:
        nonlocal drawn
        for request in questions(500):
            drawn += 1
            yield request

    with ScriptedServer(latency_s=0.01) as server, client_of(server.url, max_in_flight=8) as client:
        answers = client.ask(watched(), "u")
        most = 0
        for number, _ in enumerate(answers):
            most = max(most, drawn - number)
        assert number == 499
        assert server.most_running <= 8
    # Those in flight, a few ahead, and those that were answered before the oldest.
    assert most <= 40


def test_an_endless_source_may_be_left_at_any_time(server: ScriptedServer) -> None:
    def endless() -> Iterator[ChatRequest]:
        number = 0
        while True:
            number += 1
            yield question(f"q{number}")

    with client_of(server.url) as client:
        for _ in range(5):
            answers = client.ask(endless(), "u")
            next(answers)
            answers.close()
        assert texts(client.ask(questions(20), "u")) == expected(20)


def test_an_error_of_the_source_passes_through(server: ScriptedServer) -> None:
    def broken() -> Iterator[ChatRequest]:
        yield question("q0")
        raise RuntimeError("no frames")

    with client_of(server.url) as client:
        with pytest.raises(RuntimeError, match="no frames"):
            list(client.ask(broken(), "u"))
        assert texts(client.ask(questions(3), "u")) == expected(3)


def test_like_requests_of_a_unit_are_sent_once(server: ScriptedServer) -> None:
    with client_of(server.url) as client:
        assert texts(client.ask([question("q1")] * 5 + [question("q2")], "u")) == [
            *["answer to q1"] * 5,
            "answer to q2",
        ]
        assert client.traffic.sent == 2


def test_many_threads_share_one_client_and_each_gets_its_own() -> None:
    with ScriptedServer(latency_s=0.02, places=16) as server, client_of(server.url) as client:

        def unit(number: int) -> list[str]:
            return texts(client.ask(questions(25, start=100 * number), f"u{number}"))

        with ThreadPoolExecutor(12) as threads:
            found = list(threads.map(unit, range(24)))
        assert found == [expected(25, start=100 * number) for number in range(24)]
        assert set(server.answered.values()) == {1}
        assert client.traffic.answered == 600


def test_threads_that_ask_while_they_take_answers_do_not_wait_for_each_other() -> None:
    with ScriptedServer(latency_s=0.002) as server, client_of(server.url, max_in_flight=1) as client:

        def nested(depth: int, name: str) -> int:
            if depth == 0:
                return 1
            asked = client.ask((question(f"{name}{depth}-{number}") for number in range(2)), name)
            return sum(nested(depth - 1, name) for _ in asked)

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(lambda number: nested(3, f"t{number}"), range(8))) == [8] * 8


def test_each_request_goes_to_the_replica_with_the_least_to_do() -> None:
    with ScriptedServer(latency_s=0.02) as quick, ScriptedServer(latency_s=0.2) as slow:
        with client_of(quick.url, slow.url, max_in_flight=4) as client:
            assert texts(client.ask(questions(120), "u")) == expected(120)
        shares = sum(quick.answered.values()), sum(slow.answered.values())
        assert sum(shares) == 120
        assert shares[0] > 2 * shares[1] > 0


def test_the_limit_grows_until_the_server_has_a_queue() -> None:
    with (
        ScriptedServer(latency_s=0.05, places=40) as server,
        client_of(server.url, max_in_flight=512) as client,
    ):
        until = time.monotonic() + 3

        def for_a_while() -> Iterator[ChatRequest]:
            number = 0
            while time.monotonic() < until:
                number += 1
                yield question(f"q{number}")

        assert all(isinstance(answer, Answer) for answer in client.ask(for_a_while(), "u"))
        assert server.most_running == 40
        assert server.most_waiting < 200


def test_a_server_without_metrics_is_filled_too() -> None:
    with (
        ScriptedServer(latency_s=0.1, metrics=False) as server,
        client_of(server.url, max_in_flight=64) as client,
    ):
        assert texts(client.ask(questions(400), "u")) == expected(400)
        assert server.most_running > FIRST


@pytest.mark.parametrize("status", [400, 413, 422, 418])
def test_a_request_that_will_never_succeed_is_refused_alone(status: int) -> None:
    def script(asked: Asked) -> Say | Status:
        return Status(status, message="too \x1b[31mlong") if asked.texts == ["q1"] else echo(asked)

    with ScriptedServer(script) as server, client_of(server.url) as client:
        first, second, third = client.ask(questions(3), "u")
        assert second == Refused(status, "too [31mlong")
        assert texts(iter([first, third])) == ["answer to q0", "answer to q2"]
        assert server.asked.total() == 3


def test_a_key_is_sent_and_a_wrong_one_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(api_key="sesame") as server:
        config = UrlsConfig(urls=(server.url,), api_key_env="MODEL_KEY")
        with pytest.raises(ServerConfigError, match="MODEL_KEY is not set"):
            Client(config, None)
        for key, works in (("sesame", True), ("wrong", False)):
            monkeypatch.setenv("MODEL_KEY", key)
            client = Client(config, None)
            try:
                if works:
                    assert texts(client.ask(questions(1), "u")) == expected(1)
                else:
                    with pytest.raises(ServerConfigError, match=r"401.*api_key_env"):
                        list(client.ask(questions(5), "u"))
            finally:
                client.close()


@pytest.mark.parametrize("key", ["sesame\n", " sesame\r\n"])
def test_a_key_may_end_with_a_newline(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", key)
    with ScriptedServer(api_key="sesame") as server:
        client = Client(UrlsConfig(urls=(server.url,), api_key_env="MODEL_KEY"), None)
        try:
            assert texts(client.ask(questions(1), "u")) == expected(1)
        finally:
            client.close()


@pytest.mark.parametrize("key", ["se\nsame", "se\x7fsame", "sésame"])
def test_a_key_that_no_header_can_hold_is_told_by_its_variable_alone(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", key)
    with pytest.raises(ServerConfigError, match="MODEL_KEY holds a character") as told:
        Client(UrlsConfig(urls=("http://127.0.0.1:1/v1",), api_key_env="MODEL_KEY"), None)
    assert "same" not in str(told.value)


@pytest.mark.parametrize("url", ["http://host:99999/v1", "http://host:0/v1", "http://host:80a/v1"])
def test_a_port_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="a port is a number from 1 to 65535"):
        UrlsConfig(urls=(url,))


def test_an_unknown_model_ends_the_run_and_the_known_ones_are_named(server: ScriptedServer) -> None:
    request = ChatRequest(Model("other", "1"), (Text("q"),), SamplingConfig())
    with client_of(server.url) as client, pytest.raises(ServerConfigError, match=f"'other'.*{MODEL}"):
        list(client.ask([request], "u"))


def test_a_wrong_address_ends_the_run(server: ScriptedServer) -> None:
    with (
        client_of(server.url.removesuffix("/v1")) as client,
        pytest.raises(ServerConfigError, match="/chat/completions lie"),
    ):
        list(client.ask(questions(1), "u"))


def test_redirects_are_not_followed() -> None:
    with ScriptedServer() as other:
        script = Status(307, {"Location": f"{other.url}/chat/completions"})
        with (
            ScriptedServer(lambda _: script) as server,
            client_of(server.url) as client,
            pytest.raises(ServerConfigError, match="redirects are not followed"),
        ):
            list(client.ask(questions(1), "u"))
        assert not other.asked


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host/v1", "want a URL"),
        ("127.0.0.1:8000", "want a URL"),
        ("http://user:word@host/v1", "api_key_env"),
        ("http://host/v1?key=1", "no \\?"),
    ],
)
def test_urls_that_cannot_be_meant_are_refused(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UrlsConfig(urls=(url,))


def test_proxies_of_the_environment_see_no_plain_http(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with client_of(server.url) as client:
        assert texts(client.ask(questions(1), "u")) == expected(1)


def test_closing_ends_those_who_wait() -> None:
    with ScriptedServer(latency_s=60) as server, client_of(server.url) as client:
        closer = threading.Timer(0.3, client.close)
        closer.start()
        with pytest.raises(Exception, match="closed"):
            list(client.ask(questions(3), "u"))
        with pytest.raises(Exception, match="closed"):
            list(client.ask(questions(3), "u"))
        closer.join()


def refusing(message: str) -> Status:
    return Status(400, message=message)


def test_a_server_that_refuses_all_from_the_first_on_is_misconfigured() -> None:
    long = "This model's maximum context length is 256 tokens. However, your request has 900 input tokens."
    with (
        ScriptedServer(lambda _: refusing(long)) as server,
        client_of(server.url) as client,
        pytest.raises(
            ServerConfigError, match=r"first 20 requests.*length is 256.*max_model_len.*cliploom retry"
        ),
    ):
        list(client.ask(questions(100), "u"))


def test_refusals_after_an_answer_are_the_requests_own() -> None:
    def script(asked: Asked) -> Act:
        return echo(asked) if asked.texts == ["q3"] else refusing("no such picture")

    with ScriptedServer(script) as server, client_of(server.url) as client:
        assert texts(client.ask(questions(60), "u")).count("refused 400") == 59


def test_a_server_that_wants_money_is_the_users_matter() -> None:
    with (
        ScriptedServer(lambda _: Status(402, message="insufficient credit")) as server,
        client_of(server.url) as client,
        pytest.raises(ServerConfigError, match=r"402: insufficient credit.*account"),
    ):
        list(client.ask(questions(1), "u"))


def test_where_times_are_refused_the_text_is_asked_for_and_times_no_more() -> None:
    formats: list[str] = []

    def script(asked: Asked) -> Act:
        formats.append(asked.body["response_format"])
        if asked.body["response_format"] == "verbose_json":
            return refusing(f"Currently do not support verbose_json for {MODEL}")
        assert "timestamp_granularities[]" not in asked.body
        return Raw(b'{"text": "spoken", "usage": {"type": "duration", "seconds": 1}}')

    sounds = [TranscriptionRequest(NAMED, Sound(bytes([number]), "wav")) for number in range(6)]
    with ScriptedServer(script) as server, client_of(server.url, max_in_flight=1) as client:
        for sound in sounds:
            assert list(client.ask([sound], "u")) == [Answer("spoken", True, 0, 0)]
    assert formats == ["verbose_json", *["json"] * 6]
