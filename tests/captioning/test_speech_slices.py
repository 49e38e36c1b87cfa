"""Speech captions: each word in the clip that holds its middle, in readable lines."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.provenance import provenance
from captioning.records import Caption, Doubt, DoubtReason, Modality, Segment, Span, Transcript
from captioning.speech.slices import SpeechCaptions, SpeechCaptionsConfig
from curation.base.media_store import MediaRef
from curation.base.stages import Group
from curation.base.workspace import Workspace
from curation.records import Clip


def word(start_s: float, text: str = "word", confidence: float = 0.6, length_s: float = 0.2) -> Segment:
    return Segment(start_s=start_s, end_s=start_s + length_s, text=text, confidence=confidence)


def clip_at(start_s: float, end_s: float, name: str = "clip") -> Clip:
    media = MediaRef(form="mp4", sha256="0", size_bytes=0, path="", offset=0)
    return Clip(
        clip_id=name,
        plan_id=name,
        video_id="video",
        shot_ids=(f"shot-{name}",),
        shot_starts_s=(0.0,),
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
        mode="exact",
        video=media,
        audio=None,
        frames=(),
        crop=None,
        other_forms=(),
        scores=(),
    )


def transcript_of(stage: SpeechCaptions, *words: Segment, doubts: tuple[Doubt, ...] = ()) -> Transcript:
    origin = provenance(
        stage, model="pocketsphinx en-us", revision="5", parameters={"damage": "none"}, spans=[(0, 60)]
    )
    return Transcript(
        video_id="video",
        language="en" if words else None,
        speech_spans=(),
        segments=words,
        uncertain=doubts,
        provenance=origin,
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


def test_chinese_is_written_without_spaces(slicer: SpeechCaptions) -> None:
    said = [word(0.2 * number, char) for number, char in enumerate("今天天气很好,我们去公园散步吧。")]
    [caption] = captions(slicer, [clip_at(0, 10)], transcript_of(slicer, *said))
    assert caption.text == "今天天气很好,我们去公园散步吧。"
    assert len(caption.segments) == 1, "16 characters are fewer than 12 words"


def test_left_out_speech_is_told_in_the_time_of_the_clip(slicer: SpeechCaptions) -> None:
    doubts = tuple(
        Doubt(start_s=start_s, end_s=end_s, reason=DoubtReason.LOOP, detail="4 words 9 times in a row")
        for start_s, end_s in ((1.0, 3.0), (4.0, 12.0), (20.0, 21.0))
    )
    spoken = transcript_of(slicer, word(11.0), doubts=doubts)
    first, second, last = captions(
        slicer, [clip_at(2, 10, "a"), clip_at(10, 20, "b"), clip_at(21, 25, "c")], spoken
    )
    assert [(doubt.start_s, doubt.end_s) for doubt in first.uncertain] == [(0.0, 1.0), (2.0, 8.0)]
    assert [(doubt.start_s, doubt.end_s) for doubt in second.uncertain] == [(0.0, 2.0)]
    assert second.uncertain[0].detail == "4 words 9 times in a row"
    assert last.uncertain == ()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 30), max_size=60),
    st.lists(st.floats(0.05, 29.95), max_size=6, unique=True),
    st.integers(1, 15),
)
def test_adjacent_clips_share_out_all_words(starts: list[float], cuts: list[float], max_words: int) -> None:
    stage = SpeechCaptions.__new__(SpeechCaptions)
    stage.config = SpeechCaptionsConfig(max_words=max_words)
    stage._translator = None
    words = [word(start, str(number)) for number, start in enumerate(starts)]
    bounds = [0.0, *sorted(cuts), 31.0]
    clips = [clip_at(a, b, str(number)) for number, (a, b) in enumerate(itertools.pairwise(bounds))]
    found = captions(stage, clips, transcript_of(stage, *words))
    assert sorted(" ".join(caption.text for caption in found).split()) == sorted(w.text for w in words)
    for clip, caption in zip(clips, found, strict=True):
        for line in caption.segments:
            assert 0 <= line.start_s <= line.end_s <= clip.duration_s + 0.001
            assert len(line.text.split()) <= max_words
