"""Answers that are kept: whole, once, through kills, damage and other writers; on a disk and on S3."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.scripted_server import ScriptedServer
from captioning.client import unit_responses
from captioning.client.answers import Answer, Heard
from captioning.client.responses import Responses
from captioning.client.unit_responses import MOST_FILES
from curation.base.storage import Storage
from curation.base.usage import Usage, take_usage
from tests.captioning.client.talk import client_of, expected, questions, texts
from tests.s3 import s3_server

HEARD = Answer(
    "ask not", True, 3, 4, mean_logprob=-0.5, language="en",
    heard=(Heard(0.0, 1.5, "ask", -0.1, 0.01), Heard(1.5, 2.0, "not")),
)  # fmt: skip


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server("cliploom-responses") as url:
        yield url


@pytest.fixture(params=["disk", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "disk":
        return Storage(str(tmp_path / "run"))
    return Storage(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


def answer(number: int) -> Answer:
    return Answer(f"text {number}", True, number, number)


def test_answers_come_back_as_they_were(storage: Storage) -> None:
    unit = Responses(storage).unit("v/1")
    assert unit.get("a") is None
    unit.add("a", HEARD)
    unit.add("b", Answer("", False, 0, 0))
    unit.flush()
    unit.flush()
    assert len(storage.list("responses")) == 1
    again = Responses(storage).unit("v/1")
    assert again.get("a") == HEARD
    assert again.get("b") == Answer("", False, 0, 0)
    assert Responses(storage).unit("v/2").get("a") is None
    assert Responses(storage, "elsewhere").unit("v/1").get("a") is None


def test_a_rerun_makes_no_call_and_another_run_may_share_the_answers(storage: Storage) -> None:
    shared = Storage(storage.url)
    with ScriptedServer() as server:
        for run in range(3):
            with client_of(server.url, responses=Responses(shared, "shared")) as client:
                assert texts(client.ask(questions(300), "u")) == expected(300)
                assert (client.traffic.sent, client.traffic.kept) == ((300, 0) if run == 0 else (0, 300))
        assert server.asked.total() == 300
    assert len(shared.list("shared")) <= MOST_FILES


def test_a_refusal_is_not_kept(tmp_path: Path) -> None:
    from benchmarks.scripted_server import Status, echo

    with ScriptedServer(lambda _: Status(400)) as server:
        for script, said in ((server.script, ["refused 400"]), (echo, expected(1))):
            server.script = script
            with client_of(server.url, responses=Responses(Storage(str(tmp_path)))) as client:
                assert texts(client.ask(questions(1), "u")) == said


def test_files_stay_few(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    unit = Responses(storage).unit("u")
    for number in range(40):
        unit.add(f"d{number}", answer(number))
        unit.flush()
        unit.tidy()
        assert len(storage.list("responses")) <= MOST_FILES + 1
    again = Responses(storage).unit("u")
    assert [again.get(f"d{number}") for number in range(40)] == [answer(number) for number in range(40)]


def test_of_two_answers_the_one_written_first_counts_whoever_tidies(tmp_path: Path) -> None:
    for tidier in (0, 1):
        storage = Storage(str(tmp_path / str(tidier)))
        writers = [Responses(storage).unit("u") for _ in range(2)]
        for number, writer in enumerate(writers):
            assert writer.get("d") is None
            writer.add("d", answer(number))
        for writer in writers:
            writer.flush()
            time.sleep(0.005)  # files are named by the millisecond
        for number in range(MOST_FILES):
            writers[tidier].add(f"other {number}", answer(number))
            writers[tidier].flush()
        assert Responses(storage).unit("u").get("d") == answer(0)
        writers[tidier].tidy()
        assert len(storage.list("responses")) == 2
        assert Responses(storage).unit("u").get("d") == answer(0)


def test_what_servers_answered_a_thread_is_counted_for_it(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        for answers in (5, 0):
            with client_of(server.url, responses=Responses(Storage(str(tmp_path)))) as client:
                take_usage()
                with ThreadPoolExecutor(1) as other:
                    asked = other.submit(lambda client=client: texts(client.ask(questions(2, 100), "v")))
                    assert asked.result() == expected(2, 100)
                assert texts(client.ask(questions(5), "u")) == expected(5)
                assert take_usage() == Usage(answers, 7 * answers, 3 * answers)


@pytest.mark.parametrize("damage", ["empty", "cut", "bit", "other columns", "wrong types"])
def test_a_damaged_file_is_ignored_with_a_note(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import pyarrow as pa

    storage = Storage(str(tmp_path))
    unit = Responses(storage).unit("u")
    unit.add("good", HEARD)
    unit.flush()
    [good] = storage.list("responses")
    unit.add("bad", HEARD)
    unit.flush()
    [bad] = [name for name in storage.list("responses") if name != good]
    data = bytearray(storage.read_bytes(bad))
    if damage == "empty":
        data.clear()
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "bit":
        data[len(data) // 3] ^= 4
    else:
        columns = {"digest": ["bad"]} if damage == "other columns" else {"digest": [7], "text": [[1.5]]}
        pq.write_table(pa.table(columns), tmp_path / "other.parquet")
        data = bytearray((tmp_path / "other.parquet").read_bytes())
    storage.write_bytes(bad, bytes(data))
    again = Responses(storage).unit("u")
    assert again.get("good") == HEARD
    assert again.get("bad") is None
    assert [bad in record.getMessage() for record in caplog.records] == [True]


def test_writers_at_the_same_unit_do_not_harm_each_other(tmp_path: Path) -> None:
    """Each has a memory of its own, as two processes have; all write and tidy all the time."""

    def work(writer: int) -> None:
        unit = Responses(Storage(str(tmp_path))).unit("u")
        for number in range(20):
            unit.add(f"{writer if number % 2 else 'all'}-{number}", answer(number))
            unit.flush()
            unit.tidy()
            mine = Responses(Storage(str(tmp_path))).unit("u")
            assert mine.get(f"{writer}-1") is not None or number < 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    unit = Responses(Storage(str(tmp_path))).unit("u")
    for number in range(20):
        for writer in range(4):
            assert unit.get(f"{writer if number % 2 else 'all'}-{number}") == answer(number)


def test_a_storage_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: Storage, relative: str, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    responses = Responses(Storage(str(tmp_path)))
    with ScriptedServer() as server, client_of(server.url, responses=responses) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Storage, "write_bytes", full)
            assert texts(client.ask(questions(5), "u")) == expected(5)
        assert "No space left" in caplog.text
        assert texts(client.ask(questions(6), "u")) == expected(6)
    assert server.asked.total() == 6
    assert Responses(Storage(str(tmp_path))).unit("u").get(next(questions(1)).digest) is not None


def test_a_kill_loses_little(tmp_path: Path) -> None:
    code = """
import sys
from captioning.client import unit_responses
from captioning.client.responses import Responses
from curation.base.storage import Storage
from tests.captioning.client.talk import client_of, questions
unit_responses.FLUSH_ANSWERS = 20
with client_of(sys.argv[1], responses=Responses(Storage(sys.argv[2]))) as client:
    for number, _ in enumerate(client.ask(questions(10_000), "u")):
        print(number, flush=True)
"""
    with ScriptedServer(latency_s=0.02) as server:
        worker = subprocess.Popen(
            [sys.executable, "-c", code, server.url, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        for line in worker.stdout:
            if int(line) == 100:
                break
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        with client_of(server.url, responses=Responses(Storage(str(tmp_path)))) as client:
            assert texts(client.ask(questions(200), "u")) == expected(200)
            # All that were taken, but for one file's worth and the last, which was just being handed over.
            assert client.traffic.kept >= 101 - 20 - 1


def test_answers_are_written_down_while_the_rest_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_responses, "FLUSH_S", 0.2)
    from benchmarks.scripted_server import Act, Asked, Hang, echo

    def script(asked: Asked) -> Act:
        return Hang() if asked.texts == ["q5"] and asked.times_before == 0 else echo(asked)

    storage = Storage(str(tmp_path))
    with (
        ScriptedServer(script) as server,
        client_of(server.url, responses=Responses(storage), timeout_s=2.0) as client,
    ):
        answers = client.ask(questions(6), "u")
        assert texts(next(answers) for _ in range(5)) == expected(5)
        assert storage.list("responses") == []
        assert texts(answers) == ["answer to q5"]
    first, _ = storage.list("responses")
    assert pq.read_table(tmp_path / first).num_rows == 5
