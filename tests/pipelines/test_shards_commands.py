"""`cliploom shards`: what the commands print, and their exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from curation.base.workspace import Workspace
from pipelines.cli import cli
from shards.writing.select import SelectConfig
from tests.shards.dataset import encoded, make_records, write_dataset

CONFIG = SelectConfig(splits={"train": 0.6, "val": 0.4}, samples_per_shard=6)


@pytest.fixture
def url(workspace: Workspace) -> str:
    return write_dataset(workspace, make_records(workspace, 4, 3), CONFIG)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["shards", *arguments], standalone_mode=False)


def code(result: Result) -> int:
    if result.exception is not None:
        return int(getattr(result.exception, "exit_code", 99))
    return int(result.return_value or 0)


def message(result: Result) -> str:
    return str(getattr(result.exception, "message", result.exception))


def write_tar(path: Path, files: dict[str, bytes]) -> str:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def test_verify(url: str) -> None:
    good = run("verify", url, "--workers", "1")
    assert code(good) == 0
    assert "12 samples" in good.output
    assert good.output.rstrip().endswith("all good")
    tar = next(Path(url).rglob("*.tar"))
    tar.write_bytes(tar.read_bytes()[:3000])
    bad = run("verify", url, "--workers", "1", "--json")
    assert code(bad) == 1
    found = json.loads(bad.output)
    assert not found["ok"]
    assert found["counts"]["truncated"] == 1
    assert code(run("verify", url + "x", "--workers", "1")) == 2


def test_head_escapes_what_steers_a_terminal(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "a.tar", {"1.txt": b"\x1b[2Jgone\nline", "1.jpg": b"x"})
    found = run("head", tar)
    assert code(found) == 0
    assert "\x1b" not in found.output
    assert "\\x1b[2Jgone\\nline" in found.output
    assert json.loads(run("head", tar, "--json").output)["key"] == "1"
    broken = write_tar(tmp_path / "b.tar", {"1.json": b"{nope", "1.jpg": b"x"})
    assert "the .json cannot be read" in run("head", broken).output


def test_damage_is_failed_work_and_no_traceback(url: str, tmp_path: Path) -> None:
    for tar in Path(url).rglob("*.tar"):
        data = bytearray(tar.read_bytes())
        data[-3000:] = bytes(3000)
        tar.write_bytes(data[:4000])
    for arguments in (("head", url), ("repack", url, str(tmp_path / "out"), "--workers", "1")):
        result = run(*arguments)
        assert code(result) == 1, result.exception


def test_stats_and_card(url: str, tmp_path: Path) -> None:
    found = run("stats", url, "--workers", "1")
    assert code(found) == 0
    assert "12 samples" in found.output
    assert "languages: en 12" in found.output
    assert json.loads(run("stats", url, "--index-only", "--workers", "1", "--json").output)["samples"] == 12
    card = run("card", url, "--name", "Colours", "--workers", "1")
    assert card.output.startswith("---\npretty_name: Colours\n")
    again = run("card", url, "--name", "Colours", "--workers", "1", "--output", str(tmp_path / "README.md"))
    assert code(again) == 0
    assert (tmp_path / "README.md").read_text() == card.output


def test_index_repack_diff(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "a.tar", {f"{n}.txt": b"Text." for n in range(5)})
    assert code(run("repack", tar, str(tmp_path / "out"))) == 2
    indexed = run("index", tar)
    assert code(indexed) == 0
    assert "5 samples in 1 tars" in indexed.output
    out = str(tmp_path / "out")
    packed = run("repack", tar, out, "--count", "2", "--workers", "1")
    assert code(packed) == 0
    assert "5 of 5 samples (0 left out) in 3 shards" in packed.output
    same = run("diff", str(tmp_path), out)
    assert code(same) == 0
    less = run("repack", tar, str(tmp_path / "less"), "--where", "key != '3'", "--json")
    assert json.loads(less.output)["left_out"] == 1
    differ = run("diff", out, str(tmp_path / "less"))
    assert code(differ) == 1
    assert "removed: 3 from train" in differ.output
    assert not list(tmp_path.glob("*/.scratch"))


def test_bad_usage_names_what_is_right(url: str, tmp_path: Path) -> None:
    assert "repack IN... OUT" in message(run("repack", url))
    assert "is not NAME=VALUE" in message(run("repack", url, str(tmp_path / "o"), "--table", "x"))
    refused = run("repack", url, str(tmp_path / "o"), "--where", "exec('1')")
    assert code(refused) == 2
    assert "is not understood" in message(refused)
    assert code(run("import", "x.txt", str(tmp_path / "o"))) == 2
    assert code(run("import", "x.csv", str(tmp_path / "o"), "--max-rejects", "many")) == 2


def test_import_and_its_tolerance(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(encoded("red")[0])
    (tmp_path / "t.csv").write_text("file,words\na.mp4,Red.\nb.mp4,Gone.\n")
    options = ("--columns", "caption=words", "--workers", "1")
    partial = run("import", str(tmp_path / "t.csv"), str(tmp_path / "one"), *options)
    assert code(partial) == 3
    assert "1 of 2 rows" in partial.output
    assert "1 rejected (1 missing_media), see rejects.jsonl" in partial.output
    done = run(
        "import", str(tmp_path / "t.csv"), str(tmp_path / "two"), *options, "--max-rejects", "1", "--json"
    )
    assert code(done) == 0
    assert json.loads(done.output)["num_rejected"] == 1


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom pipelines.cli import main\n"
        "try:\n    main(['shards', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pyarrow', 'av', 'numpy', 'fsspec'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "repack" in done.stdout
