"""How much of a clip somebody speaks, in words."""

from __future__ import annotations

import numpy as np

from captioning.audio.silero import SAMPLE_RATE_HZ, WINDOW, Floats
from captioning.audio.vad import VoiceActivity, spans_of
from captioning.facts import fact, percent, when
from captioning.records import Segment


def speech_facts(detector: VoiceActivity, samples: Floats, duration_s: float) -> list[Segment]:
    """One sentence; its confidence says how sure the detector is of its windows, on average."""
    probabilities = detector.probabilities(samples)
    spans = spans_of(probabilities, len(samples))
    if not spans:
        confidence = 1 - float(np.mean(probabilities))
        return [fact(0, duration_s, "No speech was found (voice activity detector).", confidence)]
    times = (np.arange(len(probabilities)) + 0.5) * WINDOW / SAMPLE_RATE_HZ
    inside = np.zeros(len(times), bool)
    for span in spans:
        inside |= (times >= span.start_s) & (times < span.end_s)
    share = sum(span.end_s - span.start_s for span in spans) / duration_s
    start_s, end_s = spans[0].start_s, min(duration_s, spans[-1].end_s)
    heard = f"{percent(min(1.0, share))} of the clip{when(start_s, end_s, duration_s)}"
    text = f"Speech is present during {heard} (voice activity detector)."
    return [fact(start_s, end_s, text, float(np.mean(probabilities[inside])))]
