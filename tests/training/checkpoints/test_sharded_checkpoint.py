"""Several processes write one checkpoint, any other number reads it, and none is left waiting."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from shards.reading import ShardReader
from tests.training.checkpoints.checkpoint_parts import Alone, Nothing, Split, state_of, whole_tensors
from training.checkpoints.config import CheckpointConfig
from training.checkpoints.folder import CheckpointFolder
from training.checkpoints.manifest import MANIFEST
from training.checkpoints.state import STATE_FILE, read_state

ROOT = Path(__file__).resolve().parents[3]
TORN = (
    "full_disk_while_writing_tensors",
    "full_disk_elsewhere",
    "unseen",
    "unreadable",
    "none_whole",
    "other_model",
    "damaged",
    "copies",
    "bad_url",
    "due",
)
TOLD = "ToldElsewhereError: "

pytestmark = pytest.mark.slow


def run(root: Path, size: int, *what: str) -> dict[str, list[Any]]:
    """Let `size` processes do the named things one after the other; what each of them saw."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.checkpoints.checkpoint_child", str(root), *what],
            cwd=ROOT,
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    ended = [process.communicate(timeout=120) for process in processes]
    assert all(process.returncode == 0 for process in processes), [err for _, err in ended]
    seen = [json.loads(out.splitlines()[-1]) for out, _ in ended]
    return {name: [one[name] for one in seen] for name in what}


@pytest.fixture(scope="module")
def by_two(shards: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Any]]]:
    """A checkpoint of step 5 that two processes wrote, and what went on afterwards."""
    root = tmp_path_factory.mktemp("by_two")
    reader = ShardReader(shards, split="train", seed=0)
    list(islice(reader, 3))
    (root / "stream.json").write_text(json.dumps(reader.state_dict()))
    reader.close()
    of_one = CheckpointFolder(root / "of one", CheckpointConfig(), Alone(), note=print)
    of_one.save(state_of(5), whole_tensors())
    return root, run(root, 2, "save", "load", "load_of_one", *TORN)


def test_each_process_writes_its_share(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    _, seen = by_two
    shards = [f"shard-0000{n}-model-00001-of-00001.safetensors" for n in (1, 2)]
    assert seen["save"] == [[5, [MANIFEST, *shards, STATE_FILE]]] * 2
    assert seen["load"] == [[], []]


def test_the_positions_of_the_processes_are_merged(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    root, _ = by_two
    stream = read_state(root / "step_00000005").progress.stream
    assert stream is not None
    assert stream["slot"] == 3
    assert stream["passes"][0]["substitutes"] == {"0": 5, "1": 6}


def test_one_process_reads_what_two_wrote(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    root, _ = by_two
    checkpoints = CheckpointFolder(root, CheckpointConfig(), Alone(), note=print)
    found = checkpoints.newest().found
    assert found is not None
    engine = Split({name: torch.zeros_like(tensor) for name, tensor in whole_tensors().items()})
    checkpoints.load(found, engine, Nothing())
    for name, tensor in whole_tensors().items():
        assert torch.equal(engine.tensors()[name], tensor), name


def test_three_processes_read_what_two_wrote(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    assert run(by_two[0], 3, "load")["load"] == [[], [], []]


def test_two_processes_read_what_one_wrote(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    assert by_two[1]["load_of_one"] == [[], []]


@pytest.mark.parametrize(
    ("what", "first", "second"),
    [
        ("full_disk_while_writing_tensors", "OSError: process 1 could not write", TOLD + "All 2 processes"),
        (
            "full_disk_elsewhere",
            "OSError: [Errno 28] No space",
            TOLD + "Process 0 of 2 failed: OSError: [Err",
        ),
        ("unreadable", TOLD + "Process 1 of 2 failed: OSError: ", "[Errno 5] Input/output error"),
        ("unseen", "Process 1 of 2 failed: NotSharedError: ", "NotSharedError: "),
        (
            "other_model",
            "Process 1 of 2 failed: TensorsDifferError: ",
            "model/whole has shape [3] in the check",
        ),
    ],
)
def test_a_failure_of_one_is_everyones_and_leaves_nothing(
    by_two: tuple[Path, dict[str, list[Any]]], what: str, first: str, second: str
) -> None:
    on_first, on_second = by_two[1][what]
    assert first in on_first[0]
    assert second in on_second[0]
    assert on_first[1] == ["step_00000005"]
    assert on_first[2], "took too long"
    assert on_second[2], "took too long"


def test_what_all_processes_find_is_said_by_one(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    on_first, on_second = by_two[1]["none_whole"]
    assert on_first[0].startswith("NoWholeCheckpointError: ")
    assert on_second[0].startswith(f"{TOLD}All 2 processes failed: NoWholeCheckpointError: ")


def test_damage_that_one_process_finds_is_known_to_all(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    damage = [5, [f"step_00000007: the sha256 of {STATE_FILE} differs from the manifest"]]
    assert by_two[1]["damaged"] == [damage, damage]


def test_processes_fetch_a_copy_together(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    assert by_two[1]["copies"] == [8, 8]


def test_a_bad_url_stops_all(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    on_first, on_second = by_two[1]["bad_url"]
    assert "nosuch" in on_first[0]
    assert "Process 0 of 2 failed: ValueError: nosuch" in on_second[0]


def test_the_first_process_has_the_clock(by_two: tuple[Path, dict[str, list[Any]]]) -> None:
    assert by_two[1]["due"] == [[False, False, True]] * 2
