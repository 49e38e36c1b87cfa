"""Near-duplicates: what is found among hashes, who stands for whom, and that many copies cost no more."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pyarrow as pa
import pytest

from curation.base.media_store import MediaRef
from curation.base.records import to_arrow
from curation.base.workspace import Workspace
from curation.dedup.components import Components
from curation.dedup.config import NearDedupConfig
from curation.dedup.lsh import candidates
from curation.dedup.near import Fingerprints, near_duplicates
from curation.dedup.stage import NearDedup
from curation.dedup.standing import stands_for
from curation.fingerprint.records import Fingerprint
from curation.records import Clip, DuplicateOf
from tests.curation.dedup.clips import a_clip
from tests.curation.dedup.tables import Tables, former

FRAMES = 8
CONFIG = NearDedupConfig()


def random_hashes(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 1 << 64, (count, FRAMES), np.uint64)


def turned(hashes: np.ndarray, bits: int, seed: int = 0) -> np.ndarray:
    """The same with exactly so many other bits in each frame."""
    random = np.random.default_rng(seed)
    masks = np.zeros_like(hashes)
    for place in np.ndindex(hashes.shape):
        for bit in random.choice(64, bits, replace=False):
            masks[place] |= np.uint64(1) << np.uint64(bit)
    return hashes ^ masks


def found(hashes: np.ndarray, durations_s: np.ndarray | None = None) -> np.ndarray:
    durations_s = np.full(len(hashes), 5.0) if durations_s is None else durations_s
    return near_duplicates(Fingerprints(hashes, durations_s), CONFIG)


def test_components_hold_what_pairs_join() -> None:
    random = np.random.default_rng(1)
    components = Components(1000)
    expected = list(range(1000))
    for _ in range(5):
        a, b = random.integers(0, 1000, (2, 100))
        components.join(a, b)
        for one, other in zip(a.tolist(), b.tolist(), strict=True):
            low, high = sorted((expected[one], expected[other]))
            expected = [low if root == high else root for root in expected]
        some = random.integers(0, 1000, 50)
        assert components.roots(some).tolist() == [expected[one] for one in some]
    assert components.roots().tolist() == expected


def test_a_long_chain_is_joined_in_little_time() -> None:
    components = Components(300_000)
    order = np.random.default_rng(0).permutation(300_000)
    started = time.process_time()
    components.join(order[1:], order[:-1])
    assert (components.roots() == 0).all()
    assert time.process_time() - started < 5


@pytest.mark.parametrize("bits", [0, 1, 2])
def test_hashes_up_to_two_bits_apart_are_always_candidates(bits: int) -> None:
    base = np.random.default_rng(bits).integers(0, 1 << 64, (500, 1), np.uint64)
    hashes = np.concatenate([base, turned(base, bits)])[:, 0]
    pairs = {
        pair
        for a, b in candidates(hashes, 5)
        for pair in zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), strict=True)
    }
    assert {(number, number + 500) for number in range(500)} <= pairs
    assert len(pairs) < 600


def test_candidates_of_a_bucket_grow_with_its_size_only() -> None:
    hashes = np.zeros(5000, np.uint64)
    assert sum(len(a) for a, _ in candidates(hashes, 5)) < 3 * 6 * 5000


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_hashes_are_no_special_case(count: int) -> None:
    pairs = [pair for a, b in candidates(np.zeros(count, np.uint64), 5) for pair in zip(a, b, strict=True)]
    assert set(map(tuple, map(sorted, pairs))) == ({(0, 1)} if count == 2 else set())


def test_copies_with_few_other_bits_are_found_and_others_not() -> None:
    base = random_hashes(300)
    hashes = np.concatenate(
        [base, turned(base[:100], 2), turned(base[:100], 4, seed=1), turned(base[:100], 9)]
    )
    expected = np.arange(600)
    expected[300:400] = expected[400:500] = np.arange(100)
    assert (found(hashes) == expected).mean() > 0.98
    assert (found(hashes)[:300] == np.arange(300)).all()
    assert (found(hashes)[500:] == np.arange(500, 600)).all()


def test_frames_count_in_their_order() -> None:
    hashes = random_hashes(1)
    assert found(np.concatenate([hashes, hashes[:, ::-1]])).tolist() == [0, 1]


def test_clips_of_other_durations_are_others() -> None:
    hashes = np.repeat(random_hashes(1), 3, axis=0)
    assert found(hashes, np.array([10.0, 10.9, 20.0])).tolist() == [0, 0, 2]


def test_flat_frames_neither_make_clips_alike_nor_keep_them_apart() -> None:
    hashes = random_hashes(2)
    hashes[:, :4] = 0
    assert found(hashes).tolist() == [0, 1]
    hashes[1] = hashes[0]
    assert found(hashes).tolist() == [0, 0]


def test_likeness_is_not_passed_along_a_chain() -> None:
    chain = [random_hashes(1)[0]]
    for step in range(6):
        # Other bits at each step: 4 more per frame.
        chain.append(chain[-1] ^ np.uint64(0b1111 << (4 * step)))
    assert found(np.stack(chain)).tolist() == [0, 0, 2, 2, 4, 4, 6]


def test_a_long_chain_is_followed_to_its_end() -> None:
    """As of footage that changes slowly: each is like its neighbours, and all are one component."""
    standing = stands_for(np.zeros(1000, np.int64), lambda a, b: np.abs(a - b) <= 1)
    assert (standing == np.arange(1000) // 2 * 2).all()
    standing = stands_for(np.zeros(1000, np.int64), lambda a, b: np.zeros(len(a), np.bool_))
    assert (standing == np.arange(1000)).all()


def test_each_is_led_by_the_first_leader_it_is_like() -> None:
    """Against the definition, one element after another, in components that lie among each other."""
    random = np.random.default_rng(0)
    places = random.uniform(0, 60, 600)
    roots = np.array([0, 1, 2])[random.integers(0, 3, 600)]
    roots[:3] = [0, 1, 2]
    expected: list[int] = []
    for number, place in enumerate(places):
        own = [other for other in range(number) if expected[other] == other and roots[other] == roots[number]]
        expected.append(next((other for other in own if abs(places[other] - place) <= 0.2), number))
    standing = stands_for(roots, lambda a, b: np.abs(places[a] - places[b]) <= 0.2)
    assert standing.tolist() == expected
    assert max(np.bincount(roots[standing == np.arange(600)])) > 64


def test_a_hundred_thousand_copies_with_noise_find_their_original() -> None:
    original = random_hashes(1)
    copies = np.repeat(original, 100_000, axis=0)
    random = np.random.default_rng(0)
    for _ in range(2):
        copies ^= np.uint64(1) << random.integers(0, 64, copies.shape, np.uint64)
    hashes = np.concatenate([original, copies, random_hashes(100_000, seed=5)])
    started = time.process_time()
    standing = found(hashes)
    assert time.process_time() - started < 10
    assert (standing[:100_001] == 0).mean() > 0.999
    assert (standing[100_001:] == np.arange(100_001, 200_001)).all()


def _clips(ids: str, sha256: str) -> pa.Table:
    refs = [MediaRef(form="mp4", sha256=one, size_bytes=1, path="p", offset=0) for one in sha256]
    return to_arrow(Clip, [a_clip(name, video=ref) for name, ref in zip(ids, refs, strict=True)])


def _prints(hashes: dict[str, np.ndarray], flat: str = "") -> pa.Table:
    return to_arrow(
        Fingerprint,
        [
            Fingerprint(
                clip_id=name, hashes=tuple(row.view(np.int64).tolist()), duration_s=5.0, flat=name in flat
            )
            for name, row in sorted(hashes.items())
        ],
    )


def _run(workspace: Workspace, tables: Tables) -> dict[str, tuple[str, str]]:
    items = list(NearDedup(CONFIG, workspace)(tables))
    assert all(isinstance(item, DuplicateOf) for item in items)
    assert [item.clip_id for item in items] == sorted(item.clip_id for item in items)
    return {item.clip_id: (item.duplicate_of, item.kind) for item in items}


def test_exact_and_near_copies_have_one_clip_that_stands_for_all(workspace: Workspace) -> None:
    base = random_hashes(2)
    near = turned(base[:1], 2)[0]
    prints = _prints({"a": near, "b": near, "c": base[0], "d": base[1], "e": base[0]})
    # a and b are the same file, c and e another; d is alone.
    tables = Tables(clips=_clips("abcde", "11232"), fingerprints=prints)
    assert _run(workspace, tables) == {"b": ("a", "exact"), "c": ("a", "near"), "e": ("a", "near")}
    oldest = Tables(places=[4, 3, 2, 1, 0], clips=_clips("abcde", "11232"), fingerprints=prints)
    assert _run(workspace, oldest) == {"a": ("e", "near"), "b": ("e", "near"), "c": ("e", "exact")}
    before = Tables(former({"a": "b"}), clips=_clips("abcde", "11232"), fingerprints=prints)
    assert _run(workspace, before) == {"a": ("b", "exact"), "c": ("b", "near"), "e": ("b", "near")}


def test_a_new_copy_of_lower_id_changes_nothing_for_older_ones(workspace: Workspace) -> None:
    row = random_hashes(1)[0]
    first = Tables(clips=_clips("bc", "12"), fingerprints=_prints({"b": row, "c": row}))
    assert _run(workspace, first) == {"c": ("b", "near")}
    later = Tables(
        former({"c": "b"}),
        [1, 0, 0],
        clips=_clips("abc", "312"),
        fingerprints=_prints(dict.fromkeys("abc", row)),
    )
    assert _run(workspace, later) == {"a": ("b", "near"), "c": ("b", "near")}


def test_flat_clips_and_those_without_a_fingerprint_are_compared_by_bytes_only(workspace: Workspace) -> None:
    row = random_hashes(1)[0]
    tables = Tables(
        clips=_clips("abcdef", "112345"), fingerprints=_prints(dict.fromkeys("abcde", row), flat="cd")
    )
    assert _run(workspace, tables) == {"b": ("a", "exact"), "e": ("a", "near")}


def test_no_clips_have_no_duplicates(workspace: Workspace) -> None:
    tables = Tables(clips=_clips("", ""), fingerprints=_prints({}))
    assert _run(workspace, tables) == {}


@pytest.mark.parametrize(("within_source", "expected"), [(False, {"c": "a"}), (True, {"b": "a", "c": "a"})])
def test_clips_of_one_source_are_copies_only_if_asked_for(
    workspace: Workspace, within_source: bool, expected: dict[str, str]
) -> None:
    clips = [
        a_clip("a", video_id="lecture", video=_media("1")),
        a_clip("b", video_id="lecture", video=_media("2")),
        a_clip("c", video_id="copy", video=_media("3")),
    ]
    same = Fingerprint(clip_id="", hashes=(1 << 40, 3, 5, 7), duration_s=10.0, flat=False)
    prints = [dataclasses.replace(same, clip_id=clip.clip_id) for clip in clips]
    tables = Tables(clips=to_arrow(Clip, clips), fingerprints=to_arrow(Fingerprint, prints))
    found = NearDedup(NearDedupConfig(within_source=within_source), workspace)(tables)
    assert {each.clip_id: each.duplicate_of for each in found if isinstance(each, DuplicateOf)} == expected


def _media(sha256: str) -> MediaRef:
    return MediaRef(form="mp4", sha256=sha256, size_bytes=1, path="p", offset=0)
