"""`cliploom shards`: what the commands print, and their exit codes."""

from __future__ import annotations

import io
import json
import signal
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
from tests.shards.http_server import Behaviour, http_server

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
    path.parent.mkdir(exist_ok=True)
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


def test_index_and_import_of_damaged_tars(tmp_path: Path) -> None:
    video = encoded("red")[0]
    files = {f"{n}.{kind}": data for n in range(3) for kind, data in (("mp4", video), ("txt", b"Red."))}
    whole = write_tar(tmp_path / "a.tar", {**files, "x.cls": b"1"})
    size = tmp_path.joinpath("a.tar").stat().st_size
    cut = tmp_path / "b.tar"
    write_tar(cut, {name.replace(".", "b.", 1): data for name, data in files.items()})
    cut.write_bytes(cut.read_bytes()[: size // 2])
    (tmp_path / "text.tar").write_text("no tar at all\n" * 100)
    indexed = run("index", str(tmp_path), "--workers", "1")
    assert code(indexed) == 1
    assert "b.tar (truncated), text.tar (bad_header)" in indexed.output
    again = run("index", str(tmp_path), "--workers", "1", "--json")
    assert code(again) == 1
    assert json.loads(again.output)["broken"] == {"b.tar": "truncated", "text.tar": "bad_header"}
    out = tmp_path / "out"
    imported = run("import", whole, str(cut), str(out), "--workers", "1", "--max-rejects", "100%")
    assert code(imported) == 1
    assert "1 members of type cls, 1 'truncated'" in imported.output
    assert f"{cut}: the tar ends early, at byte " in imported.output
    listed = [json.loads(line) for line in (out / "rejects.jsonl").read_text().splitlines()]
    assert [each["from"] for each in listed if each["reason"] == "truncated"] == [str(cut)]


def test_what_is_no_tar_is_said(tmp_path: Path) -> None:
    text = tmp_path / "text.tar"
    text.write_text("no tar at all\n" * 100)
    shown = run("head", str(text))
    assert code(shown) == 1
    assert "text.tar: no tar header" in message(shown)
    gone = run("stats", str(tmp_path / "gone.tar"), "--workers", "1")
    assert code(gone) == 1
    assert "gone.tar: no such file" in gone.output
    card = run("card", str(text), "--workers", "1")
    assert code(card) == 1
    assert f"not read: {text}: no index beside it" in card.output


def test_a_server_that_only_gives_whole_files(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "set" / "a.tar", {f"{n}.txt": b"Text." for n in range(5)})
    assert code(run("index", tar)) == 0
    with http_server(Behaviour(root=tmp_path, ranges=False)) as server:
        url = f"{server}/set/a.tar"
        for arguments in (
            ("head", url),
            ("repack", f"{server}/set/manifest.json", str(tmp_path / "out")),
            ("import", url, str(tmp_path / "out")),
        ):
            refused = run(*arguments)
            assert code(refused) == 1, arguments
            assert message(refused).startswith(f"{url}: the server gives no parts of files"), arguments
        stats = run("stats", url, "--workers", "1")
        assert (code(stats), "gives no parts of files" in stats.output) == (1, True)
        for arguments in (("index", url), ("repack", tar, f"{server}/out")):
            refused = run(*arguments)
            assert (code(refused), "cannot be written to" in message(refused)) == (2, True), arguments


def test_options_of_repack_that_cannot_be_meant(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "set" / "a.tar", {f"{n}.txt": b"Text." for n in range(5)})
    assert code(run("index", tar)) == 0
    folder, out = str(tmp_path / "set"), str(tmp_path / "out")
    assert "--where is empty" in message(run("repack", folder, out, "--where", " "))
    assert "There are: train" in message(run("repack", folder, out, "--split", "nope"))
    assert "lies in the input" in message(run("repack", folder, f"{folder}/sub"))
    verdicts = tmp_path / "v.jsonl"
    verdicts.write_text('{"key": "1", "v": 1}\n{"key": "2", "v": 1}\n{"key": "1", "v": 2}\n')
    twice = message(run("repack", folder, out, "--table", f"v={verdicts}", "--where", "v.v == 1"))
    assert f"v={verdicts}: rows 1 and 3 both have the key '1'" in twice
    unused = run("repack", folder, out, "--table", "v=no.jsonl", "--workers", "1")
    assert (code(unused), "--table is not used" in unused.output) == (0, True)


def test_a_signal_to_end_is_an_interrupt(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    script = (
        "import os, signal; import shards.reading.head as head\n"
        "head.head = lambda *a, **k: os.kill(os.getpid(), signal.SIGTERM) or iter(())\n"
        "from pipelines.cli import main; main(['shards', 'head', 'x.tar'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.strip() == "interrupted: run the same command again to continue"
    run("head", str(tmp_path / "x.tar"))
    assert signal.getsignal(signal.SIGTERM) == before
