"""Everything the measured audio captioner says of a clip, in the order in which it says it."""

from __future__ import annotations

from captioning.audio.loudness import loudness_facts
from captioning.audio.silence import is_mute, silence_facts
from captioning.audio.silero import SAMPLE_RATE_HZ
from captioning.audio.speech_share import speech_facts
from captioning.audio.tempo import tempo_facts
from captioning.audio.tonality import tonality_facts
from captioning.audio.vad import VoiceActivity
from captioning.facts import fact
from captioning.records import Segment
from curation.filters.measures.sound import samples_of

NO_SOUND = "The clip has no sound track."
MUTE = "The sound track is silent."
EARLY_S = 0.5
"""Sound that ends this much before the picture is worth a sentence."""


class AudioFacts:
    """Measures clips; holds the voice activity detector."""

    def __init__(self) -> None:
        self._detector = VoiceActivity()

    def __call__(self, duration_s: float, flac: bytes | None) -> list[Segment]:
        """Sentences on a clip's sound (FLAC, 16 kHz mono; None: it has none)."""
        if flac is None:
            return [fact(0, duration_s, NO_SOUND, 1.0)]
        samples = samples_of(flac)
        if not len(samples):
            return [fact(0, duration_s, NO_SOUND, 1.0)]
        if is_mute(samples):
            return [fact(0, duration_s, MUTE, 1.0)]
        sound_s = len(samples) / SAMPLE_RATE_HZ
        ends = f"The sound ends at {sound_s:.1f} s."
        return [
            *([fact(0, sound_s, ends, 1.0)] if sound_s < duration_s - EARLY_S else []),
            *loudness_facts(samples, duration_s),
            *silence_facts(samples, duration_s),
            *speech_facts(self._detector, samples, duration_s),
            *tonality_facts(samples, duration_s),
            *tempo_facts(samples, duration_s),
        ]
