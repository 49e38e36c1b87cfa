"""Following a data set that grows: new generations first, one version for all ranks, exact resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from shards.format import kept_manifest_path
from shards.reading import PrefetchLoader, RawSample, ShardError, ShardReader, merge_states
from tests.shards.plain_set import keys_of, write_set

A, B, C = keys_of("a", 21), keys_of("b", 10), keys_of("c", 13)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shards"


def follower(folder: Path, **options: Any) -> ShardReader:
    return ShardReader(str(folder), follow=True, max_damaged_fraction=0.5, **options)


def read(reader: ShardReader, count: int) -> list[RawSample]:
    return [sample for sample, _ in islice(reader, count)]


def keys(samples: list[RawSample]) -> list[str]:
    return sorted(sample.key for sample in samples)


def first_wins() -> Callable[[int, str], str]:
    """An agreement as over a store that all ranks reach."""
    store: dict[int, str] = {}
    return lambda number, version: store.setdefault(number, version)


def test_a_pass_is_over_what_is_new_and_else_over_everything(folder: Path) -> None:
    write_set(folder, {"g0": A})
    reader = follower(folder)
    assert keys(read(reader, 21)) == A
    assert keys(read(reader, 21)) == A
    write_set(folder, {"g0": A, "g1": B})
    assert keys(read(reader, 10)) == B
    assert keys(read(reader, 31)) == A + B
    part = read(reader, 20)
    write_set(folder, {"g0": A, "g1": B, "g2": C})
    # The pass under way is finished as it began.
    assert keys(part + read(reader, 11)) == A + B
    found = read(reader, 13)
    assert keys(found) == C
    assert {sample.epoch for sample in found} == {5}
    assert [found[0].index, reader.num_samples] == [21 + 21 + 10 + 31 + 31, 44]
    assert keys(read(reader, 44)) == A + B + C


def test_generations_of_other_splits_and_those_that_went_make_no_pass(folder: Path) -> None:
    write_set(folder, {"g0": A, "g1": B})
    reader = follower(folder)
    read(reader, 31)
    write_set(folder, {"g1": B})
    assert keys(read(reader, 10)) == B
    write_set(folder, {"g1": B, "g2": C, "g3": []})
    assert keys(read(reader, 13)) == C


def test_resume_is_exact_in_any_pass(folder: Path) -> None:
    write_set(folder, {"g0": A})
    whole = follower(folder)
    states, found = [whole.state_dict()], []
    for number in range(100):
        if number == 30:
            write_set(folder, {"g0": A, "g1": B})
        if number == 47:
            write_set(folder, {"g0": A, "g1": B, "g2": C})
        found += read(whole, 1)
        states.append(json.loads(json.dumps(whole.state_dict())))
    assert keys(found[42:52]) == B
    assert keys(found[52:65]) == C
    for start in (43, 47, 51, 53, 60, 66, 80, 99):
        again = follower(folder)
        again.load_state_dict(states[start])
        assert read(again, 100 - start) == found[start:]


def test_what_was_decided_ahead_of_the_saved_position_is_kept(folder: Path) -> None:
    write_set(folder, {"g0": A})
    reader = follower(folder)
    with PrefetchLoader(reader, lambda sample: sample, threads=2, prefetch=15) as loader:
        first = [next(loader) for _ in range(10)]
        # By now the second pass is decided: over everything, since nothing was new.
        write_set(folder, {"g0": A, "g1": B})
        rest = [one.sample for one in islice(loader, 42)]
    again = follower(folder)
    again.load_state_dict(reader.state_dict(first[-1].position))
    assert read(again, 42) == rest
    assert keys(rest[32:]) == B


def test_several_ranks_need_to_agree(folder: Path) -> None:
    write_set(folder, {"g0": A})
    with pytest.raises(ShardError, match=r"2 ranks follow a growing data set.*agree"):
        follower(folder, num_ranks=2)


def test_ranks_take_the_version_agreed_on_though_they_see_others(folder: Path) -> None:
    write_set(folder, {"g0": A})
    agree = first_wins()
    ranks = [follower(folder, rank=rank, num_ranks=4, agree=agree) for rank in range(4)]
    parts: list[list[RawSample]] = []
    for number, reader in enumerate(ranks):
        # Each rank is through the first pass (21 slots) when there is one generation more.
        parts.append(read(reader, 8))
        write_set(folder, {"g0": A} | {f"h{n}": keys_of(f"h{n}", 4) for n in range(number + 1)})
        assert (
            reader.state_dict()["passes"][-1]["manifest"] == ranks[0].state_dict()["passes"][-1]["manifest"]
        )
    slots = sorted((s for part in parts for s in part), key=lambda sample: sample.index)
    assert keys(slots[:21]) == A
    assert len({s.key for s in slots[21:]}) == 11
    # Resumed on other ranks, with what any of them knew.
    state = merge_states([reader.state_dict() for reader in ranks])
    more = [follower(folder, rank=rank, num_ranks=2, agree=agree) for rank in range(2)]
    for reader in more:
        reader.load_state_dict(state)
    rest = sorted((s for reader in more for s in read(reader, 5)), key=lambda sample: sample.index)
    assert keys(slots[21:] + rest) == A


def test_the_first_pass_is_agreed_on_too(folder: Path) -> None:
    write_set(folder, {"g0": A})
    agree = first_wins()
    first = follower(folder, rank=0, num_ranks=2, agree=agree)
    write_set(folder, {"g0": A, "g1": B})
    second = follower(folder, rank=1, num_ranks=2, agree=agree)
    found = read(first, 11) + read(second, 10)
    assert keys(found) == A
    assert keys(read(first, 5) + read(second, 5)) == B


def test_ranks_may_agree_over_a_store_of_torch(folder: Path) -> None:
    distributed = pytest.importorskip("torch.distributed")
    write_set(folder, {"g0": A})
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)

    def agree(number: int, version: str) -> str:
        return str(store.compare_set(f"shards/{number}", "", version).decode())

    first, second = (follower(folder, rank=rank, num_ranks=2, agree=agree) for rank in range(2))
    found = read(first, 12)
    write_set(folder, {"g0": A, "g1": B})
    # The first rank was in its second pass before there was anything new.
    found += read(second, 11)
    assert keys([sample for sample in found if sample.epoch == 0]) == A
    assert {sample.epoch for sample in found} == {0, 1}
    rest = read(first, 15) + read(second, 15)
    assert keys([s for s in found + rest if s.epoch == 1]) == A
    assert keys([s for s in rest if s.epoch == 2]) == B


def test_merged_states_know_of_the_pass_that_one_rank_has_begun(folder: Path) -> None:
    write_set(folder, {"g0": A})
    agree = first_wins()
    ranks = [follower(folder, rank=rank, num_ranks=2, agree=agree) for rank in range(2)]
    parts = [list(islice(reader, 8)) for reader in ranks]
    write_set(folder, {"g0": A, "g1": B})
    ahead = list(islice(ranks[1], 6))
    states = [ranks[0].state_dict(), ranks[1].state_dict(parts[1][-1][1])]
    assert len(ahead) == 6
    assert len(states[0]["passes"]) == 1
    merged = merge_states(states)
    assert merged["passes"][-1]["generations"] == ["g1"]
    assert merged["slot"] == 16


def test_a_pass_whose_manifest_is_gone_is_refused_or_given_up(folder: Path) -> None:
    write_set(folder, {"g0": A})
    reader = follower(folder)
    read(reader, 5)
    write_set(folder, {"g0": A, "g1": B})
    (folder / kept_manifest_path(reader.version)).unlink()
    again = follower(folder)
    with pytest.raises(ShardError, match=r"cannot be finished: .*manifests/"):
        again.load_state_dict(reader.state_dict())
    again.load_state_dict(reader.state_dict(), accept_new_shards=True)
    assert again.state_dict()["passes"][0]["unread_before"] == 16
    assert keys(read(again, 31)) == A + B


def test_a_stream_may_begin_or_cease_to_follow(folder: Path) -> None:
    write_set(folder, {"g0": A})
    plain = ShardReader(str(folder))
    start = read(plain, 30)
    write_set(folder, {"g0": A, "g1": B})
    following = follower(folder)
    following.load_state_dict(plain.state_dict())
    assert keys(start[21:] + read(following, 12)) == A
    assert keys(read(following, 10)) == B
    ceased = ShardReader(str(folder))
    ceased.load_state_dict(following.state_dict(), accept_new_shards=True)
    assert keys(read(ceased, 31)) == A + B
    assert keys(read(ceased, 31)) == A + B


def test_only_one_manifest_is_followed(folder: Path, tmp_path: Path) -> None:
    url = write_set(folder, {"g0": A})
    for urls in ([url, write_set(tmp_path / "other", {"g": B})], f"{url}/g0/*.tar"):
        with pytest.raises(ShardError, match="give one folder of shards"):
            ShardReader(urls, follow=True)
    with pytest.raises(ShardError, match="epoch_multiple"):
        follower(folder, epoch_multiple=4)
