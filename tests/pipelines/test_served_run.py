"""A whole run whose captioners ask a server: what comes out, and that no fault of the server changes it."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.scripted_server import Act, Asked, Hang, HangUp, Raw, Say, ScriptedServer, Status
from captioning.records import Caption, FusedCaption, Transcript
from curation.base.storage import Storage
from curation.base.tables import Tables
from curation.media.ffmpeg import ffmpeg_binary
from pipelines.config import PipelineConfig
from pipelines.config_file import load_config
from pipelines.run import RunSummary, run
from tests.captioning.served.asked import claims, evidence, is_fusion, lines, served
from tests.footage import SCENES
from tests.pipelines.runs import COMMAND, ROOT, shard_hashes

pytestmark = pytest.mark.slow

SAID = "And so my fellow Americans ask not what your country can do for you"


def make_talk(path: Path, speech: Path, number: int) -> None:
    """A video of two shots in which somebody speaks."""
    scenes = [SCENES[(2 * number + shot) % len(SCENES)].format(s=2.4) for shot in range(2)]
    inputs = [argument for scene in scenes for argument in ("-f", "lavfi", "-i", scene)]
    graph = "[0:v]setsar=1,format=yuv420p[a];[1:v]setsar=1,format=yuv420p[b];[a][b]concat=n=2:v=1[v]"
    command = [
        str(ffmpeg_binary()), "-nostdin", "-y", "-loglevel", "error", *inputs,
        "-ss", f"{3 * number}", "-t", "4.8", "-i", str(speech), "-filter_complex", graph, "-map", "[v]",
        "-map", "2:a", "-c:a", "aac", "-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def answer(asked: Asked) -> Act:
    """What a model that does its work says; the same request has the same answer, whatever its seed."""
    if asked.path == "audio/transcriptions":
        return Say(SAID, language="english")
    if is_fusion(asked):
        return claims(*((_told(line, text), [line]) for line, text in evidence(asked).items()))
    word = hashlib.sha256(json.dumps(asked.body["messages"]).encode()).hexdigest()[:3]
    seen = "image_url" in json.dumps(asked.body["messages"])
    number = int(word, 16)
    return lines(f"{number} shapes turn." if seen else f"{number} tones are heard.")


def _told(line: str, text: str) -> str:
    return f'A voice says: "{text}".' if line.startswith("S") else text


def config_of(url: str, **traffic: Any) -> PipelineConfig:
    """Every captioner behind one server."""
    model = served(url, **{"patience_s": 20.0, "max_tries": 6, "timeout_s": 30.0, **traffic})
    return PipelineConfig.model_validate(
        {
            "captioning": {
                "video": {"kind": "vlm", **model},
                "audio": {"kind": "alm", **model},
                "speech": {"kind": "vllm", **model},
                "fusion": {"kind": "llm", **model},
                "gates": {"least_support_rate": 0.5},
            },
            "execution": {"workers": 2},
        }
    )


@dataclass(frozen=True)
class Footage:
    """Two videos, a run that captioned them without a server, and one whose server did all that it should."""

    videos: Path
    cut: Path
    good: Path
    num_asked: int


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory, shared_media: Path) -> Footage:
    folder = tmp_path_factory.mktemp("served")
    (folder / "videos").mkdir()
    for number in range(2):
        make_talk(folder / "videos" / f"{number}.mp4", shared_media / "audio" / "jfk.flac", number)
    plain = PipelineConfig.model_validate({"execution": {"workers": 2}})
    run(plain, [str(folder / "videos")], str(folder / "cut"))
    shutil.copytree(folder / "cut", folder / "good")
    with ScriptedServer(answer) as server:
        run(config_of(server.url), [str(folder / "videos")], str(folder / "good"))
        num_asked = sum(server.asked.values())
    return Footage(folder / "videos", folder / "cut", folder / "good", num_asked)


@pytest.fixture
def output(footage: Footage, tmp_path: Path) -> Path:
    """A run in which everything is cut and nothing is captioned by a server."""
    shutil.copytree(footage.cut, tmp_path / "run")
    return tmp_path / "run"


def go(url: str, footage: Footage, output: Path, **traffic: Any) -> RunSummary:
    return run(config_of(url, **traffic), [str(footage.videos)], str(output))


def records(output: Path, name: str) -> list[dict[str, Any]]:
    """The records of the newest result of each unit in a table."""
    table = Tables(Storage(str(output))).read(name)
    assert table is not None
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def made_by_servers(output: Path, table: str) -> list[dict[str, Any]]:
    rows = records(output, table)
    return [row for row in rows if row["provenance"]["model"] == "scripted"]


def test_every_captioner_behind_a_server(footage: Footage) -> None:
    transcripts = made_by_servers(footage.good, Transcript.TABLE)
    assert len(transcripts) == 2
    assert all(row["segments"] for row in transcripts)
    captions = made_by_servers(footage.good, Caption.TABLE)
    texts = Counter(row["modality"] for row in captions if row["text"])
    assert texts["video"] == texts["audio"] == 4
    assert texts["speech"] >= 2
    fused = [row for row in made_by_servers(footage.good, FusedCaption.TABLE) if row["kind"] in ("AV", "AVS")]
    assert {row["wording"] for row in fused} == {"written"}
    assert {row["support_rate"] for row in fused} == {1.0}
    assert len({row["clip_id"] for row in fused}) == 4


def served_by(section: dict[str, Any], servers: ExitStack, urls: dict[str, str]) -> None:
    """Let every captioner of a recipe ask a scripted server that plays its model, instead of vLLM."""
    for part in [part for part in section.values() if isinstance(part, dict)]:
        if "server" in part:
            name = part["model"]
            if name not in urls:
                urls[name] = servers.enter_context(ScriptedServer(answer, model=name)).url
            part["server"] = {"kind": "urls", "urls": [urls[name]], "traffic": part["server"]["traffic"]}


@pytest.mark.parametrize("recipe", ["gpu_1x24gb", "gpu_8x80gb"])
def test_a_recipe_captions_the_footage(recipe: str, footage: Footage, output: Path) -> None:
    values = load_config(
        PipelineConfig, str(ROOT / "examples" / "captioning" / f"{recipe}.yaml"), ()
    ).model_dump()
    values["execution"]["workers"] = 2
    urls: dict[str, str] = {}
    with ExitStack() as servers:
        served_by(values["captioning"], servers, urls)
        summary = run(PipelineConfig.model_validate(values), [str(footage.videos)], str(output))
    assert not summary.postponed
    assert summary.samples == 4
    of_models = [row for row in records(output, Caption.TABLE) if row["provenance"]["model"] in urls]
    assert {row["modality"] for row in of_models if row["text"]} >= {"video", "speech"}
    fused = [row for row in records(output, FusedCaption.TABLE) if row["provenance"]["model"] in urls]
    assert {row["wording"] for row in fused} == {"written"}
    assert {row["kind"] for row in fused} == {"AV", "AVS"}
    assert len({row["clip_id"] for row in fused}) == 4


def test_what_servers_did_for_a_unit_stands_with_its_attempt(footage: Footage) -> None:
    attempts = records(footage.good, "attempts")
    by_stage: Counter[str] = Counter()
    for attempt in attempts:
        by_stage[attempt["stage"]] += attempt["answers"]
    assert by_stage.total() == footage.num_asked
    asking = {"caption_video", "caption_audio", "transcribe", "fuse"}
    assert {stage for stage, answers in by_stage.items() if answers} == asking
    tokens = sum(attempt["input_tokens"] for attempt in attempts if attempt["stage"] != "transcribe")
    assert tokens == 7 * sum(by_stage[stage] for stage in asking - {"transcribe"})


def test_a_run_that_is_up_to_date_asks_nobody(footage: Footage) -> None:
    with ScriptedServer(answer) as server:
        summary = go(server.url, footage, footage.good)
        assert not server.asked
    assert summary.executed == 0


def first_time(fault: Callable[[Asked], Act]) -> Callable[[Asked], Act]:
    """Does wrong by every request once; a question that is put in other words is another request."""
    seen: set[str] = set()
    lock = threading.Lock()

    def script(asked: Asked) -> Act:
        body = {name: value for name, value in asked.body.items() if name not in ("seed", "temperature")}
        mark = json.dumps(body, sort_keys=True)
        with lock:
            fresh = mark not in seen
            seen.add(mark)
        return fault(asked) if fresh else answer(asked)

    return script


def unless_speech(fault: Act) -> Callable[[Asked], Act]:
    """Faults in what a model says; a transcription has no schema that could be broken."""
    return lambda asked: answer(asked) if asked.path == "audio/transcriptions" else fault


FAULTS: dict[str, tuple[Callable[[Asked], Act], dict[str, Any]]] = {
    "500": (lambda _: Status(500), {}),
    "503 with Retry-After": (lambda _: Status(503, {"Retry-After": "1"}), {}),
    "429": (lambda _: Status(429), {}),
    "timeout": (lambda _: Hang(), {"timeout_s": 1.5}),
    "hung up": (lambda _: HangUp(), {}),
    "half closed": (lambda _: Raw(b'{"choices": [{"message": {"content": "A do', sent=20), {}),
    "malformed": (lambda _: Raw(b'{"choices": [{"message": '), {}),
    "another reply": (lambda _: Raw(b'["busy"]'), {}),
    "10 MB": (unless_speech(Raw(b'{"choices": "' + b"x" * 10_000_000 + b'"}')), {}),
    "truncated": (unless_speech(Say('{"lines": [{"start_s": 0, "text": "A do', finish="length")), {}),
    "broken JSON": (unless_speech(Say('{"lines": [}')), {}),
    "empty": (unless_speech(Say("")), {}),
}


ASKED_AGAIN = ("10 MB", "truncated", "broken JSON", "empty")
"""Answers that arrive whole and cannot be used."""


def texts(run: Path) -> list[tuple[str, str]]:
    """What every caption and fused caption of a run says, by clip."""
    rows = [*made_by_servers(run, Caption.TABLE), *made_by_servers(run, FusedCaption.TABLE)]
    return sorted((row["clip_id"], row["text"]) for row in rows)


@pytest.mark.parametrize("name", FAULTS)
def test_faults_that_pass_change_nothing(name: str, footage: Footage, output: Path) -> None:
    fault, traffic = FAULTS[name]
    with ScriptedServer(first_time(fault)) as server:
        summary = go(server.url, footage, output, **traffic)
        assert server.asked.total() > footage.num_asked, "nothing went wrong"
        assert max(server.answered.values()) == 1, "something was answered twice"
    assert not summary.postponed
    if name in ASKED_AGAIN:
        # Another draw of words gave the answer, and provenance says so.
        assert texts(output) == texts(footage.good)
        assert shard_hashes(output) != shard_hashes(footage.good)
    else:
        assert shard_hashes(output) == shard_hashes(footage.good)
    ids = [(row["clip_id"], row["modality"]) for row in made_by_servers(output, Caption.TABLE)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("gone_s", [1.0, 4.0])
def test_a_server_that_is_gone_for_a_while_is_waited_for(
    gone_s: float, footage: Footage, output: Path
) -> None:
    with ScriptedServer(answer, latency_s=0.2) as server:
        left = threading.Event()

        def script(asked: Asked) -> Act:
            if server.answered.total() >= 3 and not left.is_set():
                left.set()
                server.vanish_for(gone_s)
            return answer(asked)

        server.script = script
        summary = go(server.url, footage, output)
        assert left.is_set()
        assert max(server.answered.values()) == 1
    assert not summary.postponed
    assert shard_hashes(output) == shard_hashes(footage.good)


def test_a_server_that_stays_away_leaves_the_rest_for_the_next_run(
    footage: Footage, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.executors.local.MAX_RETRIES", 1)
    with ScriptedServer(lambda asked: Status(500) if is_fusion(asked) else answer(asked)) as server:
        summary = go(server.url, footage, output, max_tries=2)
        answered = set(server.answered)
    assert {stage for stage, _, _ in summary.postponed} == {"fuse"}
    assert "500" in summary.postponed[0][2]
    with ScriptedServer(answer) as server:
        summary = go(server.url, footage, output)
        assert not answered & set(server.asked), "what was answered is asked again"
    assert not summary.postponed
    assert shard_hashes(output) == shard_hashes(footage.good)


def test_answers_in_another_language_lose_no_clip(footage: Footage, output: Path) -> None:
    def script(asked: Asked) -> Act:
        if asked.path == "audio/transcriptions":
            return answer(asked)
        if is_fusion(asked):
            return claims(("一只棕色的狗跑过草地。", [next(iter(evidence(asked)))]))
        return lines("一只棕色的狗跑过草地。", "Собака лает.")

    with ScriptedServer(script) as server:
        summary = go(server.url, footage, output)
    assert not summary.postponed
    fused = made_by_servers(output, FusedCaption.TABLE)
    assert len({row["clip_id"] for row in fused}) == summary.clips == 4
    keys = [(row["clip_id"], row["kind"]) for row in fused]
    assert len(keys) == len(set(keys))


def test_answers_that_are_never_usable_reject_captions_and_lose_no_clip(
    footage: Footage, output: Path
) -> None:
    def script(asked: Asked) -> Act:
        return answer(asked) if asked.path == "audio/transcriptions" or is_fusion(asked) else Say("{")

    with ScriptedServer(script) as server:
        summary = go(server.url, footage, output)
        chats = server.asked.total()
        assert chats >= 8 * 3
    assert summary.rejected["caption_failed"] == 8
    assert not summary.postponed
    assert summary.fused > 0, "what was said is left to be told"


def test_a_wrong_key_ends_the_run_with_what_to_do(footage: Footage, output: Path) -> None:
    with ScriptedServer(answer, api_key="secret") as server, pytest.raises(ValueError, match="401"):
        go(server.url, footage, output)


@pytest.fixture
def killed(footage: Footage, output: Path, tmp_path: Path) -> Iterator[ScriptedServer]:
    """A server whose run was killed once it had captioned all clips and was asked to fuse them."""
    waiting = threading.Event()

    def script(asked: Asked) -> Act:
        if is_fusion(asked):
            waiting.set()
            return Hang()
        return answer(asked)

    with ScriptedServer(script) as server:
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump(config_of(server.url).model_dump(mode="json")))
        process = subprocess.Popen(
            [*COMMAND, "run", str(file), "--input", str(footage.videos), "--output", str(output), "--json"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert waiting.wait(60)
        deadline = time.monotonic() + 60
        while server.answered.total() < 10 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1.0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        server.script = answer
        yield server


def test_a_killed_run_asks_only_for_what_was_not_answered(
    killed: ScriptedServer, footage: Footage, output: Path
) -> None:
    before = Counter(killed.answered)
    assert before.total() >= 10
    go(killed.url, footage, output)
    assert max(killed.answered.values()) == 1
    assert killed.answered.total() == footage.num_asked
    assert shard_hashes(output) == shard_hashes(footage.good)
