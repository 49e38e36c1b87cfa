"""Mixtures: shares, exact passes of each source, weights that change, and resume in all of it."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.reading import MixtureReader, MixtureSource, RawSample, ShardError, ShardReader, merge_states
from shards.reading.schedule import Schedule, floor_sum, plan
from shards.reading.state import Segment
from tests.shards.plain_set import keys_of, write_set

COUNTS = {"clips": 30, "films": 17, "images": 50}
WEIGHTS = {"clips": 0.5, "films": 0.2, "images": 0.3}


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("sets")
    return {name: write_set(folder / name, {"g": keys_of(name, count)}) for name, count in COUNTS.items()}


def mixture(urls: Mapping[str, str], weights: Mapping[str, Any] = WEIGHTS, **options: Any) -> MixtureReader:
    sources = {}
    for name, url in urls.items():
        given = weights.get(name, 0.0)
        changes = given if isinstance(given, list) else [(0, given)]
        sources[name] = MixtureSource(urls=url, weights=changes)
    return MixtureReader(sources, **{"batch_size": 10, "max_damaged_fraction": 0.5, **options})


def read(reader: MixtureReader, count: int) -> list[RawSample]:
    return [sample for sample, _ in islice(reader, count)]


def resumed(reader: MixtureReader, other: MixtureReader, **options: Any) -> MixtureReader:
    other.load_state_dict(json.loads(json.dumps(reader.state_dict())), **options)
    return other


def test_each_source_has_its_share_and_whole_passes(urls: dict[str, str]) -> None:
    found = read(mixture(urls), 1000)
    assert [sample.index for sample in found] == list(range(1000))
    for name, weight in WEIGHTS.items():
        mine = [sample for sample in found if sample.source == name]
        assert abs(len(mine) - 1000 * weight) < 10
        for epoch in range(len(mine) // COUNTS[name] - 1):
            assert sorted(s.key for s in mine if s.epoch == epoch) == keys_of(name, COUNTS[name])


def test_any_number_of_ranks_gives_the_same_stream(urls: dict[str, str]) -> None:
    whole = [sample.key for sample in read(mixture(urls), 320)]
    for num_ranks in (2, 4, 8):
        readers = [mixture(urls, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
        parts = [read(reader, 320 // num_ranks) for reader in readers]
        assert [s.key for together in zip(*parts, strict=True) for s in together] == whole


def test_resuming_anywhere_on_any_ranks_goes_on_with_the_same_stream(urls: dict[str, str]) -> None:
    weights = {"clips": [(0, 3.0), (11, 1.0)], "films": 1.0, "images": [(7, 2.0), (20, 0.0)]}
    whole = [sample.key for sample in read(mixture(urls, weights), 400)]
    got: list[str] = []
    state = None
    for num_ranks, rounds in ((8, 5), (4, 9), (8, 7), (1, 13), (2, 30)):
        readers = [mixture(urls, weights, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
        for reader in readers:
            if state is not None:
                reader.load_state_dict(state)
        parts = [read(reader, rounds) for reader in readers]
        got += [s.key for together in zip(*parts, strict=True) for s in sorted(together, key=_slot)]
        state = json.loads(json.dumps(merge_states([reader.state_dict() for reader in readers])))
    assert got == whole[: len(got)]


def keys_until(reader: MixtureReader, slot: int) -> list[str]:
    return [reader.sample(before).key for before in range(slot)]


def _slot(sample: RawSample) -> int:
    return sample.index


def test_state_is_small_and_tells_where_each_source_is(urls: dict[str, str]) -> None:
    reader = mixture(urls)
    found = read(reader, 333)
    state = reader.state_dict()
    assert len(json.dumps(state)) < 1200
    for name in COUNTS:
        cursor = sum(sample.source == name for sample in found)
        assert state["sources"][name]["cursor"] == cursor
        assert state["sources"][name]["epoch"] == cursor // COUNTS[name]
    assert state["segments"] == [{"from_slot": 0, "weights": WEIGHTS}]


def test_a_source_without_weight_is_left_out_until_it_has_one(urls: dict[str, str]) -> None:
    first = mixture(urls, {"clips": 1.0})
    assert {sample.source for sample in read(first, 50)} == {"clips"}
    assert first.state_dict()["sources"]["films"]["cursor"] == 0
    second = resumed(first, mixture(urls, {"clips": 1.0, "films": 1.0}))
    films = [sample for sample in read(second, 30) if sample.source == "films"]
    assert {sample.epoch for sample in films[:8]} == {0}


def test_weights_change_with_the_step(urls: dict[str, str]) -> None:
    weights = {"clips": [(0, 1.0), (20, 0.0)], "films": [(0, 1.0)], "images": [(20, 3.0)]}
    found = read(mixture(urls, weights), 400)
    before, after = (Counter(s.source for s in part) for part in (found[:200], found[200:]))
    assert before.keys() == {"clips", "films"}
    assert abs(before["clips"] - 100) < 8
    assert after.keys() == {"films", "images"}
    assert abs(after["images"] - 150) < 8


def test_other_weights_hold_from_where_the_state_was_and_are_logged(
    urls: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    first = mixture(urls)
    until = read(first, 125)
    same = resumed(first, mixture(urls, {name: 10 * weight for name, weight in WEIGHTS.items()}))
    assert same.state_dict()["segments"] == first.state_dict()["segments"]
    assert not caplog.records
    second = resumed(first, mixture(urls, {"clips": 0.1, "films": 0.9}))
    assert "change at step 12 (sample 125): {'clips': 0.1, 'films': 0.9}" in caplog.text
    after = read(second, 200)
    assert abs(Counter(s.source for s in after)["films"] - 180) < 8
    assert_whole_passes(second, until + after)
    caplog.clear()
    third = resumed(second, mixture(urls, {"clips": 0.1, "films": 0.9}))
    assert not caplog.records
    assert [s.key for s in read(third, 100)] == [s.key for s in read(second, 100)]


def test_another_batch_size_does_not_move_the_steps_of_weights(urls: dict[str, str]) -> None:
    planned = {**WEIGHTS, "clips": [(0, 0.5), (20, 0.1)]}
    first = mixture(urls, planned, batch_size=10)
    read(first, 50)
    state = first.state_dict()
    assert state["batch_size"] == 10
    assert merge_states([state, state]) == state
    with pytest.raises(ShardError, match=r"batch_size = 10, the reader has 20.*Set batch_size to 10"):
        mixture(urls, planned, batch_size=20).load_state_dict(state)
    # Passed by the new count, still to come by the old one.
    with pytest.raises(ShardError, match="batch_size = 10, the reader has 2"):
        mixture(urls, planned, batch_size=2).load_state_dict(state)
    with pytest.raises(ShardError, match="batches of 10 and of 20"):
        merge_states([state, {**state, "batch_size": 20}])
    # Nothing is planned by steps any more, or nothing ever was.
    resumed(first, mixture(urls, WEIGHTS, batch_size=20))
    resumed(mixture(urls), mixture(urls, batch_size=20))
    read(first, 350)
    resumed(first, mixture(urls, planned, batch_size=20))
    # A state that does not say is taken at its word.
    older = {name: value for name, value in state.items() if name != "batch_size"}
    mixture(urls, planned, batch_size=20).load_state_dict(older)
    with pytest.raises(ShardError, match="cannot be used"):
        mixture(urls, planned).load_state_dict({**state, "batch_size": "10"})


def test_passes_of_a_source_stay_exact_over_changes_of_weight(urls: dict[str, str]) -> None:
    chance, reader = random.Random(3), mixture(urls)
    found = read(reader, 57)
    for _ in range(6):
        weights = {name: chance.random() for name in COUNTS}
        reader = resumed(reader, mixture(urls, weights))
        found += read(reader, chance.randrange(20, 90))
    assert_whole_passes(reader, found)


def assert_whole_passes(reader: MixtureReader, found: list[RawSample]) -> None:
    """Of each pass that no lane is in any more every sample was read once, of the others none twice."""
    segments = [Segment(**segment) for segment in reader.state_dict()["segments"]]
    for name, count in COUNTS.items():
        over = Schedule(segments, 8).bounds(name, len(found))[0] // count
        for epoch in {sample.epoch for sample in found if sample.source == name}:
            mine = sorted(s.key for s in found if s.source == name and s.epoch == epoch)
            assert mine == keys_of(name, count) if epoch < over else len(set(mine)) == len(mine)
    assert sum(Schedule(segments, 8).bounds(name, len(found))[0] // COUNTS[name] for name in COUNTS) > 5


def test_sources_come_go_and_come_back(urls: dict[str, str]) -> None:
    both = {name: urls[name] for name in ("clips", "films")}
    first = mixture(both, {"clips": 1.0, "films": 1.0})
    start = read(first, 21)
    second = resumed(first, mixture({"clips": urls["clips"], "images": urls["images"]}, WEIGHTS))
    middle = read(second, 50)
    assert {sample.source for sample in middle} == {"clips", "images"}
    assert min(s.epoch for s in middle if s.source == "images") == 0
    third = resumed(second, mixture(both, {"clips": 1.0, "films": 1.0}))
    end = read(third, 13)
    films = [s for s in start + end if s.source == "films" and s.epoch == 0]
    assert len({s.key for s in films}) == len(films) > sum(s.source == "films" for s in start)
    # What was consumed before the films left can be read anew only where they are given.
    with pytest.raises(ShardError, match="'films' was part of the mixture there"):
        keys_until(second, 21)


def test_a_source_with_new_shards_finishes_its_pass_first(tmp_path: Path) -> None:
    old, new = keys_of("old", 39), keys_of("new", 14)
    urls = {
        "a": write_set(tmp_path / "a", {"g0": old}),
        "b": write_set(tmp_path / "b", {"g": keys_of("b", 21)}),
    }
    weights = {"a": 0.7, "b": 0.3}
    undisturbed = mixture(urls, weights)
    first = mixture(urls, weights)
    read(first, 83)
    read(undisturbed, 83)
    write_set(tmp_path / "a", {"g0": old, "g1": new})
    with pytest.raises(ShardError, match="source 'a': saved position is of manifest"):
        resumed(first, mixture(urls, weights))
    second = resumed(first, mixture(urls, weights), accept_new_shards=True)
    got = read(second, 20)
    third = resumed(second, mixture(urls, weights))
    got += read(third, 300)
    assert [s.source for s in got] == [s.source for s in read(undisturbed, 320)]
    mine = [s for s in got if s.source == "a"]
    assert sorted(s.key for s in mine if s.epoch == 2) == sorted(old + new)
    assert not {s.key for s in mine if s.epoch == 1} & set(new)
    for num_ranks in (2, 8):
        readers = [mixture(urls, weights, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
        found = []
        for reader in readers:
            reader.load_state_dict(first.state_dict(), accept_new_shards=True)
            found += read(reader, 320 // num_ranks)
        assert [s.key for s in sorted(found, key=_slot)][:320] == [s.key for s in got]


def test_a_source_whose_pass_cannot_be_finished_is_refused(tmp_path: Path) -> None:
    urls = {name: write_set(tmp_path / name, {"g": keys_of(name, 30)}) for name in ("a", "b")}
    first = mixture(urls, {"a": 1, "b": 1})
    read(first, 33)
    write_set(tmp_path / "a", {"g": keys_of("a", 30), "g1": keys_of("new", 5)})
    (kept,) = [
        p
        for p in (tmp_path / "a" / "manifests").iterdir()
        if first.state_dict()["sources"]["a"]["passes"][0]["manifest"] in p.name
    ]
    kept.unlink()
    with pytest.raises(ShardError, match=r"source 'a': the pass under way cannot be finished.*another name"):
        resumed(first, mixture(urls, {"a": 1, "b": 1}), accept_new_shards=True)


def test_damage_is_replaced_within_its_source_and_remembered(urls: dict[str, str]) -> None:
    reader = mixture(urls)
    sample = next(s for s in map(reader.sample, range(50)) if s.source == "films")
    other = reader.replacement(sample, "bad")
    assert (other.source, other.index) == ("films", sample.index)
    assert other.key != sample.key
    assert reader.num_substituted == 1
    assert resumed(reader, mixture(urls)).sample(sample.index) == other


def test_what_makes_no_mixture_is_refused(urls: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="weight 0 from step 5 on"):
        mixture(urls, {"clips": [(0, 1.0), (5, 0.0)]})
    with pytest.raises(ShardError, match="'clips': weight -1"):
        mixture(urls, {"clips": -1})
    with pytest.raises(ShardError, match=r"differ in lanes: \{'clips': 8, 'odd': 4\}"):
        mixture({"clips": urls["clips"], "odd": write_set(tmp_path / "odd", {"g": ["k"]}, lanes=4)})
    with pytest.raises(ShardError, match="needs sources"):
        mixture({})
    with pytest.raises(ShardError, match="is one in a mixture"):
        ShardReader(urls["clips"]).load_state_dict(mixture(urls).state_dict())
    with pytest.raises(ShardError, match="is one in a single data set"):
        mixture(urls).load_state_dict(ShardReader(urls["clips"]).state_dict())
    with pytest.raises(ShardError, match="3 ranks do not divide the 8 lanes"):
        mixture(urls, num_ranks=3)
    with pytest.raises(ShardError, match="seed"):
        mixture(urls, seed=1).load_state_dict(mixture(urls).state_dict())


# The schedule alone.

SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5).filter(lambda shares: sum(shares) > 0.01)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(1, 50), st.integers(0, 200), st.integers(0, 200))
def test_floor_sums(count: int, modulus: int, slope: int, start: int) -> None:
    expected = sum((slope * number + start) // modulus for number in range(count))
    assert floor_sum(count, modulus, slope, start) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(SHARES, min_size=1, max_size=4), st.sampled_from([1, 2, 6, 8, 64]), st.integers(1, 150))
def test_every_slot_is_one_of_one_source_and_counted_so(
    shares: list[list[float]], lanes: int, length: int
) -> None:
    segments = [
        Segment(from_slot=number * length, weights={f"s{n}": weight for n, weight in enumerate(each)})
        for number, each in enumerate(shares)
    ]
    schedule = Schedule(segments, lanes)
    taken: dict[str, set[int]] = {f"s{n}": set() for n in range(5)}
    for slot in range(len(shares) * length + 100):
        if slot % 37 == 0:
            for name in {name for segment in segments for name in segment.weights}:
                assert schedule.total(name, slot) == len(taken[name])
                first, end = schedule.bounds(name, slot)
                assert set(range(first)) <= taken[name] <= set(range(end))
        name, own_slot = schedule.place(slot)
        assert own_slot % lanes == slot % lanes
        assert own_slot not in taken[name]
        taken[name].add(own_slot)


@settings(max_examples=40, deadline=None)
@given(SHARES, st.integers(0, 10**9))
def test_each_tick_and_each_ranks_part_of_it_is_within_one_of_its_shares(
    shares: list[float], tick: int
) -> None:
    total = sum(shares)
    weights = {f"s{n}": share / total for n, share in enumerate(shares)}
    schedule = Schedule([Segment(from_slot=0, weights=weights)], 64)
    names = [schedule.place(64 * tick + lane)[0] for lane in range(64)]
    for num_ranks in (1, 2, 8, 16):
        for rank in range(num_ranks):
            part = Counter(names[rank::num_ranks])
            assert all(abs(part[name] - share * 64 / num_ranks) < 1.001 for name, share in weights.items())


def test_a_lane_keeps_its_shares_over_billions_of_samples() -> None:
    schedule = Schedule(plan({"a": [(0, 0.7)], "b": [(0, 0.2)], "c": [(0, 0.1)]}, slots_per_step=1), 64)
    for tick in (10**3, 10**6, 10**8, 10**9):
        for lane in (0, 17, 63):
            for name, share in (("a", 0.7), ("b", 0.2), ("c", 0.1)):
                assert abs(schedule.taken(name, lane, tick) - share * tick) < 5


def test_the_schedule_never_changes_between_versions() -> None:
    segments = [
        Segment(from_slot=0, weights={"a": 0.7, "b": 0.3}),
        Segment(from_slot=100, weights={"b": 1.0}),
    ]
    schedule = Schedule(segments, 64)
    assert [schedule.place(slot) for slot in (0, 1, 2, 63, 64, 99, 100, 10**9)] == GOLDEN


GOLDEN = [("a", 0), ("a", 1), ("a", 2), ("a", 63), ("a", 64), ("b", 35), ("b", 100), ("b", 999999872)]
