"""A server's life: started, watched, started again, stopped; and never left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from captioning.serve import child, looking, server
from captioning.serve.looking import Load, answers, read_load
from captioning.serve.server import Launch, ServerFailed
from captioning.serve.starting import running
from tests.captioning.serve import standin
from tests.captioning.serve.standin import METRICS


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LOOK_S", 0.05)
    monkeypatch.setattr(child, "GRACE_S", 0.5)


def launch(tmp_path: Path, max_restarts: int = 3, start_within_s: float = 20.0, **plan: Any) -> Launch:
    plan["lives"] = str(tmp_path / "lives")
    return Launch(
        name="captioning.video: stand-in",
        command=lambda port: [sys.executable, standin.__file__, str(port), json.dumps(plan)],
        environment={"PATH": os.environ["PATH"]},
        log=tmp_path / "logs" / "video-0.log",
        start_within_s=start_within_s,
        max_restarts=max_restarts,
    )


def pids(tmp_path: Path) -> list[int]:
    return [int(line) for line in (tmp_path / "lives").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def names(cmdline: Path, folder: Path) -> bool:
    """Whether a process' command line names a folder."""
    try:
        return str(folder).encode() in cmdline.read_bytes()
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def test_how_busy_a_server_is_stands_in_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("captioning.serve.server.LOAD_S", 0.0)
    log = tmp_path / "logs" / "video-0.log"
    with running([launch(tmp_path)], print, print):
        until(lambda: "5 running, 7 waiting, 50% of the cache in use" in log.read_text())


@pytest.mark.parametrize("value", ["+Inf", "NaN", "-Inf", "many"])
def test_a_load_that_is_no_number_is_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_get", lambda url, timeout_s: METRICS.replace(" 7.0", f" {value}"))
    assert read_load("http://127.0.0.1:1", 1) is None


def test_a_server_answers_in_the_block_and_is_gone_after_it(tmp_path: Path) -> None:
    said: list[str] = []
    with running([launch(tmp_path, delay_s=0.3)], said.append, said.append) as (url,):
        assert url.startswith("http://127.0.0.1:")
        assert read_load(url, 5) == Load(running=5, waiting=7, kv_cache_share=0.5)
        (pid,) = pids(tmp_path)
    assert not alive(pid)
    assert len(said) == 1
    assert said[0].startswith("captioning.video: stand-in answers after ")
    assert "loading weights" in (tmp_path / "logs" / "video-0.log").read_text()


def test_one_that_dies_is_started_again_at_the_same_address(tmp_path: Path) -> None:
    said: list[str] = []
    with running([launch(tmp_path)], said.append, said.append) as (url,):
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        until(lambda: len(pids(tmp_path)) == 2 and answers(f"{url}/health", 5))
        assert [alive(pid) for pid in pids(tmp_path)] == [False, True]
    assert any("ended by SIGKILL; it is started again (1 of 3)" in line for line in said)


def test_one_that_dies_too_often_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    lost: list[str] = []
    with running([launch(tmp_path, max_restarts=1)], lambda line: None, lost.append) as (url,):
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        until(lambda: len(pids(tmp_path)) == 2 and answers(f"{url}/health", 5))
        os.kill(pids(tmp_path)[1], signal.SIGKILL)
        until(lambda: bool(lost))
    assert len(pids(tmp_path)) == 2
    assert re.search("captioning.video: stand-in ended by SIGKILL.*, after 1 restarts", lost[0])
    assert "engine.max_restarts" in lost[0]
    assert "loading weights" in lost[0]


def test_one_that_ends_before_it_answers_is_not_tried_again(tmp_path: Path) -> None:
    with (
        pytest.raises(ServerFailed, match=r"ended with exit status 3 after .* before it answered") as failed,
        running([launch(tmp_path, exit=3)], print, print),
    ):
        pytest.fail("the block was entered")
    assert "ValueError: no such model" in str(failed.value)
    assert str(tmp_path / "logs" / "video-0.log") in str(failed.value)
    assert len(pids(tmp_path)) == 1


def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with (
        pytest.raises(ServerFailed, match=r"did not answer within 0 s \(engine.start_within_s\)"),
        running([launch(tmp_path, delay_s=30, start_within_s=0.3)], print, print),
    ):
        pytest.fail("the block was entered")
    assert [path for path in Path("/proc").glob("[0-9]*/cmdline") if names(path, tmp_path)] == []


def test_progress_is_told_with_the_last_line_of_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PROGRESS_S", 0.1)
    said: list[str] = []
    with running([launch(tmp_path, delay_s=0.8)], said.append, print):
        pass
    assert any("not ready after" in line and line.endswith("it says: loading weights") for line in said)


def test_one_that_ignores_being_asked_is_killed_and_so_is_what_it_left(tmp_path: Path) -> None:
    with running([launch(tmp_path, stubborn=True, orphan=True)], print, print):
        (pid,) = pids(tmp_path)
        orphan = int((tmp_path / "logs" / "video-0.log").read_text().rpartition("orphan ")[2].split()[0])
        assert alive(orphan)
    assert not alive(pid)
    assert not alive(orphan)


def test_one_that_hangs_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEALTH_S", 0.2)
    monkeypatch.setattr(server, "HANGS_AFTER_S", 0.5)
    said: list[str] = []
    with running([launch(tmp_path)], said.append, print) as (url,):
        os.kill(pids(tmp_path)[0], signal.SIGSTOP)
        until(lambda: len(pids(tmp_path)) == 2 and answers(f"{url}/health", 5))
    assert any("has not answered for" in line for line in said)


STARTER = """
import json, os, sys, time
from pathlib import Path
from captioning.serve.server import Launch
from captioning.serve.starting import running
standin, folder = sys.argv[1:]
plan = json.dumps({"lives": folder + "/lives", "orphan": True})
launch = Launch("x", lambda port: [sys.executable, standin, str(port), plan], dict(os.environ),
                Path(folder) / "log", 20.0, 0)
with running([launch], print, print):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_servers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, standin.__file__, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    assert any(line.startswith("ready") for line in starter.stdout)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    orphan = int((tmp_path / "log").read_text().rpartition("orphan ")[2].split()[0])
    until(lambda: not alive(pids(tmp_path)[0]) and not alive(orphan))


def test_copies_have_addresses_of_their_own(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    with running([launch(one), launch(other)], print, print) as urls:
        assert len(set(urls)) == 2
        for url in urls:
            with urllib.request.urlopen(f"{url}/health") as reply:
                assert reply.status == 200
