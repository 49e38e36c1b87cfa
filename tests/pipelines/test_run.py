"""The whole job as a user runs it: every input accounted for, nothing done twice, clear refusals."""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.footage import make_folder, make_video
from tests.pipelines.runs import QUICKSTART, cliploom, run_arguments, shard_hashes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `videos` and a finished `run`; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("finished")
    make_folder(folder / "videos", 3)
    (folder / "videos" / "notes.txt").write_text("no video")
    shutil.copy(folder / "videos" / "video_0.mp4", folder / "videos" / "again.mp4")
    done = cliploom(*run_arguments(folder / "videos", folder / "run"))
    assert done.code == 3, "2 of 5 inputs are rejected, more than the default tolerance"
    (folder / "summary.json").write_text(done.stdout.splitlines()[-1])
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_the_summary_counts_everything(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    named = ("run_id", "sources", "clips", "fused", "samples", "shards", "rejected", "seconds")
    assert set(named) <= set(summary)
    assert (summary["inputs"], summary["sources"]) == (5, 3)
    assert summary["rejected"] == {"duplicate_source": 1, "not_media": 1}
    assert summary["clips"] == summary["fused"] == summary["samples"] > 3
    assert (finished / "run" / "report" / "index.html").stat().st_size > 10_000


def test_status_adds_up(finished: Path) -> None:
    status = json.loads(cliploom("status", str(finished / "run"), "--json").stdout)
    for name, stage in status["stages"].items():
        assert stage["committed"] + stage["rejected"] + stage["pending"] == stage["inputs"], name
        assert stage["pending"] == 0
    assert status["stages"]["probe"]["inputs"] == 5
    assert status["stages"]["probe"]["rejected"] == 2


def test_a_second_run_does_nothing_and_says_so(copied: Path) -> None:
    arguments = [
        argument for argument in run_arguments(copied / "videos", copied / "run") if argument != "--json"
    ]
    # The copy lies elsewhere, so its inputs are new ones; the run after that has nothing left.
    cliploom(*arguments)
    again = cliploom(*arguments)
    assert again.stdout.startswith("Nothing was left to do")


def test_a_changed_config_says_what_it_redoes_and_going_back_restores_the_shards(
    finished: Path, copied: Path
) -> None:
    videos, run = finished / "videos", copied / "run"
    before = shard_hashes(run)
    changed = cliploom(*run_arguments(videos, run, "--set", "captioning.fusion.max_chars=400"))
    assert "redoing" in changed.stderr
    assert "fuse (" in changed.stderr
    assert "cut (" not in changed.stderr
    # fuse for three videos, gate for the two whose texts change, select, pack, manifest
    assert changed.summary["executed"] == 8
    assert shard_hashes(run)["shards/manifest.json"] != before["shards/manifest.json"]
    back = cliploom(*run_arguments(videos, run))
    assert back.summary["executed"] == 1, "only the manifest is written again"
    assert shard_hashes(run)["shards/manifest.json"] == before["shards/manifest.json"]
    # As a kill would leave it that falls between another manifest and its ledger row.
    (run / "shards" / "manifest.json").write_text("{}")
    assert cliploom(*run_arguments(videos, run)).summary["executed"] == 0
    assert shard_hashes(run)["shards/manifest.json"] == before["shards/manifest.json"]


def test_a_new_video_leaves_old_shards_alone(finished: Path, copied: Path) -> None:
    make_video(copied / "more" / "new.mp4", seed=7, shot_s=2.4)
    before = shard_hashes(copied / "run")
    done = cliploom(
        *run_arguments(finished / "videos", copied / "run", "--input", str(copied / "more")),
        "--set", "execution.tolerance=1",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    after = shard_hashes(copied / "run")
    assert done.summary["shards"] == 2
    assert {name for name in before if name.endswith(".tar")} < set(after)
    assert all(after[name] == before[name] for name in before if name != "shards/manifest.json")
    assert cliploom("shards", "verify", str(copied / "run" / "shards")).code == 0


def test_tables_show_bytes_by_their_number_and_whole_as_json(finished: Path) -> None:
    run, picture_bytes = str(finished / "run"), 27 * 48 * 3
    shown = cliploom("tables", run, "shots", "--limit", "1")
    assert f"first_image=<{picture_bytes} bytes>" in shown.stdout
    shot = json.loads(cliploom("tables", run, "shots", "--limit", "1", "--json").stdout)
    assert len(base64.b64decode(shot["first_image"])) == picture_bytes


def test_duckdb_sees_the_counts_of_the_status(finished: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    sql = cliploom("tables", str(finished / "run"), "--sql").stdout
    database = duckdb.connect()
    database.execute(sql)
    status = json.loads(cliploom("status", str(finished / "run"), "--json").stdout)["stages"]
    tables = {
        "sources": "probe",
        "shots": "detect",
        "planned_clips": "stitch",
        "cut_clips": "cut",
        "clips": "admit",
        "fingerprints": "fingerprint",
        "fused_captions": "fuse",
        "samples": "select",
    }
    for table, stage in tables.items():
        (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
        assert count == status[stage]["outputs"], table
    reasons = database.execute("SELECT reason, count(*) FROM rejected GROUP BY 1 ORDER BY 1").fetchall()
    assert reasons == [("duplicate_source", 1), ("not_media", 1)]
    joined = database.execute(
        "SELECT count(*) FROM fused_captions JOIN clips USING (clip_id) JOIN sources USING (video_id)"
    ).fetchall()[0]
    assert joined == (status["fuse"]["outputs"],)


def test_retry_tries_rejects_again(finished: Path, copied: Path) -> None:
    (finished / "videos" / "notes.txt").touch()
    done = cliploom("retry", str(copied / "run"), "--reason", "not_media")
    assert done.code == 3, "still 2 of 5 inputs are rejected"
    assert "not_media 1" in done.stdout
    assert "no reject fits" in cliploom("retry", str(copied / "run"), "--reason", "decode_timeout").stdout


def test_retry_names_the_stages_and_reasons_that_there_are(finished: Path) -> None:
    for option, value, allowed in (("--stage", "prob", "probe, detect"), ("--reason", "bad", "not_media")):
        done = cliploom("retry", str(finished / "run"), option, value)
        assert done.code == 2
        assert f"{option} {value}" in done.stderr
        assert allowed in done.stderr


def test_a_name_that_is_no_text_ends_as_a_reject_that_names_it(tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "good.mp4", seed=1, shots=1, shot_s=2.4)
    shutil.copy(tmp_path / "videos" / "good.mp4", os.fsencode(tmp_path / "videos") + b"/odd\xff\x1b[2J.mp4")
    done = cliploom(*run_arguments(tmp_path / "videos", tmp_path / "run"))
    assert done.code == 3, done.stderr
    assert (done.summary["sources"], done.summary["rejected"]) == (1, {"unreadable": 1})
    shown = cliploom("tables", str(tmp_path / "run"), "rejected").stdout
    assert "has a name that is not UTF-8" in shown
    assert "odd\\xff" in shown
    assert "\x1b" not in shown


def test_mistakes_are_named_without_a_traceback(finished: Path, tmp_path: Path) -> None:
    videos, out = str(finished / "videos"), str(tmp_path / "run")
    run = ("run", QUICKSTART, "--input", videos, "--output", out)
    cases = {
        (*run, "--set", "curation.stitch.max_ss=3"): "Did you mean 'max_s'?",
        (*run, "--set", "curation.cut.forms=[{crf: 99}]"): "curation.cut.forms.0.crf = 99",
        (*run, "--set", "captioning.video.kind=magic"): "magic",
        ("run", QUICKSTART, "--input", "nowhere", "--output", out): "--input nowhere",
        ("run", "nowhere.yaml", "--input", videos, "--output", out): "nowhere.yaml: no such file",
        ("status", str(tmp_path)): "no run there",
        ("shards", "verify", str(tmp_path)): "manifest",
        ("train", "examples/train/stage1_tiny_cpu.yaml"): "set data.train to the URL of one data set",
    }
    for arguments, message in cases.items():
        done = cliploom(*arguments)
        assert done.code == 2, (arguments, done.stderr)
        assert message in done.stderr, (arguments, done.stderr)
    assert not Path(out).exists(), "a refused config leaves nothing behind"


def test_real_and_odd_footage(shared_media: Path, tmp_path: Path) -> None:
    """Every good video ends in the shards, every bad one in the rejects with a reason."""
    done = cliploom(
        *run_arguments(shared_media / "odd", tmp_path / "run", "--input", str(shared_media / "single_shot"))
    )
    assert done.code in (0, 3), done.stderr
    status = json.loads(cliploom("status", str(tmp_path / "run"), "--json").stdout)
    for name, stage in status["stages"].items():
        assert stage["committed"] + stage["rejected"] == stage["inputs"], name
    lines = cliploom(
        "tables", str(tmp_path / "run"), "rejected", "--json", "--limit", "1000"
    ).stdout.splitlines()
    rejects = [json.loads(line) for line in lines]
    for name in ("zero_bytes.webm", "one_pixel.mp4", "audio_only_92s.mp4", "cover_art.mp3", "unreadable.ogg"):
        (reject,) = [reject for reject in rejects if name in reject["detail"]]
        assert reject["stage"] == "probe"
    sources = cliploom(
        "tables", str(tmp_path / "run"), "sources", "--json", "--limit", "1000"
    ).stdout.splitlines()
    clips = cliploom(
        "tables", str(tmp_path / "run"), "clips", "--json", "--limit", "1000"
    ).stdout.splitlines()
    with_clips = {json.loads(line)["video_id"] for line in clips}
    by_name = {Path(json.loads(line)["uri"]).name: json.loads(line)["video_id"] for line in sources}
    for path in (shared_media / "single_shot").iterdir():
        assert by_name[path.name] in with_clips, path.name
    assert cliploom("shards", "verify", str(tmp_path / "run" / "shards")).code == 0
