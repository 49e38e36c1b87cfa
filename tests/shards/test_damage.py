"""Damaged and missing shards: replaced the same way every time, counted, and never half a sample."""

from __future__ import annotations

import json
import os
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from curation.base.workspace import Workspace
from shards.reading import ShardError, ShardReader, TooManyDamagedError, merge_states
from shards.reading.cache_config import CacheConfig
from shards.reading.fetch import Fetcher
from shards.reading.manifest import open_shards
from shards.reading.randomness import integer
from shards.writing.select import SelectConfig
from tests.shards.dataset import make_records, write_dataset
from tests.shards.http_server import Behaviour, http_server
from tests.shards.plain_set import keys_of, write_set

NUM_SAMPLES = 60


@pytest.fixture
def url(workspace: Workspace) -> str:
    records = make_records(workspace, 20, 3, real_media=False)
    return write_dataset(workspace, records, SelectConfig(samples_per_shard=20), lanes=4)


def reader(url: str, **options: Any) -> ShardReader:
    return ShardReader(url, **{"max_damaged_fraction": 0.5, "retry_s": 0, **options})


def keys(stream: ShardReader, count: int = 2 * NUM_SAMPLES) -> list[str]:
    return [sample.key for sample, _ in islice(stream, count)]


def tar_path(url: str, number: int = 0) -> Path:
    shard = open_shards(url).shards[number]
    return Path(url, shard.path)


def flip_byte(url: str, rows: list[int]) -> list[str]:
    """Damage the mp4 of some samples of the first shard; returns their keys."""
    shard = open_shards(url).shards[0]
    index = Fetcher().index(shard)
    data = bytearray(tar_path(url).read_bytes())
    for row in rows:
        data[index[row].members[-1].offset] ^= 1
    tar_path(url).write_bytes(data)
    return [index[row].key for row in rows]


def test_a_flipped_byte_is_replaced_by_the_same_sample_always(url: str) -> None:
    sound = keys(reader(url))
    damaged = flip_byte(url, [3, 7])
    first = reader(url)
    got = keys(first)
    assert first.num_substituted == 2
    assert not set(damaged) & set(got)
    assert [a for a, b in zip(got, sound, strict=True) if b not in damaged] == [
        key for key in sound if key not in damaged
    ]
    assert keys(reader(url)) == got
    # Ranks find the damage in another order.
    ranks = [reader(url, rank=rank, num_ranks=4) for rank in range(4)]
    parts = [keys(one, len(got) // 4) for one in ranks]
    assert [key for together in zip(*parts, strict=True) for key in together] == got
    assert len(merge_states([one.state_dict() for one in ranks])["passes"][0]["substitutes"]) == 2


def test_the_state_remembers_substitutes_when_the_damage_is_mended(url: str) -> None:
    whole = tar_path(url).read_bytes()
    flip_byte(url, [3, 7])
    first = reader(url)
    got = keys(first)
    tar_path(url).write_bytes(whole)
    again = reader(url)
    again.load_state_dict({**json.loads(json.dumps(first.state_dict())), "slot": 0})
    assert keys(again) == got
    assert again.num_substituted == 2


def test_a_truncated_shard_never_gives_half_a_sample(url: str) -> None:
    data = tar_path(url).read_bytes()
    tar_path(url).write_bytes(data[: len(data) // 2])
    stream = reader(url)
    for sample, _ in islice(stream, NUM_SAMPLES):
        metadata = json.loads(sample.members["json"])
        assert len(sample.members["mp4"]) == metadata["video"]["size_bytes"]
    assert 5 < stream.num_substituted < 15


def test_too_much_damage_stops_the_run(url: str) -> None:
    flip_byte(url, list(range(20)))
    stream = reader(url, max_damaged_fraction=0.1)
    with pytest.raises(
        TooManyDamagedError, match=r"a pass over 60, more than the \d+ allowed.*shards verify"
    ):
        keys(stream, NUM_SAMPLES)


@pytest.mark.parametrize("num_ranks", [1, 8, 64])
@pytest.mark.parametrize("num_workers", [1, 4])
def test_a_fifth_of_damage_stops_every_reader_soon(tmp_path: Path, num_ranks: int, num_workers: int) -> None:
    part = 100
    names = [f"{n:05d}" for n in range(part * num_ranks * num_workers)]
    url = write_set(tmp_path, {"g": names}, lanes=64, per_shard=1000)
    rank = num_ranks - 1
    with ShardReader(url, rank=rank, num_ranks=num_ranks, max_damaged_fraction=0.05) as stream:
        slots = stream.slots(batch_size=2, batch=0, of_batches=num_workers)
        drawn = 0

        def read_part() -> None:
            nonlocal drawn
            while drawn < part:
                sample = stream.sample(next(slots)[0])
                drawn += 1
                while integer(100, "bad", int(sample.key)) < 20:
                    sample = stream.replacement(sample, "bad")

        with pytest.raises(TooManyDamagedError, match="damaged samples of"):
            read_part()
    assert drawn < part * 2 // 3


def test_damage_below_the_limit_is_borne_however_it_is_spread(tmp_path: Path) -> None:
    names = [f"{n:05d}" for n in range(1600)]
    url = write_set(tmp_path, {"g": names}, lanes=64, per_shard=16)
    spread = {name for name in names if integer(100, "bad", int(name)) < 3}
    together = set(names[160:176])
    for bad, fraction in ((spread, 0.05), (together, 0.01)):
        for num_ranks in (1, 64):
            if bad is together and num_ranks > 1:
                # All of it lies in one rank's part.
                continue
            for rank in range(num_ranks):
                stream = ShardReader(url, rank=rank, num_ranks=num_ranks, max_damaged_fraction=fraction)
                for sample, _ in islice(stream, 1600 // num_ranks):
                    found = sample
                    while found.key in bad:
                        found = stream.replacement(found, "bad")


@pytest.mark.parametrize("fraction", [0.0, 0.01])
def test_one_bad_sample_in_a_small_set_is_borne_and_more_are_not(tmp_path: Path, fraction: float) -> None:
    url = write_set(tmp_path, {"g": keys_of("k", 20)}, lanes=4)
    stream = ShardReader(url, max_damaged_fraction=fraction)
    stream.replacement(stream.sample(0), "bad")
    second = stream.sample(1)
    with pytest.raises(TooManyDamagedError, match="2 damaged samples of 4"):
        stream.replacement(second, "bad")


def test_what_a_state_knows_as_damaged_counts_when_its_turn_comes(tmp_path: Path) -> None:
    url = write_set(tmp_path, {"g": keys_of("k", 20)}, lanes=4)
    parts = [ShardReader(url, rank=rank, num_ranks=4, max_damaged_fraction=0.0) for rank in range(4)]
    for part in parts:
        part.replacement(next(iter(part))[0], "bad")
    merged = merge_states([part.state_dict() for part in parts])
    assert len(merged["passes"][0]["substitutes"]) == 4
    again = ShardReader(url, max_damaged_fraction=0.0)
    again.load_state_dict({**merged, "slot": 0})
    # They stop nobody by themselves, but bear no more beside them.
    for slot in range(4):
        again.sample(slot)
    with pytest.raises(TooManyDamagedError, match="5 damaged samples of 6"):
        again.replacement(again.sample(4), "bad")


def test_a_sample_that_does_not_decode_is_replaced_too(url: str) -> None:
    stream = reader(url)
    sample, position = next(iter(stream))
    other = stream.replacement(sample, "no frames")
    assert other.index == sample.index
    assert other.key != sample.key
    assert stream.sample(0) == other
    assert sample.key not in keys(stream)
    again = reader(url)
    again.load_state_dict(stream.state_dict(position))
    assert again.sample(0) == other


def test_a_substitute_that_proves_damaged_is_itself_replaced(url: str) -> None:
    stream = reader(url)
    sample = stream.sample(0)
    second = stream.replacement(sample, "bad")
    third = stream.replacement(second, "bad")
    assert len({sample.key, second.key, third.key}) == 3
    assert stream.num_substituted == 2
    # Found in the other order, the outcome is the same.
    other = reader(url)
    slot = next(slot for slot in range(NUM_SAMPLES) if other.sample(slot).key == second.key)
    other.replacement(other.sample(slot), "bad")
    assert other.replacement(other.sample(0), "bad") == third


def test_a_missing_shard_stops_the_run_by_name(url: str) -> None:
    path = tar_path(url, 1)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=path.name):
        keys(reader(url))


def test_a_damaged_index_stops_the_run(url: str) -> None:
    shard = open_shards(url).shards[0]
    path = Path(url, shard.index_path)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ShardError, match="sha256 differs from the manifest"):
        keys(reader(url))


def test_passing_faults_are_waited_out_and_lasting_ones_raised(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = os.pread, [OSError("stale handle"), OSError("input/output error"), OSError("slow")]

    def shaky(descriptor: int, size: int, offset: int) -> bytes:
        if failures:
            raise failures.pop()
        return real(descriptor, size, offset)

    expected = keys(reader(url))
    monkeypatch.setattr(os, "pread", shaky)
    monkeypatch.setattr("shards.reading.sources.MAX_WAIT_S", 0.001)
    stream = reader(url, retry_s=20)
    assert keys(stream) == expected
    assert stream.num_substituted == 0
    stream = reader(url, retry_s=0.05)
    failures[:] = [OSError("gone")] * 100_000
    with pytest.raises(OSError, match="gone"):
        keys(stream)


@pytest.mark.parametrize("cached", [True, False])
def test_damage_is_the_same_on_a_disk_and_behind_a_server_with_a_cache_and_without(
    url: str, tmp_path: Path, cached: bool
) -> None:
    flip_byte(url, [3, 7])
    data = tar_path(url, 1).read_bytes()
    tar_path(url, 1).write_bytes(data[: len(data) // 2])
    here = reader(url)
    expected = keys(here)
    cache = CacheConfig(folder=str(tmp_path / "cache"), max_bytes=1 << 30, ahead_shards=8) if cached else None
    with http_server(Behaviour(root=Path(url))) as server:
        there = reader(server, cache=cache)
        assert keys(there) == expected
        assert there.num_substituted == here.num_substituted > 5
        if cached:
            time.sleep(0.2)
            assert keys(there) == keys(here)
        there.close()
