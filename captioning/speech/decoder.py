"""Pocketsphinx as a function: samples in, timed words out, the same every time."""

from __future__ import annotations

import re

import numpy as np

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.speech.heard import Word

LEVEL_RMS = 0.1
"""Level to which each piece is brought, so that quiet speech does not drown in 16-bit steps."""
MAX_ACTIVE_HMMS = 10000
"""A third of the default: as accurate on 83 words of real speech, a sixth faster."""
_FILLER = re.compile(r"[<\[+]")
_VARIANT = re.compile(r"\(\d+\)$")


class WordDecoder:
    """The English model that ships inside the pocketsphinx package; loads when made.

    It adapts to the noise of what it hears, so call `forget` before each source: then a source's words
    depend on that source alone.
    """

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=SAMPLE_RATE_HZ, maxhmmpf=MAX_ACTIVE_HMMS, loglevel="FATAL")
        self._frame_s = 1.0 / self._decoder.config["frate"]
        self._has_heard = False

    def forget(self) -> None:
        """Return to the state of a new decoder (0.2 s of CPU, only if anything was decoded).

        Everything is built anew: besides the noise estimate, the best Gaussians of the last frame pass
        from one utterance to the next, and no lighter call clears them.
        """
        if self._has_heard:
            self._decoder.reinit()
            self._has_heard = False

    def __call__(self, samples: Floats) -> list[Word]:
        """The words of a piece (float32 mono, 16 kHz), in order of time.

        The piece goes in whole, so that the cepstral mean is its own: fed in parts, the decoder starts
        from a mean that it carries along (51 instead of 28 of 83 words were wrong).
        """
        level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
        if level == 0.0:
            return []
        scaled = np.clip(samples * (LEVEL_RMS / level), -1.0, 1.0)
        decoder = self._decoder
        self._has_heard = True
        decoder.start_utt()
        decoder.process_raw(np.round(scaled * 32767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        return [
            Word(
                start_s=segment.start_frame * self._frame_s,
                end_s=(segment.end_frame + 1) * self._frame_s,
                text=_VARIANT.sub("", segment.word),
                confidence=min(1.0, max(0.0, segment.prob)),
            )
            for segment in decoder.seg()
            if not _FILLER.match(segment.word)
        ]
