"""The reader: exact order, exact resume, elastic ranks, and what it refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from curation.base.workspace import Workspace
from shards.reading import ShardError, ShardReader, merge_states
from shards.writing.select import SelectConfig
from tests.shards.dataset import make_records, write_dataset

CONFIG = SelectConfig(samples_per_shard=5)
NUM_SAMPLES = 39


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = Workspace.open(str(tmp_path_factory.mktemp("run")))
    return write_dataset(workspace, make_records(workspace, 13, 3, real_media=False), CONFIG, lanes=8)


def keys(reader: ShardReader, count: int) -> list[str]:
    return [sample.key for sample, _ in islice(reader, count)]


def global_keys(readers: list[ShardReader], rounds: int) -> list[str]:
    """The stream of all ranks together, a sample of each in turn."""
    streams = [iter(reader) for reader in readers]
    return [next(stream)[0].key for _ in range(rounds) for stream in streams]


def test_an_epoch_is_every_sample_once_and_epochs_differ(url: str) -> None:
    reader = ShardReader(url)
    assert reader.num_samples == NUM_SAMPLES
    found = [sample for sample, _ in islice(reader, 3 * NUM_SAMPLES)]
    assert [sample.index for sample in found] == list(range(3 * NUM_SAMPLES))
    epochs = [[s.key for s in found if s.epoch == epoch] for epoch in range(3)]
    assert len(set(epochs[0])) == NUM_SAMPLES
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(epochs[2])
    assert epochs[0] != epochs[1] != epochs[2]


def test_samples_hold_their_members(url: str) -> None:
    for sample, _ in islice(ShardReader(url), NUM_SAMPLES):
        metadata = json.loads(sample.members["json"])
        assert metadata["key"] == sample.key
        assert set(sample.members) == ({"mp4", "json", "flac"} if metadata["audio"] else {"mp4", "json"})
        assert len(sample.members["mp4"]) == metadata["video"]["size_bytes"]


@pytest.mark.parametrize("num_ranks", [2, 4, 8])
def test_any_number_of_ranks_gives_the_same_stream(url: str, num_ranks: int) -> None:
    readers = [ShardReader(url, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
    assert global_keys(readers, 96 // num_ranks) == keys(ShardReader(url), 96)


def test_resuming_on_other_numbers_of_ranks_goes_on_with_the_same_stream(url: str) -> None:
    whole = keys(ShardReader(url, seed=3), 120)
    got: list[str] = []
    states: list[dict[str, Any]] = []
    # 12 is no multiple of 8: ranks may begin in the middle of a round of lanes.
    for num_ranks, rounds in ((8, 3), (4, 3), (8, 2), (1, 7), (2, 10)):
        readers = [ShardReader(url, seed=3, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
        for reader in readers:
            if states:
                reader.load_state_dict(merge_states(states))
        got += _in_slot_order(readers, rounds)
        states = [reader.state_dict() for reader in readers]
    assert got == whole[: len(got)]


def _in_slot_order(readers: list[ShardReader], rounds: int) -> list[str]:
    found = [sample for reader in readers for sample, _ in islice(reader, rounds)]
    return [sample.key for sample in sorted(found, key=lambda sample: sample.index)]


def test_resume_at_any_step_equals_the_uninterrupted_stream(url: str) -> None:
    whole = keys(ShardReader(url, rank=1, num_ranks=2), 100)
    for step in random.Random(0).sample(range(1, 90), 20):
        reader = ShardReader(url, rank=1, num_ranks=2)
        keys(reader, step)
        state = json.loads(json.dumps(reader.state_dict()))
        again = ShardReader(url, rank=1, num_ranks=2)
        again.load_state_dict(state)
        assert keys(again, 10) == whole[step : step + 10]


def test_the_position_with_a_sample_is_the_state_after_it(url: str) -> None:
    reader = ShardReader(url)
    ahead = list(islice(reader, 20))
    again = ShardReader(url)
    again.load_state_dict(reader.state_dict(ahead[11][1]))
    assert keys(again, 8) == [sample.key for sample, _ in ahead[12:]]


def test_state_is_small_printable_json(url: str) -> None:
    reader = ShardReader(url)
    keys(reader, 25)
    state = reader.state_dict()
    assert len(json.dumps(state)) < 400
    assert state["slot"] == 25
    assert state["passes"][0]["manifest"] == json.loads(Path(url, "manifest.json").read_bytes())["version"]


def test_other_shards_are_refused_with_both_hashes(url: str, workspace: Workspace) -> None:
    other = write_dataset(workspace, make_records(workspace, 5, 3, real_media=False), CONFIG, lanes=8)
    old, new = ShardReader(url), ShardReader(other)
    keys(old, 50)
    with pytest.raises(ShardError) as refused:
        new.load_state_dict(old.state_dict())
    for reader in (old, new):
        assert reader.version in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed = 0, the reader has 1"),
        ({"window": 2}, "window = 1024"),
        ({"shuffle": False}, "shuffle"),
    ],
)
def test_another_order_is_refused(url: str, change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ShardError, match=message):
        ShardReader(url, **change).load_state_dict(ShardReader(url).state_dict())


@pytest.mark.parametrize("state", [{}, {"format": 1}, {"format": 2}, {"format": 2, "passes": 3}])
def test_what_is_no_state_is_refused(url: str, state: dict[str, Any]) -> None:
    with pytest.raises(ShardError, match="reader state"):
        ShardReader(url).load_state_dict(state)


def test_ranks_must_divide_the_lanes(url: str) -> None:
    with pytest.raises(ShardError, match=r"6 ranks do not divide the 8 lanes.*1, 2, 4, 8"):
        ShardReader(url, num_ranks=6)
    with pytest.raises(ShardError, match=r"rank = 4.*0\.\.3"):
        ShardReader(url, rank=4, num_ranks=4)


def test_an_unknown_split_is_refused(url: str) -> None:
    with pytest.raises(ShardError, match=r"split 'val'.*there are: train"):
        ShardReader(url, split="val")


def test_manifest_folder_braces_and_globs_are_the_same_samples(url: str) -> None:
    generation = json.loads(Path(url, "manifest.json").read_bytes())["generations"][0]["generation"]
    folder = f"{url}/{generation}/train"
    shapes = [
        f"{url}/manifest.json",
        f"file://{url}",
        f"{folder}/{{000000..000007}}.tar",
        f"{folder}/*.tar",
        [f"{folder}/00000{n}.tar" for n in range(8)],
    ]
    expected = sorted(keys(ShardReader(url), NUM_SAMPLES))
    readers = [ShardReader(shape) for shape in shapes]
    assert all(sorted(keys(reader, NUM_SAMPLES)) == expected for reader in readers)
    braces, glob = (reader.version for reader in readers[2:4])
    assert braces == glob


def test_fewer_shards_than_ranks(workspace: Workspace) -> None:
    url = write_dataset(workspace, make_records(workspace, 3, 3, real_media=False))
    readers = [ShardReader(url, rank=rank, num_ranks=16) for rank in range(16)]
    assert global_keys(readers, 9) == keys(ShardReader(url), 144)
