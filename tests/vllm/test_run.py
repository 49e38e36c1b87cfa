"""Whole runs on a real vLLM: on servers of their own, and on one that is killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from captioning.client.requests import Model
from pipelines.config import PipelineConfig
from pipelines.run import RunSummary, run
from tests.vllm import conftest
from tests.vllm.captioned import captions_of, check_captions, make_films, open_view, settings
from tests.vllm.conftest import START_S, Running
from tests.vllm.watching import processes_of, wait_until_busy

SERVED_STAGES = ("caption_video", "fuse")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_films(tmp_path_factory.mktemp("films") / "films", 2)


def copied(model: Model, folder: Path) -> Model:
    """The same model by another name, so that its servers can be told from others."""
    shutil.copytree(model.name, folder)
    return Model(str(folder), model.revision)


@pytest.mark.usefixtures("_offline")
def test_a_run_starts_its_servers_stops_them_and_asks_once(
    vllm_python: str, vision_model: Model, text_model: Model, films: Path, tmp_path: Path
) -> None:
    vision, text = copied(vision_model, tmp_path / "vision"), copied(text_model, tmp_path / "text")
    own = conftest.config(vllm_python).model_dump(mode="json")
    config = PipelineConfig.model_validate(settings(vision, own, text, own))
    output = str(tmp_path / "run")
    said: list[str] = []

    def say(line: str) -> None:
        print(line)
        said.append(line)

    first = run(config, [str(films)], output, say=say)
    print(f"{first.seconds:.0f} s with the starts of both servers")
    assert sum("answers after" in line for line in said) == 2
    assert not processes_of(vision)
    assert not processes_of(text)
    view = open_view(config, output)
    print(dict(check_captions(view)))
    assert not first.postponed
    for stage in SERVED_STAGES:
        assert view.workspace.storage.list(f"responses/{stage}")

    said.clear()
    second = run(config, [str(films)], output, say=say)
    assert second.executed == 0
    assert not [line for line in said if "vLLM" in line]
    assert len(list((tmp_path / "run" / "logs").glob("*-servers"))) == 1

    # The same stages once more, with nobody there to answer: what was said is kept.
    before = captions_of(view)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        gone = {
            "kind": "urls",
            "urls": [f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"],
            "traffic": {"patience_s": 0},
        }
        unserved = PipelineConfig.model_validate(settings(vision, gone, text, gone))
        third = run(unserved, [str(films)], output, retry=lambda row: row.stage in SERVED_STAGES)
    assert third.executed > 0
    assert not third.postponed
    assert captions_of(open_view(config, output)) == before


def test_a_server_killed_in_mid_run_costs_nothing(
    vision_server: Running, text_server: Running, films: Path, tmp_path: Path
) -> None:
    urls = [server.urls.model_dump(mode="json") for server in (vision_server, text_server)]
    config = PipelineConfig.model_validate(settings(vision_server.model, urls[0], text_server.model, urls[1]))
    output = str(tmp_path / "run")
    starts = vision_server.starts()
    ended: list[RunSummary] = []
    running = threading.Thread(target=lambda: ended.append(run(config, [str(films)], output)))
    running.start()
    wait_until_busy(vision_server.root, START_S)
    killed = time.monotonic()
    for pid in processes_of(vision_server.model):
        os.kill(pid, signal.SIGKILL)
    running.join(START_S)
    assert not running.is_alive()
    assert ended, "the run ended with an error"
    print(f"killed in mid-run, the run ended after {time.monotonic() - killed:.0f} s")
    assert vision_server.starts() == starts + 1
    assert not ended[0].postponed
    print(dict(check_captions(open_view(config, output))))
