"""The way of a source's sound through any recogniser: language, batches, doubts, memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.records import DoubtReason, Span
from captioning.speech import sound as sound_module
from captioning.speech.heard import Recognised, Utterance
from captioning.speech.language import code_of, vote
from captioning.speech.recogniser import Recogniser, SpeechConfig
from captioning.speech.transcriber import Transcriber
from curation.base.workspace import Workspace
from curation.records import AudioStream
from tests.captioning.speech_sources import source_of, text_of, transcribe
from tests.sources import source_video


@dataclass
class Scripted(Recogniser):
    """Says the same of every sound, in the language it is told; keeps what it was asked."""

    text: str = "the brown dog runs over the hill today"
    ballots: Sequence[Mapping[str, float]] = ()
    pieces_per_call: int = 4
    mean_logprob: float = -0.2
    no_speech: float = 0.1
    asked: list[tuple[str, int, str | None]] = field(default_factory=list)
    lengths_s: list[float] = field(default_factory=list)

    model = "scripted"
    revision = "1"

    def fingerprints(self) -> Mapping[str, str]:
        return {"scripted": self.text}

    def parameters(self) -> Mapping[str, Any]:
        return {}

    def hear(self, unit: str, sounds: Sequence[Floats], language: str | None) -> list[Recognised]:
        self.asked.append((unit, len(sounds), language))
        self.lengths_s += [len(sound) / SAMPLE_RATE_HZ for sound in sounds]
        spoken = list(self.ballots) if language is None else [{}] * len(sounds)
        return [
            Recognised((self._said(sound, language or "any"),), ballot)
            for sound, ballot in zip(sounds, spoken + [{}] * len(sounds), strict=False)
        ]

    def _said(self, sound: Floats, language: str) -> Utterance:
        return Utterance(
            start_s=0.0,
            end_s=len(sound) / SAMPLE_RATE_HZ,
            text=f"{language} {self.text}",
            mean_logprob=self.mean_logprob,
            no_speech=self.no_speech,
        )


def stage_with(recogniser: Recogniser, workspace: Workspace) -> Transcriber:
    stage = Transcriber(recogniser, SpeechConfig(), workspace)
    stage.setup()
    return stage


class FakeSandbox:
    """Gives sound that was made here, block by block."""

    def __init__(self, blocks: Iterator[Floats]) -> None:
        self._blocks = blocks

    def audio(self, *_: object, **__: object) -> Any:
        return Blocks(self._blocks)


class Blocks(Iterator[Floats]):
    damage = None

    def __init__(self, blocks: Iterator[Floats]) -> None:
        self._blocks = blocks

    def __next__(self) -> Floats:
        return next(self._blocks)


class Loud:
    """Takes every sound that is not exactly 0 for speech."""

    def spans(self, samples: Floats) -> list[Span]:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (samples != 0).astype(np.int8), [0]])))
        pairs = edges.reshape(-1, 2) / SAMPLE_RATE_HZ
        return [Span(start_s=float(start), end_s=float(end)) for start, end in pairs]


def hear_made_up(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace, recogniser: Recogniser, blocks: Iterator[Floats]
) -> Any:
    """The transcript of sound that never was in a file."""
    stage = Transcriber(recogniser, SpeechConfig(), workspace)
    stage._voice = Loud()  # type: ignore[assignment]
    stage._sandbox = FakeSandbox(blocks)  # type: ignore[assignment]
    monkeypatch.setattr(sound_module, "fetch", lambda *_, **__: SimpleNamespace(path=Path("/nowhere")))
    stream = AudioStream(index=0, codec="any", sample_rate_hz=16000, channels=1)
    [transcript] = stage([source_video(audio=stream)])
    return transcript


def speech_every(period_s: float, spoken_s: float, times: int) -> Iterator[Floats]:
    rng = np.random.default_rng(0)
    for _ in range(times):
        yield rng.uniform(0.1, 0.5, round(spoken_s * SAMPLE_RATE_HZ)).astype(np.float32)
        yield np.zeros(round((period_s - spoken_s) * SAMPLE_RATE_HZ), np.float32)


def test_one_language_is_spoken_and_who_heard_another_hears_again(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    ballots = [{"de": 0.9}, {"nl": 0.6, "de": 0.4}, {"de": 0.8}, {}, {"de": 0.5, "en": 0.4}]
    recogniser = Scripted(ballots=ballots)
    transcript = hear_made_up(monkeypatch, workspace, recogniser, speech_every(20, 5, 12))
    assert recogniser.asked == [("v", 5, None), ("v", 1, "de"), ("v", 4, "de"), ("v", 3, "de")]
    assert transcript.language == "de"
    shares = json.loads(transcript.provenance.parameters)["languages"]
    assert shares == {"de": 0.7222, "nl": 0.1667, "en": 0.1111}
    heads = [word.text for word in transcript.segments if word.text in ("any", "de")]
    assert heads == ["any", "de", "any", "any", "any", *["de"] * 7], (
        "only the piece that heard Dutch was asked again"
    )


def test_a_language_that_is_known_is_never_asked_for(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    recogniser = Scripted()
    recogniser.language = "fr"
    transcript = hear_made_up(monkeypatch, workspace, recogniser, speech_every(20, 5, 3))
    assert recogniser.asked == [("v", 3, "fr")]
    assert transcript.language == "fr"


def test_words_lie_in_the_speech_and_in_order(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    transcript = hear_made_up(monkeypatch, workspace, Scripted(), speech_every(20, 5, 7))
    starts = [word.start_s for word in transcript.segments]
    assert starts == sorted(starts)
    assert len(transcript.segments) == 7 * 9
    for number, word in enumerate(transcript.segments):
        first_s = 20 * (number // 9)
        assert first_s <= word.start_s < word.end_s <= first_s + 5


def test_pieces_are_no_longer_than_whisper_hears(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    recogniser = Scripted()
    hear_made_up(monkeypatch, workspace, recogniser, speech_every(200, 180, 1))
    assert len(recogniser.lengths_s) >= 7
    assert max(recogniser.lengths_s) <= 30.0


def test_two_hours_take_no_more_memory_than_ten_minutes(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    def peak(minutes: int) -> int:
        tracemalloc.start()
        hear_made_up(monkeypatch, workspace, Scripted(), speech_every(30, 20, minutes * 2))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    short, long = peak(10), peak(120)
    assert long - short < 2_000_000, "240 transcribed pieces are words, not sound"
    assert long < 60e6


@pytest.mark.parametrize(
    "name", ["silence.wav", "noise_33s.wav", "waltz_music.ogg", "rain.mp3", "pibble.ogg"]
)
def test_a_recogniser_that_always_talks_is_not_even_asked_without_speech(
    workspace: Workspace, shared_media: Path, name: str
) -> None:
    recogniser = Scripted(text="Thanks for watching!")
    transcript = transcribe(stage_with(recogniser, workspace), source_of(shared_media / "audio" / name))
    assert recogniser.asked == []
    assert transcript.segments == transcript.uncertain == ()


@pytest.mark.parametrize(
    ("recogniser", "reason"),
    [
        (Scripted(text="Thanks for watching!"), DoubtReason.KNOWN_PHRASE),
        (Scripted(text="I'm going home " * 10), DoubtReason.COMPRESSIBLE),
        (Scripted(mean_logprob=-1.4), DoubtReason.UNLIKELY),
        (Scripted(mean_logprob=-0.8, no_speech=0.9), DoubtReason.NO_SPEECH),
        (Scripted(text=" ".join(map(str, range(100)))), DoubtReason.MANY_WORDS),
    ],
    ids=lambda value: str(getattr(value, "value", "")),
)
def test_text_made_up_over_real_speech_is_in_doubt(
    workspace: Workspace, shared_media: Path, recogniser: Scripted, reason: DoubtReason
) -> None:
    transcript = transcribe(stage_with(recogniser, workspace), source_of(shared_media / "audio" / "jfk.flac"))
    assert text_of(transcript) == ""
    assert transcript.language is None
    assert {doubt.reason for doubt in transcript.uncertain} == {reason}
    assert transcript.speech_spans
    for doubt in transcript.uncertain:
        assert 0 <= doubt.start_s < doubt.end_s <= 11.0
        assert "watching" not in doubt.detail
        assert "home" not in doubt.detail


def test_the_vote_goes_by_seconds_and_probability() -> None:
    assert vote([]) == {}
    assert vote([(10, {}), (3, {})]) == {}
    assert vote([(20, {"en": 0.5, "de": 0.5}), (5, {"nl": 0.9, "de": 0.1})]) == {
        "de": 0.42,
        "en": 0.4,
        "nl": 0.18,
    }
    assert list(vote([(1, {"zh": 0.5, "en": 0.5})])) == ["en", "zh"], "equal votes go by the letters"
    assert list(vote([(1, dict.fromkeys("abcdef", 0.1))])) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("en", "en"),
        ("English", "en"),
        (" pt-BR ", "pt"),
        ("yue", "yue"),
        ("cantonese", "yue"),
        ("zh_TW", "zh"),
    ]
    + [(name, None) for name in (None, "", "und", "klingon", "e", "1234")],
)
def test_servers_name_languages_as_they_like(named: str | None, code: str | None) -> None:
    assert code_of(named) == code
