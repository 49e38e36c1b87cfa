"""Copies of checkpoints at a URL: whole or recognisably not, never in training's way."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import fsspec
import pytest
import torch

from curation.base.storage import Storage
from tests.s3 import s3_server
from tests.training.checkpoints.checkpoint_parts import Alone, Model, Nothing, state_of
from training.checkpoints import upload as upload_module
from training.checkpoints.config import CheckpointConfig
from training.checkpoints.folder import CheckpointFolder, NoWholeCheckpointError
from training.checkpoints.manifest import MANIFEST, DamagedError, read_manifest
from training.checkpoints.state import STATE_FILE, SavedState
from training.checkpoints.upload import fetch, remote_steps

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def url() -> Iterator[str]:
    """A file system in memory."""
    name = f"memory://{uuid.uuid4().hex}/run"
    yield name
    fsspec.filesystem("memory").store.clear()


class Run:
    """A run that copies its checkpoints."""

    def __init__(self, root: Path, url: str, **config: Any) -> None:
        self.notes: list[str] = []
        self.waits: list[str] = []
        self.folder = CheckpointFolder(root, CheckpointConfig(upload=url, **config), Alone(), note=self._note)
        self.model = Model()
        self.model.train_a_little()

    def _note(self, text: str) -> None:
        (self.waits if text.startswith("Waiting for the copy of") else self.notes).append(text)

    def save(self, step: int, **changes: Any) -> None:
        state: SavedState = replace(state_of(step), **changes)
        self.folder.save(state, self.model.tensors())


def names(url: str) -> set[str]:
    return {name.partition("/")[0] for name in Storage(url).list()}


def wait_until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.01)


def test_copies_are_made_and_the_newest_kept(tmp_path: Path, url: str) -> None:
    run = Run(tmp_path, url, keep=2)
    for step in (1, 2, 3):
        run.save(step)
        wait_until(lambda step=step: remote_steps(url)[:1] == [step])  # type: ignore[misc]
    run.folder.close()
    assert names(url) == {"step_00000002", "step_00000003"}
    assert run.notes == []
    for path in run.folder.path(3).iterdir():
        assert Storage(url).read_bytes(f"step_00000003/{path.name}") == path.read_bytes()


def test_a_folder_without_checkpoints_fetches_the_newest_whole_copy(tmp_path: Path, url: str) -> None:
    run = Run(tmp_path / "here", url)
    for step in (1, 2, 3):
        run.save(step)
        wait_until(lambda step=step: remote_steps(url)[:1] == [step])  # type: ignore[misc]
    run.folder.close()
    storage = Storage(url)
    storage.remove(f"step_00000003/{MANIFEST}")
    state = storage.read_bytes(f"step_00000002/{STATE_FILE}")
    storage.write_bytes(f"step_00000002/{STATE_FILE}", state.replace(b"width", b"wrong"))

    other = Run(tmp_path / "there", url)
    search = other.folder.newest()
    assert search.found is not None
    assert search.found.step == 1
    assert search.fetched_from == url
    assert search.damaged == (f"{url}/step_00000002: {STATE_FILE} is not what {MANIFEST} says",)
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["step_00000001"]
    other.model = Model()
    other.folder.load(search.found, other.model, Nothing())
    for name, tensor in run.model.tensors().items():
        assert torch.equal(other.model.tensors()[name], tensor)
    again = other.folder.newest()
    assert again.found is not None
    assert again.fetched_from is None
    other.folder.close()


def test_nothing_is_fetched_where_there_is_something(tmp_path: Path, url: str) -> None:
    run = Run(tmp_path / "here", url)
    run.save(9)
    run.folder.close()
    other = Run(tmp_path / "there", "memory://elsewhere")
    other.save(4)
    other.folder.close()
    found = Run(tmp_path / "there", url).folder.newest().found
    assert found is not None
    assert found.step == 4


def test_starting_over_is_refused_when_all_copies_are_damaged(tmp_path: Path, url: str) -> None:
    run = Run(tmp_path / "here", url)
    run.save(1)
    run.folder.close()
    Storage(url).remove(f"step_00000001/{STATE_FILE}")
    with pytest.raises(NoWholeCheckpointError, match=rf"step_00000001: {STATE_FILE} is missing.*another URL"):
        Run(tmp_path / "there", url).folder.newest()
    assert list((tmp_path / "there").iterdir()) == []


def test_a_store_that_cannot_be_listed_stops_a_run_without_checkpoints(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> list[str]:
        raise PermissionError("no credentials")

    monkeypatch.setattr(Storage, "list", refuse)
    with pytest.raises(
        OSError, match=r"cannot be listed \(PermissionError: no credentials\).*upload to null"
    ):
        Run(tmp_path, url).folder.newest()


def test_an_unknown_protocol_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nosuch"):
        Run(tmp_path, "nosuch://bucket/run")


def test_a_failure_is_told_and_made_good_with_the_next(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, url)
    write = Storage.open_write

    def refuse(*args: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(Storage, "open_write", refuse)
    run.save(1)
    wait_until(lambda: run.folder.due(1) or bool(run.notes))
    assert "step_00000001 was not copied to memory://" in run.notes[0]
    assert "ConnectionError: no route" in run.notes[0]
    monkeypatch.setattr(Storage, "open_write", write)
    run.save(2)
    run.folder.close()
    assert remote_steps(url) == [2]
    assert len(run.notes) == 1


def test_what_failed_last_is_tried_again_at_the_end(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, url)
    write = Storage.open_write
    monkeypatch.setattr(Storage, "open_write", lambda *args: 1 / 0)
    run.save(1)
    wait_until(lambda: run.folder.due(1) or bool(run.notes))
    monkeypatch.setattr(Storage, "open_write", write)
    run.folder.close()
    assert remote_steps(url) == [1]


def test_the_end_waits_as_long_as_it_is_told_and_the_next_start_goes_on(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "remove", lambda *args: goes_on.wait(20))
        run = Run(tmp_path, url)
        run.save(1)
        since_s = time.monotonic()
        run.folder.close(wait_s=0.1)
        assert time.monotonic() - since_s < 5
        assert run.waits == [f"Waiting for the copy of step_00000001 to {url}."]
        assert "not ready within 0 s of the end" in run.notes[0]
        assert remote_steps(url) == []
        patch.setattr(Storage, "write_bytes", lambda *args: 1 / 0)
        goes_on.set()
        assert run.folder._upload is not None
        assert run.folder._upload._thread is not None
        run.folder._upload._thread.join(20)
    again = Run(tmp_path, url)
    assert again.folder.newest().found is not None
    again.folder.close()
    assert remote_steps(url) == [1]


HANGS = """
import sys, threading, time
from pathlib import Path
from curation.base.storage import Storage
from training.checkpoints.manifest import describe, write_manifest
from training.checkpoints.upload import Upload

folder = Path(sys.argv[1]) / "step_00000001"
folder.mkdir()
names = [f"{number}.bin" for number in range(9)]
for name in names:
    (folder / name).write_bytes(b"a")
write_manifest(folder, describe(folder, names))
begun = threading.Event()
def hang(*args):
    begun.set()
    time.sleep(60)
Storage.open_write = hang
upload = Upload(sys.argv[2], 1)
upload.start(folder)
assert begun.wait(20)
upload.finish(0.1)
print("ended", flush=True)
"""


def test_a_process_ends_though_its_copy_hangs(tmp_path: Path) -> None:
    # Threads of a pool would be waited for, each with all the files that it still had to copy.
    command = [sys.executable, "-c", HANGS, str(tmp_path), str(tmp_path / "copies")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr


def test_training_goes_on_while_a_copy_is_slow_and_keeps_what_is_being_copied(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    remove = Storage.remove

    def slow(storage: Storage, relative: str) -> None:
        goes_on.wait(20)
        remove(storage, relative)

    monkeypatch.setattr(Storage, "remove", slow)
    run = Run(tmp_path, url, keep=1)
    run.save(1)
    wait_until(lambda: run.folder._upload is not None and run.folder._upload._copying is not None)
    for step in (2, 3, 4):
        run.save(step)
    assert run.folder.path(1).exists()
    assert not run.folder.path(2).exists()
    goes_on.set()
    run.folder.close()
    # Those that waited gave way to the last.
    assert remote_steps(url) == [4]
    assert run.notes == []


def test_a_file_that_has_changed_on_disk_never_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(tmp_path / "copies")
    run = Run(tmp_path / "run", url)

    def ruin(path: Path) -> Any:
        files = read_manifest(path)
        (path / STATE_FILE).write_text((path / STATE_FILE).read_text().replace("width", "wrong"))
        return files

    monkeypatch.setattr("training.checkpoints.upload.read_manifest", ruin)
    run.save(1)
    run.folder.close()
    assert "state.json is no longer what manifest.json says" in run.notes[0]
    assert remote_steps(url) == []
    assert not Storage(url).exists(f"step_00000001/{STATE_FILE}")


def test_two_runs_are_not_mixed(tmp_path: Path, url: str) -> None:
    first = Run(tmp_path / "first", url, keep=1)
    first.save(5)
    first.folder.close()
    second = Run(tmp_path / "second", url, keep=1)
    second.save(6, config_hash="another")
    second.folder.close()
    assert "holds checkpoints of a run with another config" in second.notes[0]
    assert remote_steps(url) == [5]


def test_what_is_left_of_copies_that_failed_goes_with_the_next(tmp_path: Path, url: str) -> None:
    for step in (3, 5):
        Storage(url).write_bytes(f"step_0000000{step}/half", b"of a file")
    run = Run(tmp_path, url)
    run.save(4)
    run.folder.close()
    assert names(url) == {"step_00000004", "step_00000005"}
    assert remote_steps(url) == [4]


def test_what_a_killed_run_did_not_copy_is_copied_by_the_next(tmp_path: Path, url: str) -> None:
    CheckpointFolder(tmp_path, CheckpointConfig(), Alone(), note=print).save(state_of(7), Model().tensors())
    Storage(url).write_bytes("step_00000007/half", b"of a file")
    run = Run(tmp_path, url)
    run.folder.newest()
    run.folder.close()
    assert remote_steps(url) == [7]


@pytest.mark.slow
def test_on_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server("training-copies") as bucket:
        url = f"{bucket}/run"
        run = Run(tmp_path / "here", url, keep=1)
        run.save(1)
        run.folder.close()
        monkeypatch.setattr(upload_module, "_blocks", torn)
        second = Run(tmp_path / "here", url, keep=1)
        second.save(2)
        second.folder.close()
        assert "cable pulled" in second.notes[0]
        assert names(url) == {"step_00000001"}
        monkeypatch.undo()
        third = Run(tmp_path / "here", url, keep=1)
        third.save(3)
        third.folder.close()
        assert names(url) == {"step_00000003"}
        search = Run(tmp_path / "there", url).folder.newest()
        assert search.found is not None
        assert search.found.step == 3


def torn(source: IO[bytes]) -> Iterator[bytes]:
    yield source.read(10)
    raise ConnectionError("cable pulled")


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/b", "..", ""])
def test_a_copy_cannot_write_outside_its_folder(tmp_path: Path, url: str, name: str) -> None:
    manifest = {"format": 2, "files": {name: {"size_bytes": 0, "sha256": "0"}}}
    Storage(url).write_bytes(f"step_00000001/{MANIFEST}", json.dumps(manifest).encode())
    with pytest.raises(DamagedError, match="is no file of the folder"):
        fetch(url, tmp_path, "step_00000001", 0, 1)
    assert list(tmp_path.iterdir()) == []
