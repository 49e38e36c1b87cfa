"""The prefetching loader: order, bounds, errors with their place, and nothing left behind."""

from __future__ import annotations

import random
import threading
import time
from itertools import islice
from pathlib import Path

import pytest

from shards.reading import DecodeError, PrefetchLoader, RawSample, ShardReader, TooManyDamagedError
from tests.shards.plain_set import keys_of, write_set


@pytest.fixture
def url(tmp_path: Path) -> str:
    return write_set(tmp_path / "shards", {"g": keys_of("k", 40)})


def key_of(sample: RawSample) -> str:
    return sample.key


def decode_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_the_order_is_the_streams_however_long_each_sample_takes(url: str) -> None:
    def slow(sample: RawSample) -> str:
        time.sleep(random.Random(sample.index).random() / 500)
        return sample.key

    expected = [(sample, position) for sample, position in islice(ShardReader(url), 100)]
    for threads in (1, 7):
        with PrefetchLoader(ShardReader(url), slow, threads=threads) as loader:
            found = list(islice(loader, 100))
        assert [(one.sample, one.position) for one in found] == expected
        assert [one.value for one in found] == [one.sample.key for one in found]


def test_no_more_samples_are_held_than_said(url: str) -> None:
    decoded = []

    def count(sample: RawSample) -> None:
        decoded.append(sample.index)

    with PrefetchLoader(ShardReader(url), count, threads=4, prefetch=5) as loader:
        next(loader)
        for taken in range(1, 20):
            next(loader)
            assert len(decoded) <= taken + 1 + 5


@pytest.mark.parametrize("error", [KeyError("no such field"), MemoryError("too large")])
def test_an_error_comes_in_its_turn_with_key_and_shard(url: str, error: Exception) -> None:
    expected = [sample.key for sample, _ in islice(ShardReader(url), 13)]

    def fail(sample: RawSample) -> str:
        if sample.index == 12:
            raise error
        return sample.key

    loader = PrefetchLoader(ShardReader(url), fail, threads=3, prefetch=30)
    assert [one.value for one in islice(loader, 12)] == expected[:12]
    with pytest.raises(type(error)) as raised:
        next(loader)
    (note,) = raised.value.__notes__
    assert expected[12] in note
    assert f"{url}/g/" in note
    assert not decode_threads()
    with pytest.raises(StopIteration):
        next(loader)


def test_too_much_damage_ends_it(url: str) -> None:
    def bad(sample: RawSample) -> str:
        raise DecodeError("nothing decodes")

    with (
        PrefetchLoader(ShardReader(url, max_damaged_fraction=0.1), bad) as loader,
        pytest.raises(TooManyDamagedError, match=r"more than the 4 allowed; .*nothing decodes"),
    ):
        next(loader)
    assert not decode_threads()


def test_closing_leaves_no_thread_and_may_be_repeated(url: str) -> None:
    loader = PrefetchLoader(ShardReader(url), key_of, threads=6)
    list(islice(loader, 10))
    assert decode_threads()
    loader.close()
    loader.close()
    assert not decode_threads()


@pytest.mark.parametrize("option", ["threads", "prefetch"])
def test_at_least_one_of_each(url: str, option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} = 0"):
        PrefetchLoader(ShardReader(url), key_of, **{option: 0})
