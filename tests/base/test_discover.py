"""Discovery: which files are found, and what is remembered of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import fsspec
import pytest

from curation.base.storage import Storage
from curation.base.tables import Tables
from curation.discover import InputTable, NoInput, find_inputs
from curation.records import Input


def names(root: Path, *, exclude: Sequence[Path] = ()) -> list[str]:
    found = find_inputs([str(root)], exclude=[str(path) for path in exclude])
    return [record.uri.removeprefix(f"{root}/") for record in found]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def look(size: int, uri: str = "/a.mp4") -> Input:
    return Input(input_id=uri, uri=uri, size_bytes=size, fingerprint=str(size), batch=0)


def test_every_change_of_a_file_is_noticed_once(tmp_path: Path) -> None:
    table = InputTable(Tables(Storage(str(tmp_path / "run"))))
    other = look(7, "/b.mp4")
    for size in range(1, 7):
        known = table.add([look(size), other], "run")
        assert [(record.uri, record.size_bytes) for record in known] == [("/a.mp4", size), ("/b.mp4", 7)]
        table.add([look(size), other], "run")
        rows = Tables(Storage(str(tmp_path / "run"))).read("inputs")
        assert rows is not None
        assert rows.num_rows == size + 1, "an unchanged look appends nothing"
    assert len(table.add([look(1, "/0.mp4")], "run")) == 3
    assert [record.uri for record in table.read()] == ["/a.mp4", "/b.mp4", "/0.mp4"], "in order of arrival"


def test_links_are_followed_and_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    touch(folder / "z" / "a.mp4", folder / ".hidden" / "b.mp4", folder / ".c.mp4", elsewhere / "d.mp4")
    (folder / "0").symlink_to(folder / "z")
    (folder / "e.mp4").symlink_to(elsewhere / "d.mp4")
    (folder / "far").symlink_to(elsewhere)
    (elsewhere / "round").symlink_to(folder)
    (folder / "z" / "up").symlink_to("..")
    (folder / "gone.mp4").symlink_to("nowhere")
    (folder / "self.mp4").symlink_to("self.mp4")
    os.mkfifo(folder / "pipe.mp4")
    assert names(folder) == ["e.mp4", "far/d.mp4", "z/a.mp4"]
    with pytest.raises(NoInput, match="no files there"):
        find_inputs([str(folder / "pipe.mp4")])


def test_a_linked_folder_given_by_name_is_found_below_that_name(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.mp4")
    (tmp_path / "link").symlink_to("real")
    assert names(tmp_path / "link") == ["a.mp4"]
    (record,) = find_inputs([f"file://{tmp_path}/link"])
    assert record.uri == f"{tmp_path}/link/a.mp4"


def test_a_name_that_is_no_text_is_kept_readable(tmp_path: Path) -> None:
    touch(tmp_path / "é.mp4")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.mp4")).write_text("x")
    found = names(tmp_path)
    assert found == ["odd\\xff.mp4", "é.mp4"]


def test_a_run_below_its_input_is_left_out_whole_also_through_a_link(tmp_path: Path) -> None:
    folder, run = tmp_path / "in", tmp_path / "in" / "run"
    touch(folder / "a.mp4", folder / "runner" / "b.mp4", run / "media" / "c.mp4", run / "d.mp4")
    (folder / "again").symlink_to(run)
    assert names(folder, exclude=[run]) == ["a.mp4", "runner/b.mp4"]
    outside = tmp_path / "outside"
    touch(outside / "media" / "c.mp4")
    (folder / "out").symlink_to(outside)
    (tmp_path / "other").symlink_to(outside)
    assert "out/media/c.mp4" in names(folder)
    assert names(folder, exclude=[run, tmp_path / "other"]) == ["a.mp4", "runner/b.mp4"]


def test_of_a_run_around_its_input_only_what_it_writes_is_left_out(tmp_path: Path) -> None:
    run = tmp_path / "pp"
    touch(run / "vids" / "a.mp4", run / "b.mp4", run / "media" / "cut" / "c.tar", run / "shards" / "d.tar")
    assert names(run / "vids", exclude=[run]) == ["a.mp4"]
    assert names(run, exclude=[run]) == ["b.mp4", "vids/a.mp4"]
    with pytest.raises(NoInput, match="but those of the run itself"):
        find_inputs([str(run / "media")], exclude=[str(run)])


def test_remote_files_are_found_by_their_urls() -> None:
    memory = fsspec.filesystem("memory")
    for name in ("/found/a.mp4", "/found/.b.mp4", "/found/run/media/c.tar"):
        memory.pipe_file(name, b"12345")
    (record,) = find_inputs(["memory://found"], exclude=["memory://found/run"])
    assert (record.uri.endswith("found/a.mp4"), record.size_bytes) == (True, 5)
    assert len(find_inputs(["memory://found"])) == 2


def test_looking_for_files_imports_no_pandas() -> None:
    """Half a second of every command, where nothing reads a table."""
    code = "import sys, curation.discover; print(*{'pandas', 'pyarrow.dataset'} & set(sys.modules))"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.split() == []
