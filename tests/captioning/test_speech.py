"""Speech: pieces, words, transcripts of real sound, and their slices."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import struct
import subprocess
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.audio.vad import VoiceActivity
from captioning.provenance import provenance
from captioning.records import Caption, Modality, Segment, Span, Transcript
from captioning.speech.decoder import Word, WordDecoder
from captioning.speech.pieces import MAX_PIECE_S, SAMPLE_RATE_HZ, Floats, Piece, PieceCutter
from captioning.speech.pocketsphinx import PocketsphinxConfig, PocketsphinxTranscriber, is_speech
from captioning.speech.slices import SpeechCaptions, SpeechCaptionsConfig
from curation.base.media_store import MediaRef
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group
from curation.base.workspace import Workspace
from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox
from curation.media.sniff import sniff_file
from curation.records import AudioStream, Clip, SourceVideo, VideoStream

REFERENCE = {
    "jfk.flac": "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country",
    "librispeech_198.ogg": "mrs allen said catherine the next morning will there be any harm in my calling "
    "on miss tilney today i shall not be easy till i have explained everything go by all means my dear only "
    "put on a white gown miss tilney always wears white",
    "librispeech_237.flac": "a brisk wind had come up and was driving puffy white clouds across the sky",
}
"""What is said, by ear."""

VIDEO = VideoStream(
    index=0,
    codec="h264",
    width_px=64,
    height_px=64,
    fps=25.0,
    time_base="1/1000",
    start_pts=0,
    rotation_deg=0,
    pixel_format="yuv420p",
    bit_depth=8,
)


def source_of(path: Path, *, audio: bool = True, start_pts: int = 0) -> SourceVideo:
    """The record of a file whose first audio stream is to be heard."""
    data = path.read_bytes()
    stream = AudioStream(index=0, codec="any", sample_rate_hz=16000, channels=1)
    if audio and (found := Sandbox(DecodeLimits()).probe(path).audio) is not None:
        stream = replace(stream, index=found.index)
    return SourceVideo(
        video_id=hashlib.sha256(data).hexdigest()[:32],
        input_id="input",
        uri=str(path),
        size_bytes=len(data),
        container=sniff_file(path) or "mov",
        duration_s=1.0,
        num_video_streams=1,
        video=replace(VIDEO, start_pts=start_pts),
        audio=stream if audio else None,
        licence=None,
        title=None,
    )


@pytest.fixture(scope="module")
def transcriber(tmp_path_factory: pytest.TempPathFactory) -> PocketsphinxTranscriber:
    """A transcriber that is used by many tests: its past must not matter."""
    return new_transcriber(tmp_path_factory.mktemp("speech"))


def new_transcriber(folder: Path) -> PocketsphinxTranscriber:
    stage = PocketsphinxTranscriber(
        PocketsphinxConfig(), Workspace.open(str(folder / "run"), str(folder / "scratch"))
    )
    stage.setup()
    return stage


def transcribe(stage: PocketsphinxTranscriber, source: SourceVideo) -> Transcript:
    [transcript] = stage([source])
    assert isinstance(transcript, Transcript), transcript
    return transcript


def text_of(transcript: Transcript) -> str:
    return " ".join(word.text for word in transcript.segments)


def word_errors(reference: str, heard: str) -> int:
    """Levenshtein distance in words."""
    theirs, ours = reference.split(), heard.split()
    row = list(range(len(ours) + 1))
    for number, word in enumerate(theirs, start=1):
        above, row = row, [number]
        for index, other in enumerate(ours):
            row.append(min(above[index] + (word != other), above[index + 1] + 1, row[index] + 1))
    return row[-1]


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *map(str, arguments)], check=True)


# -- transcripts of real sound


@pytest.mark.parametrize("name", list(REFERENCE))
def test_real_speech_comes_out_roughly_right(
    transcriber: PocketsphinxTranscriber, shared_media: Path, name: str
) -> None:
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
    transcriber: PocketsphinxTranscriber, shared_media: Path, name: str
) -> None:
    transcript = transcribe(transcriber, source_of(shared_media / "audio" / name))
    assert text_of(transcript) == ""
    assert transcript.language is None


def test_a_transcript_never_depends_on_what_was_heard_before(
    transcriber: PocketsphinxTranscriber, shared_media: Path, tmp_path: Path
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


def test_times_are_those_of_the_source(transcriber: PocketsphinxTranscriber, shared_media: Path) -> None:
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
    transcriber: PocketsphinxTranscriber, shared_media: Path, tmp_path: Path
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
    transcriber: PocketsphinxTranscriber, shared_media: Path, tmp_path: Path
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
    transcriber: PocketsphinxTranscriber, tmp_path: Path
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
    transcriber: PocketsphinxTranscriber, tmp_path: Path
) -> None:
    path = tmp_path / "mute.mp4"
    path.write_bytes(b"never opened")
    transcript = transcribe(transcriber, source_of(path, audio=False))
    assert transcript.segments == transcript.speech_spans == transcript.provenance.input_spans == ()
    assert transcript.language is None
    assert json.loads(transcript.provenance.parameters)["sound"] == "none in the file"


def test_what_shapes_the_text_is_in_the_stage_key(tmp_path: Path) -> None:
    workspace = Workspace.open(str(tmp_path / "run"), str(tmp_path / "scratch"))
    stage = PocketsphinxTranscriber(PocketsphinxConfig(), workspace)
    other = PocketsphinxTranscriber(PocketsphinxConfig(min_confidence=0.5), workspace)
    slower = PocketsphinxTranscriber(PocketsphinxConfig(), workspace, DecodeLimits(wall_s=500))
    assert stage.key() != other.key()
    assert stage.key() == slower.key()
    assert {"pocketsphinx", "silero-vad", "av"} <= set(stage.fingerprints())


def word(start_s: float, text: str = "word", confidence: float = 0.6, length_s: float = 0.2) -> Segment:
    return Segment(start_s=start_s, end_s=start_s + length_s, text=text, confidence=confidence)


def test_doubtful_words_are_no_speech() -> None:
    sure = Word(start_s=0.0, end_s=0.2, text="yes", confidence=0.7)
    unsure = replace(sure, confidence=0.1)
    assert is_speech([sure] * 4, 2.0, 0.3)
    assert not is_speech([], 2.0, 0.3)
    assert not is_speech([sure] + [unsure] * 3, 2.0, 0.3)
    assert not is_speech([sure], 4.0, 0.3), "nobody says one word in four seconds"
    assert not is_speech([sure] * 13, 2.0, 0.3), "nobody says 13 words in two seconds"


# -- pieces


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


# -- slices


def clip_at(start_s: float, end_s: float, name: str = "clip") -> Clip:
    media = MediaRef(form="mp4", sha256="0", size_bytes=0, path="", offset=0)
    return Clip(
        clip_id=name,
        video_id="video",
        shot_ids=(f"shot-{name}",),
        stream=0,
        start_pts=round(start_s * 1000),
        end_pts=round(end_s * 1000),
        time_base="1/1000",
        start_s=start_s,
        end_s=end_s,
        duration_s=end_s - start_s,
        num_frames=1,
        fps=25.0,
        width_px=64,
        height_px=64,
        frame_times_s=(0.0,),
        keyframes=(0,),
        video=media,
        audio=None,
        frames=(),
    )


def transcript_of(stage: SpeechCaptions, *words: Segment) -> Transcript:
    origin = provenance(
        stage, model="pocketsphinx en-us", revision="5", parameters={"damage": "none"}, spans=[(0, 60)]
    )
    return Transcript(
        video_id="video", language="en" if words else None, speech_spans=(), segments=words, provenance=origin
    )


@pytest.fixture
def slicer(workspace: Workspace) -> SpeechCaptions:
    return SpeechCaptions(SpeechCaptionsConfig(), workspace)


def captions(stage: SpeechCaptions, clips: list[Clip], *transcripts: Transcript) -> list[Caption]:
    out = list(stage([Group(key="video", records={"clips": clips, "transcript": transcripts})]))
    assert all(isinstance(caption, Caption) for caption in out)
    return [caption for caption in out if isinstance(caption, Caption)]


def test_a_word_belongs_to_the_clip_that_holds_its_middle(slicer: SpeechCaptions) -> None:
    across = word(4.95, "across")
    spoken = transcript_of(slicer, word(1.0, "one", 0.5), word(1.5, "two", 0.7), across, word(9.0, "late"))
    first, second = captions(slicer, [clip_at(1.0, 5.0, "a"), clip_at(5.0, 8.0, "b")], spoken)
    assert first.text == "one two"
    assert first.segments == (Segment(start_s=0.0, end_s=0.7, text="one two", confidence=0.6),)
    assert (first.clip_id, first.modality, first.language, first.confidence) == (
        "a",
        Modality.SPEECH,
        "en",
        0.6,
    )
    assert second.segments == (Segment(start_s=0.0, end_s=0.15, text="across", confidence=0.6),)


def test_lines_end_at_pauses_and_when_they_are_full(slicer: SpeechCaptions) -> None:
    steady = [word(0.3 * number, str(number)) for number in range(14)]
    after_pause = [word(5.0, "pause")]
    [caption] = captions(slicer, [clip_at(0, 10)], transcript_of(slicer, *steady, *after_pause))
    assert [line.text for line in caption.segments] == [
        "0 1 2 3 4 5 6 7 8 9 10 11",
        "12 13",
        "pause",
    ]
    assert caption.text == "0 1 2 3 4 5 6 7 8 9 10 11 12 13 pause"


def test_a_silent_clip_has_an_empty_caption(slicer: SpeechCaptions) -> None:
    [caption] = captions(slicer, [clip_at(20, 25)], transcript_of(slicer, word(1.0)))
    assert (caption.text, caption.segments, caption.language, caption.confidence) == ("", (), None, 0.0)
    assert caption.provenance.model == "pocketsphinx en-us"
    assert caption.provenance.input_spans == (Span(start_s=20, end_s=25),)
    parameters = json.loads(caption.provenance.parameters)
    assert parameters["transcript"]["parameters"] == {"damage": "none"}


def test_without_a_transcript_captions_are_empty_and_say_so(slicer: SpeechCaptions) -> None:
    one, two = captions(slicer, [clip_at(0, 5, "a"), clip_at(5, 9, "b")])
    assert one.text == two.text == ""
    assert one.provenance.model == "none"
    assert one.provenance.input_spans == ()
    assert "rejected" in json.loads(one.provenance.parameters)["transcript"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 30), max_size=60),
    st.lists(st.floats(0.05, 29.95), max_size=6, unique=True),
    st.integers(1, 15),
)
def test_adjacent_clips_share_out_all_words(starts: list[float], cuts: list[float], max_words: int) -> None:
    stage = SpeechCaptions.__new__(SpeechCaptions)
    stage.config = SpeechCaptionsConfig(max_words=max_words)
    words = [word(start, str(number)) for number, start in enumerate(starts)]
    bounds = [0.0, *sorted(cuts), 31.0]
    clips = [clip_at(a, b, str(number)) for number, (a, b) in enumerate(itertools.pairwise(bounds))]
    found = captions(stage, clips, transcript_of(stage, *words))
    assert sorted(" ".join(caption.text for caption in found).split()) == sorted(w.text for w in words)
    for clip, caption in zip(clips, found, strict=True):
        for line in caption.segments:
            assert 0 <= line.start_s <= line.end_s <= clip.duration_s + 0.001
            assert len(line.text.split()) <= max_words
