"""Speech: pieces, words, transcripts of real sound, and their slices."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from captioning.audio.silero import SAMPLE_RATE_HZ
from captioning.records import DoubtReason
from captioning.speech.decoder import WordDecoder
from captioning.speech.heard import Word
from captioning.speech.kinds import transcriber as new_stage
from captioning.speech.pocketsphinx import PocketsphinxConfig, unsure
from captioning.speech.transcriber import Transcriber
from curation.base.rejects import Reason, Rejected
from curation.base.workspace import Workspace
from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox
from curation.media.sniff import sniff_file
from tests.captioning.speech_sources import ffmpeg, source_of, text_of, transcribe, word_errors

REFERENCE = {
    "jfk.flac": "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country",
    "librispeech_198.ogg": "mrs allen said catherine the next morning will there be any harm in my calling "
    "on miss tilney today i shall not be easy till i have explained everything go by all means my dear only "
    "put on a white gown miss tilney always wears white",
    "librispeech_237.flac": "a brisk wind had come up and was driving puffy white clouds across the sky",
}
"""What is said, by ear."""


@pytest.fixture(scope="module")
def transcriber(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    """A transcriber that is used by many tests: its past must not matter."""
    return new_transcriber(tmp_path_factory.mktemp("speech"))


def new_transcriber(folder: Path) -> Transcriber:
    stage = new_stage(PocketsphinxConfig(), Workspace.open(str(folder / "run"), str(folder / "scratch")))
    stage.setup()
    return stage


@pytest.mark.parametrize("name", list(REFERENCE))
def test_real_speech_comes_out_roughly_right(transcriber: Transcriber, shared_media: Path, name: str) -> None:
    transcript = transcribe(transcriber, source_of(shared_media / "audio" / name))
    words = REFERENCE[name].split()
    assert word_errors(REFERENCE[name], text_of(transcript)) <= 0.45 * len(words)
    assert transcript.language == "en"
    assert transcript.provenance.model == "pocketsphinx en-us"
    for word in transcript.segments:
        assert re.fullmatch(r"[a-z'.-]+", word.text), "fillers and variants are no words"
        assert 0 <= word.confidence <= 1
        assert word.start_s < word.end_s
    starts = [word.start_s for word in transcript.segments]
    assert starts == sorted(starts)
    [heard] = transcript.provenance.input_spans
    assert heard.start_s <= starts[0]
    assert transcript.segments[-1].end_s <= heard.end_s


@pytest.mark.parametrize(
    "name", ["silence.wav", "noise_33s.wav", "waltz_music.ogg", "rain.mp3", "pibble.ogg", "chinese.flac"]
)
def test_nothing_is_invented_where_no_english_is_spoken(
    transcriber: Transcriber, shared_media: Path, name: str
) -> None:
    transcript = transcribe(transcriber, source_of(shared_media / "audio" / name))
    assert text_of(transcript) == ""
    assert transcript.language is None
    assert bool(transcript.uncertain) == bool(transcript.speech_spans)


def test_speech_that_is_not_understood_is_in_doubt(workspace: Workspace, shared_media: Path) -> None:
    source = source_of(shared_media / "audio" / "chinese.flac")
    for config, reason in (
        (PocketsphinxConfig(min_speech_s=0.2, min_confidence=0.9), DoubtReason.UNLIKELY),
        (PocketsphinxConfig(), DoubtReason.TOO_SHORT),
    ):
        stage = new_stage(config, workspace)
        stage.setup()
        transcript = transcribe(stage, source)
        assert text_of(transcript) == ""
        assert {doubt.reason for doubt in transcript.uncertain} == {reason}
        [doubt], [span] = transcript.uncertain, transcript.speech_spans
        assert (doubt.start_s, doubt.end_s) == (span.start_s, span.end_s)


def test_a_transcript_never_depends_on_what_was_heard_before(
    transcriber: Transcriber, shared_media: Path, tmp_path: Path
) -> None:
    before, source = (
        source_of(shared_media / "audio" / name) for name in ("librispeech_237.flac", "librispeech_198.ogg")
    )
    transcribe(transcriber, before)
    assert transcribe(transcriber, source) == transcribe(new_transcriber(tmp_path), source)


def test_a_decoder_that_forgets_is_as_good_as_new(shared_media: Path) -> None:
    first, second = (
        np.concatenate(list(Sandbox(DecodeLimits()).audio(path, str(sniff_file(path)), 0)))
        for path in (shared_media / "audio/librispeech_237.flac", shared_media / "audio/jfk.flac")
    )
    decode = WordDecoder()
    alone = decode(first)
    decode(second)
    decode(second[:SAMPLE_RATE_HZ])
    decode.forget()
    assert decode(first) == alone


def test_times_are_those_of_the_source(transcriber: Transcriber, shared_media: Path) -> None:
    path = shared_media / "audio" / "librispeech_237.flac"
    whole = transcribe(transcriber, source_of(path))
    later = transcribe(transcriber, source_of(path, start_pts=2000))
    assert later.provenance.input_spans[0].start_s == 2.0
    assert all(word.start_s >= 2.0 for word in later.segments)
    last, last_of_later = whole.segments[-1], later.segments[-1]
    assert (last.text, last_of_later.text) == ("sky", "sky")
    assert last_of_later.start_s == pytest.approx(last.start_s, abs=0.1)
    assert last.start_s == pytest.approx(4.3, abs=0.4)


def test_sound_that_breaks_off_gives_what_was_heard(
    transcriber: Transcriber, shared_media: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.flac"
    ffmpeg("-i", shared_media / "audio" / "librispeech_198.ogg", whole)
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    transcript = transcribe(transcriber, source_of(cut))
    assert "next morning" in text_of(transcript)
    assert transcript.provenance.input_spans[0].end_s < 8
    assert "cannot be decoded" in json.loads(transcript.provenance.parameters)["damage"]


def test_samples_that_are_no_numbers_silence_nothing(
    transcriber: Transcriber, shared_media: Path, tmp_path: Path
) -> None:
    path = shared_media / "audio" / "librispeech_237.flac"
    speech = np.concatenate(list(Sandbox(DecodeLimits()).audio(path, "flac", 0)))
    odd = np.resize(np.array([np.nan, np.inf, -np.inf, 1e30], np.float32), SAMPLE_RATE_HZ // 2)
    data = np.concatenate([odd, speech]).astype("<f4").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, 16000, 64000, 4, 32
    )
    hostile = tmp_path / "hostile.wav"
    hostile.write_bytes(head + struct.pack("<4sI", b"data", len(data)) + data)
    assert "across the sky" in text_of(transcribe(transcriber, source_of(hostile)))


def test_sound_that_cannot_be_decoded_is_rejected_and_says_why(
    transcriber: Transcriber, tmp_path: Path
) -> None:
    path = tmp_path / "odd.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "adpcm_yamaha", path)
    source = source_of(path)
    [rejected] = transcriber([source])
    assert isinstance(rejected, Rejected)
    assert rejected.parent_id == source.video_id
    assert rejected.reason == Reason.UNSUPPORTED_FORMAT
    assert rejected.detail.startswith("'odd.wav' ")
    assert "adpcm_yamaha" in rejected.detail


def test_a_source_without_sound_has_a_transcript_without_words(
    transcriber: Transcriber, tmp_path: Path
) -> None:
    path = tmp_path / "mute.mp4"
    path.write_bytes(b"never opened")
    transcript = transcribe(transcriber, source_of(path, audio=False))
    assert transcript.segments == transcript.speech_spans == transcript.provenance.input_spans == ()
    assert transcript.language is None
    assert json.loads(transcript.provenance.parameters)["sound"] == "none in the file"


def test_what_shapes_the_text_is_in_the_stage_key(tmp_path: Path) -> None:
    workspace = Workspace.open(str(tmp_path / "run"), str(tmp_path / "scratch"))
    stage = new_stage(PocketsphinxConfig(), workspace)
    other = new_stage(PocketsphinxConfig(min_confidence=0.5), workspace)
    slower = new_stage(PocketsphinxConfig(), workspace, DecodeLimits(wall_s=500))
    assert stage.key() != other.key()
    assert stage.key() == slower.key()
    assert {"pocketsphinx", "silero-vad", "av"} <= set(stage.fingerprints())


def test_unsure_words_are_in_doubt() -> None:
    sure = Word(start_s=0.0, end_s=0.2, text="yes", confidence=0.7)
    hardly = replace(sure, confidence=0.1)
    assert unsure([sure] * 4, 0.3) is None
    assert unsure([], 0.3) is None
    assert unsure([sure] + [hardly] * 3, 0.3) == (
        DoubtReason.UNLIKELY,
        "mean word confidence 0.25, below 0.3",
    )
