"""cliploom captions: what it prints of a clip, and what it refuses."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml

from captioning.records import FusedCaption
from curation.records import Clip
from pipelines.cli import USAGE, main
from pipelines.config import PipelineConfig
from pipelines.report.wording import BIDI_CONTROLS
from tests.pipelines.report.made import Run, made_up_run, with_text

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\x00\rgone"


@pytest.fixture(scope="module")
def made() -> Run:
    return made_up_run(num_videos=1)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A run that has a config and no records."""
    (tmp_path / "runs").mkdir()
    saved: dict[str, Any] = {
        "run_id": "r",
        "inputs": [],
        "limit": None,
        "config": PipelineConfig().model_dump(mode="json"),
    }
    (tmp_path / "runs" / "r.yaml").write_text(yaml.safe_dump(saved))
    return str(tmp_path)


def called(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["captions", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def holding(monkeypatch: pytest.MonkeyPatch, made: Run) -> Run:
    """The records that the command finds in any run."""
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setattr("pipelines.report.run_records.CommittedRecords", lambda _: made)
    return made


def test_text_tells_everything_that_an_auditor_asks(
    folder: str, holding: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = holding.records[Clip][0]
    assert called(folder, "--clip", clip.clip_id) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 110
    text = " ".join(" ".join(lines).split())
    for said in (
        f"clip {clip.clip_id} /data/raw/000_harbour_walk.mp4, 0:00.0 to 0:03.0 (3.0 s)",
        "filters: motion 0, blur 1.5",
        "gates: words 27, similarity 0.31",
        "V4 0.0-3.0 0.97 The picture is dark, with strong contrast.",
        "in fr: 0.4-1.5 0.71 en français : what brings you to the land of the gatekeepers",
        "the words are not told as they may be made up: 0.2-1.9 the words repeat themselves (compression",
        "fused AVS: written by a model a second time, after claims of its first draft were dropped; support",
        "support of the first draft 0.75, coverage 0.62",
        "[V4, V5, V6] (V 0.90)",
        "left out: V1",
        "dropped from draft 1 (0.12): A red boat arrives in the harbour. [V5, V77]: no line says red",
        "speech in fr: Qwen/Qwen3-4B-Instruct-2507 1",
        "stage caption 1 0f1e2d3c4b5a6978",
    ):
        assert said in text, said


def test_a_clip_without_a_fused_caption_says_why(
    folder: str, holding: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fused = {each.clip_id for each in holding.records[FusedCaption]}
    clip = next(each for each in holding.records[Clip] if each.clip_id not in fused)
    assert called(folder, "--clip", clip.clip_id) == 0
    text = capsys.readouterr().out
    assert "rejected at fuse: fusion_failed: " in text
    assert "fused" not in text.split("rejected at")[0]


def test_the_beginning_of_an_id_will_do(
    folder: str, holding: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [each.clip_id for each in holding.records[Clip]]
    size = next(n for n in range(1, 33) if len({each[:n] for each in ids}) == len(ids))
    assert called(folder, "--clip", ids[0][:size]) == 0
    assert capsys.readouterr().out.startswith(f"clip {ids[0]}\n")
    assert called(folder, "--clip", "") == USAGE
    assert f"{len(ids)} clips have ids that begin so" in capsys.readouterr().err


def test_json_holds_the_records(folder: str, holding: Run, capsys: pytest.CaptureFixture[str]) -> None:
    clip = holding.records[Clip][0]
    assert called(folder, "--clip", clip.clip_id, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["clip_id"] == clip.clip_id
    assert [each["modality"] for each in found["captions"]] == ["video", "audio", "speech"]
    assert found["captions"][2]["translation"]["language"] == "fr"
    assert found["captions"][2]["uncertain"][0]["reason"] == "compressible"
    assert [each["kind"] for each in found["fused"]] == ["AVS", "V"]
    assert found["fused"][0]["dropped"][0]["problems"] == ["no line says red", "line V77 does not exist"]
    assert found["gates"]["scores"] == [
        {"filter": "words", "value": 27.0},
        {"filter": "similarity", "value": 0.31},
    ]
    assert found["scores"] == {"motion": 0.0, "blur": 1.5}


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_control_character_reaches_the_terminal(
    folder: str,
    made: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
) -> None:
    hostile = with_text(made, HOSTILE)
    monkeypatch.setattr("pipelines.report.run_records.CommittedRecords", lambda _: hostile)
    for clip in hostile.records[Clip]:
        assert called(folder, "--clip", clip.clip_id, *options) == 0
        out = capsys.readouterr().out.replace("\n", "")
        assert "gone" in out
        assert not [each for each in out if unicodedata.category(each) == "Cc" or each in BIDI_CONTROLS]


def test_an_unknown_id_is_refused_with_a_message(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(folder, "--clip", "feed") == USAGE
    said = capsys.readouterr()
    assert said.err == "cliploom: --clip feed: no such clip. cliploom tables RUN clips lists the ids.\n"
    assert said.out == ""


def test_a_folder_without_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(str(tmp_path), "--clip", "feed") == USAGE
    assert "no run there" in capsys.readouterr().err
