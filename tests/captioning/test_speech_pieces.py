"""Pieces of speech: nothing lost, nothing twice, nothing too long, whatever the blocks."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.audio.vad import VoiceActivity
from captioning.records import Span
from captioning.speech.pieces import MAX_PIECE_S, Piece, PieceCutter
from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox


def loud(samples: Floats) -> list[Span]:
    """A detector for sound that is exactly 0 or speech: spans of samples that are not 0."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (samples != 0).astype(np.int8), [0]])))
    pairs = edges.reshape(-1, 2) / SAMPLE_RATE_HZ
    return [Span(start_s=float(start), end_s=float(end)) for start, end in pairs]


def blocks_of(sound: Floats, size: int) -> Iterator[Floats]:
    for start in range(0, len(sound), size):
        yield sound[start : start + size]


def sound_of(stretches: list[tuple[int, int]]) -> Floats:
    """Alternating silence and noise, lengths in tenths of seconds."""
    rng = np.random.default_rng(0)
    parts = [
        part
        for silence, speech in stretches
        for part in (np.zeros(silence * 1600), rng.uniform(0.1, 0.5, speech * 1600))
    ]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32)


stretches = st.lists(st.tuples(st.integers(1, 150), st.integers(3, 450)), max_size=4)


@settings(max_examples=25, deadline=None)
@given(stretches, st.integers(1000, 300_000))
def test_every_sample_of_speech_is_in_exactly_one_piece(lengths: list[tuple[int, int]], block: int) -> None:
    sound = sound_of(lengths)
    cutter = PieceCutter(loud)
    pieces = list(cutter.cut(blocks_of(sound, block)))
    assert cutter.heard_s == len(sound) / SAMPLE_RATE_HZ
    taken = np.zeros(len(sound), np.int8)
    for piece in pieces:
        first = round(piece.start_s * SAMPLE_RATE_HZ)
        assert np.array_equal(piece.samples, sound[first : first + len(piece.samples)])
        assert len(piece.samples) <= (MAX_PIECE_S + 0.4) * SAMPLE_RATE_HZ
        taken[first : first + len(piece.samples)] += 1
    assert np.all(taken[sound != 0] == 1)
    assert taken.max(initial=0) <= 1
    assert sum(piece.speech_s for piece in pieces) == pytest.approx(np.count_nonzero(sound) / SAMPLE_RATE_HZ)
    assert cutter.spans == loud_spans_rounded(sound)


def loud_spans_rounded(sound: Floats) -> list[Span]:
    """Spans of the whole sound, those that touch joined, as a transcript has them."""
    joined: list[Span] = []
    for span in loud(sound):
        start_s, end_s = round(span.start_s, 3), round(span.end_s, 3)
        if joined and start_s - joined[-1].end_s <= 0.1:
            start_s = joined.pop().start_s
        joined.append(Span(start_s=start_s, end_s=end_s))
    return joined


def test_pieces_do_not_depend_on_the_blocks() -> None:
    sound = sound_of([(5, 300), (3, 900), (400, 20), (8, 10)])

    def pieces(size: int) -> list[Piece]:
        return list(PieceCutter(loud).cut(blocks_of(sound, size)))

    whole, parts = pieces(len(sound)), pieces(7777)
    assert [(piece.start_s, piece.speech_s) for piece in whole] == [(p.start_s, p.speech_s) for p in parts]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(whole, parts, strict=True))


def test_long_speech_is_parted_where_it_is_quietest() -> None:
    sound = sound_of([(10, 450)])
    quiet = slice(26 * SAMPLE_RATE_HZ, round(26.1 * SAMPLE_RATE_HZ))
    sound[quiet] *= 0.01
    first, second = PieceCutter(loud).cut([sound])
    assert 26.0 <= second.start_s <= 26.1
    assert first.start_s + len(first.samples) / SAMPLE_RATE_HZ == pytest.approx(second.start_s)


def test_an_hour_of_sound_takes_no_more_memory_than_two_minutes() -> None:
    minute = sound_of([(300, 300)])
    tracemalloc.start()
    speech_s = sum(piece.speech_s for piece in PieceCutter(loud).cut(minute for _ in range(60)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert speech_s == pytest.approx(60 * 30)
    assert peak < 40e6, "60 s and a piece, in float32 and the detector's own copies"


def test_sound_that_fails_midway_leaves_the_rest_to_be_had() -> None:
    sound = sound_of([(10, 20)])

    def failing() -> Iterator[Floats]:
        yield sound
        raise OSError("gone")

    cutter = PieceCutter(loud)
    with pytest.raises(OSError, match="gone"):
        list(cutter.cut(failing()))
    [piece] = cutter.rest()
    assert piece.speech_s == pytest.approx(2.0)


def test_detection_minute_by_minute_finds_the_same_speech(shared_media: Path) -> None:
    path = shared_media / "audio" / "librispeech_198.ogg"
    once = np.concatenate(list(Sandbox(DecodeLimits()).audio(path, "ogg", 0)))
    sound = np.tile(once, 10)
    voice = VoiceActivity()
    cutter = PieceCutter(voice.spans)
    list(cutter.cut([sound]))

    def mask(spans: list[Span]) -> np.ndarray:
        seconds = np.arange(0, len(sound) / SAMPLE_RATE_HZ, 0.01)
        return np.any([(span.start_s <= seconds) & (seconds < span.end_s) for span in spans], axis=0)

    assert np.mean(mask(cutter.spans) != mask(voice.spans(sound))) < 0.01
