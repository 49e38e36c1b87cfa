"""docs/run.md and docs/shards.md describe a run as it is: one is made and compared."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page, command_lines, pages
from tests.footage import make_video
from tests.pipelines.runs import QUICKSTART, cliploom

PLACE = re.compile(r"^RUN/(\S+)", re.MULTILINE)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documented")
    make_video(folder / "videos" / "a.mp4", seed=1, shots=2, shot_s=2.4)
    (folder / "videos" / "text.mp4").write_text("no video")
    short = ["--set", "training.steps=3", "--set", "execution.tolerance=1"]
    done = cliploom(
        "run",
        QUICKSTART,
        "--input",
        str(folder / "videos"),
        "--output",
        str(folder / "run"),
        *short,
        "--json",
    )
    assert done.code == 0, done.stderr
    said = done.summary
    promised = ("run_id", "inputs", "sources", "clips", "fused", "samples", "shards", "rejected", "seconds")
    assert not set(promised) - set(said)
    return folder / "run"


def _page(path: str) -> Page:
    return next(page for page in pages() if page.path == path)


def _patterns(path: str) -> list[str]:
    """Places in a run as globs: `<…>` and numbers stand for anything, a folder for all below it."""
    listing = next(block for block in _page(path).blocks("") if PLACE.search(block))
    found = (re.sub(r"<[^>]*>|0{6}", "*", place) for place in PLACE.findall(listing))
    return [f"{place}*" if place.endswith("/") else place for place in found]


def test_the_run_folder_holds_what_is_listed_and_nothing_else(run: Path) -> None:
    files = sorted(str(file.relative_to(run)) for file in run.rglob("*") if file.is_file())
    listed = _patterns("docs/run.md")
    for pattern in listed + _patterns("docs/shards.md"):
        assert fnmatch.filter(files, pattern), f"no file of a run is RUN/{pattern}"
    for file in files:
        assert any(fnmatch.fnmatch(file, pattern) for pattern in listed), f"RUN/{file} is not listed"


def test_a_sample_has_the_members_and_fields_that_are_listed(run: Path) -> None:
    sample = json.loads(cliploom("shards", "head", str(run / "shards"), "-n", "1", "--json").stdout)
    rows = re.findall(r"^\| (`.*?) \|", _page("docs/shards.md").text, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`([\w<>.]+)`", row)}
    assert {f"<key>.{extension}" for extension in sample["size_bytes"]} <= listed
    assert set(sample["metadata"]) <= listed


def test_commands_that_only_look_work_on_a_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    looking = ("cliploom status RUN", "cliploom tables RUN", "cliploom shards")
    lines = {
        line.split("#")[0].split(">")[0].strip()
        for page in pages()
        for line in command_lines(page, "cliploom")
    }
    tried = [line for line in sorted(lines) if line.startswith(looking) and "RUN" in line]
    assert len(tried) >= 5
    for line in tried:
        done = cliploom(*(word.replace("RUN", str(run)) for word in line.split()[1:]))
        assert done.code == 0, f"{line}: {done.stderr}"


def test_the_python_example_reads_the_run(run: Path) -> None:
    # Each example goes on where the one before ended.
    values: dict[str, object] = {}
    for code in _page("docs/shards.md").blocks("python"):
        exec(code.replace("RUN/shards", str(run / "shards")), values)
        assert getattr(values["frames"], "shape", None) == (8, 224, 224, 3)
        json.dumps(values["state"])
