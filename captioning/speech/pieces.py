"""Cuts hours of sound into pieces of speech that a recogniser takes whole, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.records import Span

MAX_PIECE_S = 30.0
"""Longest piece with its padding: what Whisper hears at once (arXiv 2212.04356, section 2.2)."""
MAX_GAP_S = 1.0
"""Speech is one piece across pauses up to this long: recognisers do better with context. Of 83 words of
real speech pocketsphinx got 22 wrong with 1.0 s, 25 with 0.6 s, 31 with 0.3 s."""
PADDING_S = 0.2
"""Sound kept on either side of a piece, so that soft beginnings and ends are heard."""
DETECTION_S = 60.0
"""Stretch in which speech is looked for at once; it bounds what is held in memory. Speech across its
ends is joined again."""
TOUCHING_S = 0.1
"""Spans this close are one span, as for the detector itself."""

_MAX_SPEECH = round((MAX_PIECE_S - 2 * PADDING_S) * SAMPLE_RATE_HZ)
_MAX_GAP = round(MAX_GAP_S * SAMPLE_RATE_HZ)
_PADDING = round(PADDING_S * SAMPLE_RATE_HZ)
_DETECTION = round(DETECTION_S * SAMPLE_RATE_HZ)
_HOP = 400


@dataclass(frozen=True)
class Piece:
    """A stretch of speech: `samples` (float32 mono, 16 kHz) begin `start_s` seconds after the first
    sample of the sound; `speech` are the spans of speech in them, in seconds from the piece's start."""

    start_s: float
    samples: Floats
    speech: tuple[Span, ...]

    @property
    def duration_s(self) -> float:
        """Its length."""
        return len(self.samples) / SAMPLE_RATE_HZ

    @property
    def speech_s(self) -> float:
        """How much of it is speech."""
        return sum(span.end_s - span.start_s for span in self.speech)


@dataclass
class _Draft:
    """Spans of speech, in sample numbers, to which more may come; `floor` is where padding must begin."""

    spans: list[tuple[int, int]]
    floor: int

    @property
    def start(self) -> int:
        return self.spans[0][0]

    @property
    def end(self) -> int:
        return self.spans[-1][1]


class PieceCutter:
    """Takes the sound of a source block by block and gives pieces as they are complete.

    After the end, `spans` holds every span of speech and `heard_s` the length of the sound.
    """

    def __init__(self, detect: Callable[[Floats], list[Span]]) -> None:
        self.spans: list[Span] = []
        self._detect = detect
        self._waiting: list[Floats] = []
        self._heard = 0
        self._held = np.zeros(0, np.float32)
        self._held_start = 0
        self._detected = 0
        self._draft: _Draft | None = None
        self._last_end: int | None = None

    @property
    def heard_s(self) -> float:
        """Seconds of sound that came in."""
        return self._heard / SAMPLE_RATE_HZ

    def cut(self, blocks: Iterable[Floats]) -> Iterator[Piece]:
        """Yield the pieces of a sound whose blocks (1-D float32, 16 kHz) may have any length.

        What `blocks` raises passes through; `rest` then gives what was complete so far.
        """
        for block in blocks:
            self._waiting.append(block)
            self._heard += len(block)
            while self._heard - self._detected >= _DETECTION:
                yield from self._advance(self._detected + _DETECTION)
        yield from self.rest()

    def rest(self) -> Iterator[Piece]:
        """Yield what is left of the sound that came in."""
        if self._heard > self._detected:
            yield from self._advance(self._heard)
        yield from self._finish(None)

    def _advance(self, end: int) -> Iterator[Piece]:
        """Look for speech up to a sample number and let go of what is no longer needed."""
        self._held = np.concatenate([self._held, *self._waiting])
        self._waiting.clear()
        first = self._detected
        for span in self._detect(self._at(first, end)):
            start = first + round(span.start_s * SAMPLE_RATE_HZ)
            stop = min(end, first + round(span.end_s * SAMPLE_RATE_HZ))
            self._note(start, stop)
            for part_start, part_end in self._parts(start, stop):
                yield from self._grow(part_start, part_end)
        self._detected = end
        if self._draft is not None and end - self._draft.end > _MAX_GAP:
            yield from self._finish(None)
        needed = end if self._draft is None else self._draft.start
        self._let_go(max(self._held_start, needed - _PADDING))

    def _note(self, start: int, end: int) -> None:
        start_s, end_s = start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ
        if self.spans and start_s - self.spans[-1].end_s <= TOUCHING_S:
            start_s = self.spans.pop().start_s
        self.spans.append(Span(start_s=round(start_s, 3), end_s=round(end_s, 3)))

    def _parts(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """A span in parts no longer than a piece, parted where it is quietest."""
        while end - start > _MAX_SPEECH:
            middle = start + _quietest(self._at(start, start + _MAX_SPEECH), _MAX_SPEECH * 2 // 3)
            yield start, middle
            start = middle
        yield start, end

    def _grow(self, start: int, end: int) -> Iterator[Piece]:
        """Add speech to the piece that is open, or finish that one and open another."""
        draft = self._draft
        if draft is not None and start - draft.end <= _MAX_GAP and end - draft.start <= _MAX_SPEECH:
            draft.spans.append((start, end))
        else:
            yield from self._finish(start)
            floor = 0 if self._last_end is None else (self._last_end + start) // 2
            self._draft = _Draft([(start, end)], floor)
        self._last_end = end

    def _finish(self, next_start: int | None) -> Iterator[Piece]:
        """Yield the open piece, if any; its padding shares the pause before `next_start` with the next."""
        draft, self._draft = self._draft, None
        if draft is None:
            return
        start = max(draft.start - _PADDING, draft.floor, self._held_start)
        end = draft.end + _PADDING
        if next_start is not None:
            end = min(end, (draft.end + next_start) // 2)
        speech = (
            Span(start_s=(first - start) / SAMPLE_RATE_HZ, end_s=(last - start) / SAMPLE_RATE_HZ)
            for first, last in draft.spans
        )
        yield Piece(start / SAMPLE_RATE_HZ, self._at(start, end), tuple(speech))

    def _at(self, start: int, end: int) -> Floats:
        return self._held[start - self._held_start : end - self._held_start]

    def _let_go(self, start: int) -> None:
        self._held = self._held[start - self._held_start :].copy()
        self._held_start = start


def _quietest(samples: Floats, first: int) -> int:
    """The middle of the quietest tenth of a second at or after `first`."""
    num_hops = (len(samples) - first) // _HOP
    hops = samples[first : first + num_hops * _HOP].reshape(-1, _HOP)
    power = np.convolve((hops.astype(np.float64) ** 2).mean(axis=1), np.ones(4), mode="valid")
    return first + (int(power.argmin()) + 2) * _HOP
