"""The order of samples: every sample once per epoch, the same stream for any number of ranks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.reading.order import Order, lanes_in_order

SIZES = st.lists(st.integers(0, 12), min_size=1, max_size=12).filter(lambda sizes: sum(sizes) > 0)
LANES = st.sampled_from([1, 2, 3, 4, 6, 8, 12, 64])


@settings(max_examples=150, deadline=None)
@given(SIZES, LANES, st.integers(0, 5), st.sampled_from([1, 3, 7, 1024]), st.booleans())
def test_every_sample_comes_exactly_once_per_epoch(
    sizes: list[int], lanes: int, seed: int, window: int, shuffle: bool
) -> None:
    order = Order(sizes, lanes=lanes, seed=seed, window=window, shuffle=shuffle)
    count = sum(sizes)
    for epoch in range(4):
        slots = range(epoch * count, (epoch + 1) * count)
        assert {order.epoch(slot) for slot in slots} == {epoch}
        assert sorted(order.sample(slot) for slot in slots) == list(range(count))


@settings(max_examples=60, deadline=None)
@given(SIZES, LANES, st.integers(0, 5), st.integers(0, 10_000))
def test_any_slot_is_found_without_walking_there(sizes: list[int], lanes: int, seed: int, start: int) -> None:
    walked = Order(sizes, lanes=lanes, seed=seed, window=4)
    fresh = Order(sizes, lanes=lanes, seed=seed, window=4)
    stream = [walked.sample(slot) for slot in range(start, start + 30)]
    assert [fresh.sample(slot) for slot in reversed(range(start, start + 30))] == stream[::-1]


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_places_cover_the_shards(sizes: list[int]) -> None:
    order = Order(sizes, lanes=4, seed=0)
    places = [order.place(sample) for sample in range(sum(sizes))]
    assert [(p.shard, p.row) for p in places] == [(s, r) for s, size in enumerate(sizes) for r in range(size)]


@pytest.mark.parametrize("num_ranks", [1, 2, 4, 8, 16, 32, 64])
def test_lanes_of_a_rank_own_one_stretch_and_keep_it(num_ranks: int) -> None:
    order = Order([100] * 70, lanes=64, seed=0)
    for epoch in (0, 1, 17):
        for rank in range(num_ranks):
            ranges = sorted(order.lane_range(epoch, lane) for lane in range(rank, 64, num_ranks))
            assert all(a[1] == b[0] for a, b in itertools.pairwise(ranges))
            first, _ = sorted(order.lane_range(0, lane) for lane in range(rank, 64, num_ranks))[0]
            assert abs(ranges[0][0] - first) < 64


def test_lanes_in_order_is_a_permutation() -> None:
    assert lanes_in_order(8).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    for lanes in (1, 2, 12, 30, 64, 97):
        assert sorted(lanes_in_order(lanes).tolist()) == list(range(lanes))


def test_shuffling_shuffles_and_differs_by_epoch_and_seed() -> None:
    order = Order([50] * 8, lanes=4, seed=0)
    first = [order.sample(slot) for slot in range(400)]
    second = [order.sample(slot) for slot in range(400, 800)]
    other = Order([50] * 8, lanes=4, seed=1)
    assert first != second
    assert first != [other.sample(slot) for slot in range(400)]
    # No lane keeps more of its order than chance would.
    lane = np.asarray(first[::4])
    assert (np.diff(lane) == 1).sum() < 10


def test_without_shuffling_lanes_read_front_to_back() -> None:
    order = Order([3, 5], lanes=2, seed=0, shuffle=False)
    assert [order.sample(slot) for slot in range(8)] == [0, 4, 1, 5, 2, 6, 3, 7]


def test_the_stream_never_changes_between_versions() -> None:
    order = Order([10, 20, 5], lanes=4, seed=7, window=8)
    assert [order.sample(slot) for slot in (0, 1, 2, 3, 34, 35, 1000)] == GOLDEN


GOLDEN = [2, 21, 15, 34, 9, 34, 3]
