from collections import Counter

import numpy as np
import pytest

from curation.detect.learning.draws import Shares, log_uniform, progress
from curation.detect.learning.transitions import KIND_SHARES, KINDS, Kind
from curation.detect.learning.wipes import FIELDS
from tests.curation.detect_learning.textures import Textures

GRADUAL = [kind for kind in KINDS if kind.name != "cut"]


def named(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.name == name)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_junction_makes_as_many_frames_as_it_says(kind: Kind) -> None:
    rng, shots = np.random.default_rng(1), Textures(6)
    for _ in range(12):
        junction = kind.draw(rng)
        outgoing = shots(rng, junction.outgoing_frames or 1)[0][: junction.outgoing_frames]
        incoming = shots(rng, junction.incoming_frames or 1)[0][: junction.incoming_frames]
        kept = outgoing.copy(), incoming.copy()
        frames = junction.render(outgoing, incoming)
        assert frames.shape == (junction.num_frames, 27, 48, 3)
        assert frames.dtype == np.uint8
        assert np.array_equal(outgoing, kept[0])
        assert np.array_equal(incoming, kept[1])
        assert max(junction.outgoing_frames, junction.incoming_frames) <= junction.num_frames


@pytest.mark.parametrize("kind", GRADUAL, ids=lambda kind: kind.name)
def test_early_frames_are_nearer_to_the_outgoing_shot_than_late_ones(kind: Kind) -> None:
    rng, shots = np.random.default_rng(2), Textures(12)
    leads = []
    for _ in range(16):
        junction = kind.draw(rng)
        number = int(rng.integers(11))
        outgoing = shots(rng, junction.num_frames + 1, number)[0]
        incoming = shots(rng, junction.num_frames + 1, number + 1)[0]
        frames = junction.render(
            outgoing[1 : junction.outgoing_frames + 1],
            incoming[junction.num_frames - junction.incoming_frames : -1],
        ).astype(np.float32)
        whole = np.concatenate([outgoing[:1], frames, incoming[-1:]]).astype(np.float32)
        to_outgoing = np.abs(whole - outgoing[0]).mean((1, 2, 3))
        to_incoming = np.abs(whole - incoming[-1]).mean((1, 2, 3))
        third = max(1, len(whole) // 3)
        leads.append((to_incoming - to_outgoing)[:third].mean() - (to_incoming - to_outgoing)[-third:].mean())
    assert np.mean(np.array(leads) > 0) > 0.9


def test_shares_are_as_stated() -> None:
    rng = np.random.default_rng(3)
    counts = Counter(KIND_SHARES.draw(rng).name for _ in range(20_000))
    assert sum(kind.share for kind in KINDS) == pytest.approx(1)
    for kind in KINDS:
        assert counts[kind.name] / 20_000 == pytest.approx(kind.share, abs=0.01)
    assert counts["cut"] / 20_000 == pytest.approx(0.45, abs=0.015)


def test_lengths_of_dissolves_and_fades() -> None:
    rng = np.random.default_rng(4)
    dissolves = [named("dissolve").draw(rng).num_frames for _ in range(2000)]
    fades = [named("fade_through").draw(rng) for _ in range(2000)]
    assert (min(dissolves), max(dissolves)) == (2, 70)
    assert np.mean(np.array(dissolves) <= 12) == pytest.approx(0.5, abs=0.06)
    assert {2, 40} <= {fade.outgoing_frames for fade in fades} <= set(range(2, 41))
    holds = [fade.num_frames - fade.outgoing_frames - fade.incoming_frames for fade in fades]
    assert (min(holds), max(holds)) == (0, 35)


def test_a_dissolve_is_between_its_ends_and_moves_on() -> None:
    outgoing, incoming = np.full((9, 27, 48, 3), 20, np.uint8), np.full((9, 27, 48, 3), 220, np.uint8)
    rng = np.random.default_rng(5)
    for _ in range(30):
        junction = named("dissolve").draw(rng)
        levels = junction.render(outgoing, incoming)[:, 0, 0, 0].astype(int)
        assert 20 < levels[0] < levels[-1] < 220
        assert (np.diff(levels) > 0).all()


def test_a_wipe_turns_each_pixel_once() -> None:
    outgoing, incoming = np.zeros((30, 27, 48, 3), np.uint8), np.full((30, 27, 48, 3), 255, np.uint8)
    rng = np.random.default_rng(6)
    plain = 0
    for _ in range(40):
        frames = named("wipe").draw(rng).render(outgoing, incoming)
        if np.ptp(frames, axis=-1).any():
            continue  # a coloured border
        steps = np.diff(frames.astype(int), axis=0)
        plain += 1
        assert (steps >= 0).all()
        assert (frames[0] != 0).any()
        assert (frames[-1] != 255).any()
    assert plain > 20


@pytest.mark.parametrize("field", FIELDS.items, ids=lambda field: field.__name__)
def test_fields_cover_the_picture(field) -> None:  # type: ignore[no-untyped-def]
    values = field(np.random.default_rng(7), 27, 48)
    assert values.shape == (27, 48)
    assert np.isfinite(values).all()
    assert np.ptp(values) > 0.3


def test_a_push_moves_both_shots_by_the_width_of_the_picture() -> None:
    ramp = np.broadcast_to(np.linspace(0, 240, 48)[None, None, :, None], (60, 27, 48, 3))
    outgoing, incoming = ramp.astype(np.uint8), 255 - ramp.astype(np.uint8)
    rng = np.random.default_rng(8)
    for _ in range(12):
        junction = named("push").draw(rng)
        num = junction.num_frames
        frames = junction.render(outgoing[:num], incoming[:num]).astype(int)
        assert np.abs(frames[0] - outgoing[0]).mean() < np.abs(frames[0] - incoming[0]).mean()
        assert np.abs(frames[-1] - incoming[0]).mean() < np.abs(frames[-1] - outgoing[0]).mean()


def test_draws() -> None:
    rng = np.random.default_rng(9)
    numbers = [log_uniform(rng, 3, 12) for _ in range(3000)]
    assert set(numbers) == set(range(3, 13))
    assert numbers.count(3) > 2 * numbers.count(12)
    assert Counter(Shares([("a", 3), ("b", 1)]).draw(rng) for _ in range(4000))["a"] == pytest.approx(
        3000, abs=150
    )
    for _ in range(40):
        steps = progress(rng, 17)
        assert 0 < steps[0] < steps[-1] < 1
        assert (np.diff(steps) > 0).all()
