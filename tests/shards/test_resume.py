"""Exact resume: after kills, over other numbers of ranks, and over shards that changed."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from curation.base.storage import Storage
from curation.base.workspace import Workspace
from shards.format import kept_manifest_path
from shards.reading import DecodeError, PrefetchLoader, RawSample, ShardError, ShardReader, merge_states
from shards.reading.fetch import Fetcher
from tests.shards.dataset import make_records, pack, select, write_manifest
from tests.shards.http_server import Behaviour, http_server
from tests.shards.plain_set import keys_of, write_set

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = keys_of("old", 39), keys_of("new", 14)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shards"


def read(reader: ShardReader, count: int) -> list[RawSample]:
    return [sample for sample, _ in islice(reader, count)]


def keys(samples: Sequence[RawSample]) -> list[str]:
    return [sample.key for sample in samples]


def ranks(url: str, num_ranks: int, state: dict[str, Any] | None = None) -> list[ShardReader]:
    readers = [
        ShardReader(url, rank=rank, num_ranks=num_ranks, max_damaged_fraction=0.5)
        for rank in range(num_ranks)
    ]
    for reader in readers:
        if state is not None:
            reader.load_state_dict(json.loads(json.dumps(state)))
    return readers


def in_order(readers: Sequence[ShardReader], rounds: int) -> list[str]:
    """What all ranks read in some rounds, in the order of the slots."""
    found = [sample for reader in readers for sample in read(reader, rounds)]
    return keys(sorted(found, key=lambda sample: sample.index))


@pytest.mark.parametrize("num_sources", [1, 2])
def test_a_run_killed_twenty_times_consumes_the_same_keys(tmp_path: Path, num_sources: int) -> None:
    urls = [
        write_set(tmp_path / f"set{n}", {"g": keys_of(f"k{n}", 150 + n)}, lanes=64, per_shard=20)
        for n in range(num_sources)
    ]

    def outcome(kills: int) -> dict[str, Any]:
        folder = tmp_path / f"kills{kills}"
        folder.mkdir()
        command = [sys.executable, "-m", "tests.shards.kill_child", str(folder), "80", str(kills), *urls]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    undisturbed, killed = outcome(0), outcome(20)
    assert killed["digest"] == undisturbed["digest"]
    assert (undisturbed["killed"], killed["killed"]) == (0, 20)


def test_eight_then_four_then_sixteen_ranks_read_one_stream(folder: Path) -> None:
    url = write_set(folder, {"g": OLD}, lanes=16)
    whole = keys(read(ShardReader(url), 400))
    got: list[str] = []
    state = None
    for num_ranks, rounds in ((8, 7), (4, 9), (16, 5), (2, 3), (1, 11), (8, 6)):
        readers = ranks(url, num_ranks, state)
        got += in_order(readers, rounds)
        state = merge_states([reader.state_dict() for reader in readers])
    assert got == whole[: len(got)]
    assert len(got) > 4 * len(OLD)


@pytest.mark.parametrize("count", [1, 5, 7, 8, 9, 63])
def test_any_number_of_samples_comes_once_per_epoch_on_any_number_of_ranks(folder: Path, count: int) -> None:
    url = write_set(folder, {"g": keys_of("k", count)}, lanes=8, per_shard=3)
    for num_ranks in (1, 4, 8):
        found = in_order(ranks(url, num_ranks), 3 * count)[: 3 * count]
        for epoch in range(3):
            assert sorted(found[epoch * count : (epoch + 1) * count]) == keys_of("k", count)


def test_fewer_shards_than_ranks(folder: Path) -> None:
    url = write_set(folder, {"g": keys_of("k", 9)}, lanes=64)
    assert in_order(ranks(url, 32), 9) == keys(read(ShardReader(url), 32 * 9))


def test_a_missing_shard_is_named_and_no_damage(folder: Path) -> None:
    url = write_set(folder, {"g": OLD})
    (folder / "g" / "000003.tar").unlink()
    reader = ShardReader(url, max_damaged_fraction=1.0)
    with pytest.raises(FileNotFoundError, match=r"g/000003\.tar"):
        read(reader, len(OLD))
    assert reader.num_substituted == 0


def test_whole_batches_on_request_drop_others_each_epoch_and_say_so(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = write_set(folder, {"g": OLD})
    reader = ShardReader(url, epoch_multiple=16)
    assert "7 of 39 samples are dropped in each epoch" in caplog.text
    found = read(reader, 96)
    epochs = [{s.key for s in found if s.epoch == epoch} for epoch in range(3)]
    assert [len(epoch) for epoch in epochs] == [32, 32, 32]
    dropped = [frozenset(OLD) - epoch for epoch in epochs]
    assert len(set(dropped)) == 3
    state = reader.state_dict()
    again = ShardReader(url, epoch_multiple=16)
    again.load_state_dict(state)
    assert keys(read(again, 32)) == keys(read(reader, 32))
    with pytest.raises(ShardError, match="epoch_multiple = 16, the reader has 1"):
        ShardReader(url).load_state_dict(state)
    with pytest.raises(ShardError, match=r"39 samples .* are fewer than the 40"):
        ShardReader(url, epoch_multiple=40)


# Shards that changed.


def grow(folder: Path) -> ShardReader:
    """A reader of the data set once a generation was added to it."""
    return ShardReader(write_set(folder, {"g0": OLD, "g1": NEW}))


def test_new_shards_are_refused_with_both_hashes_and_a_way_on(folder: Path) -> None:
    old = ShardReader(write_set(folder, {"g0": OLD}))
    read(old, 50)
    new = grow(folder)
    with pytest.raises(ShardError) as refused:
        new.load_state_dict(old.state_dict())
    assert old.version in str(refused.value)
    assert new.version in str(refused.value)
    kept = ShardReader(str(folder / kept_manifest_path(old.version)))
    kept.load_state_dict(old.state_dict())
    assert keys(read(kept, 40)) == keys(read(old, 40))


def test_accepted_shards_are_taken_up_when_the_pass_is_finished(folder: Path) -> None:
    old = ShardReader(write_set(folder, {"g0": OLD}))
    read(old, 50)
    state = old.state_dict()
    new = grow(folder)
    new.load_state_dict(state, accept_new_shards=True)
    rest = read(new, 28)
    assert keys(rest) == keys(read(old, 28))
    assert {sample.epoch for sample in rest} == {1}
    after = read(new, 53)
    assert sorted(keys(after)) == sorted(OLD + NEW)
    assert [(after[0].index, after[0].epoch)] == [(78, 2)]
    assert read(new, 1)[0].epoch == 3


def test_resuming_between_acceptance_and_the_new_pass_needs_no_consent_again(folder: Path) -> None:
    old = ShardReader(write_set(folder, {"g0": OLD}))
    read(old, 50)
    new = grow(folder)
    new.load_state_dict(old.state_dict(), accept_new_shards=True)
    read(new, 10)
    again = grow(folder)
    again.load_state_dict(json.loads(json.dumps(new.state_dict())))
    assert keys(read(again, 100)) == keys(read(new, 100))
    # The old pass is over, and forgotten.
    assert [one["manifest"] for one in again.state_dict()["passes"]] == [new.version]


def test_shards_that_change_once_more_before_the_new_pass_begins(folder: Path) -> None:
    old = ShardReader(write_set(folder, {"g0": OLD}))
    read(old, 50)
    new = grow(folder)
    new.load_state_dict(old.state_dict(), accept_new_shards=True)
    newest = ShardReader(write_set(folder, {"g0": OLD, "g1": NEW, "g2": keys_of("newest", 3)}))
    newest.load_state_dict(new.state_dict(), accept_new_shards=True)
    assert keys(read(newest, 28)) == keys(read(old, 28))
    assert sorted(keys(read(newest, 56))) == sorted(OLD + NEW + keys_of("newest", 3))


def test_a_pass_whose_manifest_is_gone_is_given_up_and_that_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = ShardReader(write_set(folder, {"g0": OLD}))
    read(old, 50)
    (folder / kept_manifest_path(old.version)).unlink()
    new = grow(folder)
    new.load_state_dict(old.state_dict(), accept_new_shards=True)
    assert "28 samples that were left of that pass are not read" in caplog.text
    assert new.state_dict()["passes"][0]["unread_before"] == 28
    found = read(new, 53)
    assert sorted(keys(found)) == sorted(OLD + NEW)
    assert (found[0].index, found[0].epoch) == (50, 2)


def test_a_pass_begun_with_accepted_shards_cannot_go_on_without_the_old_manifest(folder: Path) -> None:
    old = ShardReader(write_set(folder, {"g0": OLD}))
    read(old, 50)
    new = grow(folder)
    new.load_state_dict(old.state_dict(), accept_new_shards=True)
    (folder / kept_manifest_path(old.version)).unlink()
    again = grow(folder)
    with pytest.raises(ShardError, match=f"cannot be finished: .*{old.version}"):
        again.load_state_dict(new.state_dict())


def test_new_shards_on_other_numbers_of_ranks_are_one_stream(folder: Path) -> None:
    url = write_set(folder, {"g0": OLD})
    start = ShardReader(url)
    read(start, 50)
    grow(folder)
    one = ShardReader(url)
    one.load_state_dict(start.state_dict(), accept_new_shards=True)
    many = [ShardReader(url, rank=rank, num_ranks=8) for rank in range(8)]
    for reader in many:
        reader.load_state_dict(start.state_dict(), accept_new_shards=True)
    assert in_order(many, 20) == keys(read(one, 160))


def test_every_manifest_that_was_written_is_kept(workspace: Workspace) -> None:
    storage = Storage(workspace.storage.uri("shards"))

    def manifest() -> bytes:
        return storage.read_bytes("manifest.json")

    def kept() -> dict[str, bytes]:
        return {name: storage.read_bytes(name) for name in storage.list("manifests")}

    def name(data: bytes) -> str:
        return kept_manifest_path(json.loads(data)["version"])

    samples, _ = select(workspace, make_records(workspace, 3, 2, real_media=False))
    shards = pack(workspace, samples)
    write_manifest(workspace, shards)
    first = manifest()
    assert kept() == {name(first): first}
    # As a version that kept none would have left it.
    storage.remove("manifests")
    write_manifest(workspace, shards[:1], lanes=8)
    second = manifest()
    assert kept() == {name(first): first, name(second): second}
    write_manifest(workspace, shards)
    assert manifest() == first
    assert len(kept()) == 2
    storage.write_bytes("manifest.json", b"{ this is none")
    write_manifest(workspace, shards)
    assert manifest() == first
    assert len(kept()) == 2


def test_what_is_told_ahead_is_what_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(folder, {"g": OLD})
    told: list[Any] = []
    monkeypatch.setattr(Fetcher, "expect", lambda self, places: told.append(places))
    with http_server(Behaviour(root=folder)) as url, ShardReader(url, rank=1, num_ranks=2) as reader:
        slots = reader.slots(batch_size=3, batch=1, of_batches=4)
        samples = [reader.sample(next(slots)[0]) for _ in range(40)]
        (places,) = told
        expected = [reader._fetcher.index(shard)[row].key for shard, row in islice(places, 40)]
    assert keys(samples) == expected


# Substitutes.


def undecodable(bad: set[str]) -> Callable[[RawSample], str]:
    def decode(sample: RawSample) -> str:
        if sample.key in bad:
            raise DecodeError("it is one of the bad ones")
        return sample.key

    return decode


def decoded(reader: ShardReader, bad: set[str], count: int) -> tuple[list[str], dict[str, Any]]:
    with PrefetchLoader(reader, undecodable(bad), threads=3) as loader:
        found = list(islice(loader, count))
    return [one.value for one in found], reader.state_dict(found[-1].position)


def test_substitutes_are_the_same_whichever_rank_finds_the_damage_first(folder: Path) -> None:
    url = write_set(folder, {"g": OLD})
    bad = set(OLD[::4])
    whole, state = decoded(ShardReader(url, max_damaged_fraction=0.5), bad, 160)
    parts = [decoded(reader, bad, 20) for reader in ranks(url, 8)]
    assert [key for together in zip(*(part for part, _ in parts), strict=True) for key in together] == whole
    merged = merge_states([state for _, state in parts])
    assert merged == merge_states([state for _, state in reversed(parts)])
    assert merged["passes"][0]["substitutes"] == state["passes"][0]["substitutes"]
    assert len(merged["passes"][0]["substitutes"]) == len(bad)


def test_the_state_remembers_substitutes_over_other_numbers_of_ranks(folder: Path) -> None:
    url = write_set(folder, {"g": OLD})
    bad = set(OLD[::4])
    whole, _ = decoded(ShardReader(url, max_damaged_fraction=0.5), bad, 160)
    parts = [decoded(reader, bad, 10) for reader in ranks(url, 8)]
    merged = merge_states([state for _, state in parts])
    # The damage is mended meanwhile; what was found of it stays as it was.
    known = merged["passes"][0]["substitutes"]
    assert len(known) == len(bad)
    found = [decoded(reader, set(), 20)[0] for reader in ranks(url, 4, merged)]
    assert [key for together in zip(*found, strict=True) for key in together] == whole[80:]


def test_a_substitute_that_another_rank_found_damaged_gives_way(folder: Path) -> None:
    url = write_set(folder, {"g": OLD})
    first, second, both = ranks(url, 1)[0], ranks(url, 1)[0], ranks(url, 1)[0]
    sample = first.sample(0)
    substitute = first.replacement(sample, "bad")
    second.replacement(substitute_slot(second, substitute.key), "bad")
    both.load_state_dict(merge_states([first.state_dict(), second.state_dict()]))
    assert both.sample(0) == first.replacement(substitute, "bad")
    assert both.num_substituted == 2


def substitute_slot(reader: ShardReader, key: str) -> RawSample:
    return next(sample for sample in map(reader.sample, range(len(OLD))) if sample.key == key)


def test_damage_found_twice_at_once_is_counted_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = write_set(folder, {"g": keys_of("k", 3)})
    caplog.set_level(logging.WARNING)
    values, state = decoded(ShardReader(url, max_damaged_fraction=0.5), {"k-0001"}, 30)
    assert state["passes"][0]["substitutes"].keys() == {"1"}
    assert len(caplog.records) == 1
    assert set(values) == {"k-0000", "k-0002"}


def test_states_of_different_streams_are_not_merged(folder: Path) -> None:
    url = write_set(folder, {"g0": OLD})
    one, ahead, other = ShardReader(url), ShardReader(url), ShardReader(url, seed=1)
    read(ahead, 1)
    with pytest.raises(ShardError, match="different slots: 0 and 1"):
        merge_states([one.state_dict(), ahead.state_dict()])
    with pytest.raises(ShardError, match="seed"):
        merge_states([one.state_dict(), other.state_dict()])
    with pytest.raises(ShardError, match=one.version):
        merge_states([one.state_dict(), grow(folder).state_dict()])
    with pytest.raises(ShardError, match="no states"):
        merge_states([])
