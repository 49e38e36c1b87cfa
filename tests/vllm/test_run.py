"""A whole `cliploom run` on real vLLM servers of its own, one of which is killed in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from captioning.client.requests import Model
from captioning.records import Wording
from pipelines.config import PipelineConfig
from pipelines.run import run
from tests.vllm import conftest
from tests.vllm.captioned import captions_of, check_captions, make_films, open_view, settings
from tests.vllm.conftest import ROOT, START_S
from tests.vllm.ray_head import COMMANDS
from tests.vllm.watching import address_of, processes_of, wait_until_busy

SERVED_STAGES = ("caption_video", "fuse")


@pytest.mark.usefixtures("_offline")
def test_a_run_outlives_a_server_of_its_own_and_asks_once(
    vllm_python: str, vision_model: Model, told_model: Model, tmp_path: Path
) -> None:
    vision, text = copied(vision_model, tmp_path / "vision"), copied(told_model, tmp_path / "text")
    films = make_films(tmp_path / "films", 2)
    own = conftest.config(vllm_python).model_dump(mode="json")
    values = settings(vision, own, text, own)
    file, output, log = tmp_path / "captioned.yaml", tmp_path / "run", tmp_path / "said"
    file.write_text(json.dumps(values))
    started = time.monotonic()
    with log.open("w") as said:
        command = [str(COMMANDS / "cliploom"), "run", str(file), "--input", str(films)]
        running = subprocess.Popen(
            [*command, "--output", str(output), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            cwd=ROOT,
        )
        try:
            (server,) = processes_of(vision, START_S)
            wait_until_busy(address_of(server), START_S)
            os.kill(server, signal.SIGKILL)
            killed_s = time.monotonic() - started
            unanswered = len(list(films.iterdir())) - len(list(output.glob("responses/caption_video/*")))
            printed, _ = running.communicate(timeout=START_S)
        finally:
            # Its servers end with it.
            running.kill()
            running.wait()
    assert running.returncode == 0, log.read_text()[-4000:]
    print(
        f"a server was killed after {killed_s:.0f} s, the run ended after {time.monotonic() - started:.0f} s"
    )
    assert unanswered > 0, "the server had answered everything before it was killed"
    told = log.read_text()
    assert told.count("ended by SIGKILL; it is started again (1 of 3)") == 1
    assert told.count(" answers after ") == 3
    assert json.loads(printed.splitlines()[-1])["postponed"] == []
    assert not processes_of(vision)
    assert not processes_of(text)

    config = PipelineConfig.model_validate(values)
    view = open_view(config, str(output))
    print(dict(check_captions(view, Wording.WRITTEN)))
    for stage in SERVED_STAGES:
        assert view.workspace.storage.list(f"responses/{stage}")

    lines: list[str] = []
    second = run(config, [str(films)], str(output), say=lines.append)
    assert second.executed == 0
    assert not [line for line in lines if "vLLM" in line]
    assert len(list((output / "logs").glob("*-servers"))) == 1

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
        third = run(unserved, [str(films)], str(output), retry=lambda row: row.stage in SERVED_STAGES)
    assert third.executed > 0
    assert not third.postponed
    assert captions_of(open_view(config, str(output))) == before


def copied(model: Model, folder: Path) -> Model:
    """The same model by another name, so that its servers can be told from others."""
    shutil.copytree(model.name, folder)
    return Model(str(folder), model.revision)
