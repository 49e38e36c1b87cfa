"""Edit decision lists in the CMX 3600 format, which video editors import.

An event is a line of number, reel, channel, transition, and four timecodes: in and out of the source, in and
out of the recording; the outs are the first frame after. Reels have eight characters, and lines that begin
with an asterisk are notes. Sources: the format as OpenTimelineIO's cmx_3600 adapter reads it; Avid EDL
Manager's description of CMX lists.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from curation.media.text import plain_text
from curation.probe import file_name
from curation.records import Shot
from pipelines.segmenting.files import Segmented
from pipelines.segmenting.timecode import Timebase, timebase

MAX_EVENTS = 999
"""Events that the format's three digits can number."""

_REEL_CHARS = 8
_RESERVED_REELS = ("AX", "BL")
_TITLE_CHARS = 70
_RECORD_START_S = 3600
_DAY_S = 24 * 3600


class EditList:
    """Gathers the clips of files, one after another, on a recording that starts at 01:00:00:00.

    The first file decides at which rate is counted.
    """

    def __init__(self, title: str) -> None:
        self._lines = [f"TITLE: {plain_text(title, _TITLE_CHARS)}", "FCM: NON-DROP FRAME"]
        self._reels = set(_RESERVED_REELS)
        self._timebase: Timebase | None = None
        self._record = 0
        self.events = 0

    def add(self, found: Segmented) -> str | None:
        """Append the clips of a file; where they do not fit, says why and appends none."""
        count = timebase(found.source.record.video.fps)
        if self._timebase is None:
            self._timebase = count
            self._record = _RECORD_START_S * count.nominal
        if count != self._timebase:
            return (
                f"has {_rate(count)} frames per second, and the EDL counts {_rate(self._timebase)}; "
                "write it to an EDL of its own"
            )
        spans = [self._source_span(found, shot) for shot in found.shots]
        if self._record + sum(end - start for start, end in spans) > _DAY_S * count.nominal:
            return "does not fit, since timecode ends after 24 hours; write it to an EDL of its own"
        reel = self._reel(found.uri)
        for number, (shot, (start, end)) in enumerate(zip(found.shots, spans, strict=True)):
            previous = found.shots[number - 1] if number else None
            self._event(reel, start, end, _notes(found, shot, previous))
        return None

    def text(self) -> str:
        """The whole list."""
        return "\n".join([*self._lines, ""])

    def _source_span(self, found: Segmented, shot: Shot) -> tuple[int, int]:
        """In and out of a shot on a clock that is zero at the first frame of the file."""
        assert self._timebase is not None
        zero, unit_s = found.shots[0].start_pts, Fraction(shot.time_base)
        start = self._timebase.frame((shot.start_pts - zero) * unit_s)
        return start, max(start + 1, self._timebase.frame((shot.end_pts - zero) * unit_s))

    def _event(self, reel: str, start: int, end: int, notes: list[str]) -> None:
        assert self._timebase is not None
        self.events += 1
        record_end = self._record + end - start
        times = " ".join(self._timebase.text(frame) for frame in (start, end, self._record, record_end))
        self._lines += [f"{self.events:03d}  {reel:<8} {'V':<5} C        {times}", *notes]
        self._record = record_end

    def _reel(self, uri: str) -> str:
        """Letters, digits and underscores of a file's name that no other file has."""
        stem = Path(file_name(uri)).stem.upper()
        name = re.sub("[^A-Z0-9]+", "_", stem).strip("_")[:_REEL_CHARS] or "REEL"
        reel, number = name, 1
        while reel in self._reels:
            number += 1
            reel = f"{name[: _REEL_CHARS - len(str(number))]}{number}"
        self._reels.add(reel)
        return reel


def _notes(found: Segmented, shot: Shot, previous: Shot | None) -> list[str]:
    notes = [
        f"* FROM CLIP NAME: {file_name(found.uri)}",
        f"* SOURCE FRAMES: {shot.start_frame}-{shot.last_frame}",
    ]
    if previous is not None and shot.opened_by != "cut":
        left_out = f"{previous.last_frame + 1}-{shot.start_frame - 1}"
        notes.append(f"* AFTER A {shot.opened_by.upper()} TRANSITION, LEFT OUT: FRAMES {left_out}")
    return notes


def _rate(count: Timebase) -> str:
    return f"{float(count.rate):.6g}"
