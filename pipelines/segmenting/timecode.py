"""Timecode: counting frames in hours, minutes, seconds and frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

_NTSC = Fraction(1000, 1001)
_NTSC_TOLERANCE = 3e-4
_MAX_NOMINAL = 60


@dataclass(frozen=True)
class Timebase:
    """A count of frames without drops: `rate` of them pass per second, and `nominal` make a second of
    timecode."""

    rate: Fraction
    nominal: int

    def frame(self, time_s: Fraction) -> int:
        """The frame that begins nearest to a time."""
        return int(time_s * self.rate + Fraction(1, 2))

    def text(self, frame: int) -> str:
        """HH:MM:SS:FF of a frame counted from midnight."""
        seconds, frames = divmod(frame, self.nominal)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def timebase(fps: float) -> Timebase:
    """The count that fits a stream of `fps` frames per second.

    24, 30 and their multiples may run 1000/1001 slower (SMPTE ST 12-1), which is told by the rate. Even
    rates above 60 are counted in pairs of frames, since there are two digits and editors stop at 60.
    """
    nominal = max(1, round(fps))
    slower = nominal * _NTSC
    is_ntsc = nominal % 6 == 0 and (nominal % 24 == 0 or nominal % 30 == 0)
    rate = slower if is_ntsc and abs(fps - slower) <= _NTSC_TOLERANCE * nominal else Fraction(nominal)
    while nominal > _MAX_NOMINAL and nominal % 2 == 0:
        nominal, rate = nominal // 2, rate / 2
    return Timebase(rate, nominal)
