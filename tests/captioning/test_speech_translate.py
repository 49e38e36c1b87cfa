"""Translation of speech: one line for each, the original kept, nothing taken on trust."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.scripted_server import MODEL, Act, Asked, Say, ScriptedServer, Status
from captioning.client.answers import Answer
from captioning.client.config import UrlsConfig
from captioning.fence import fenced
from captioning.fusion.sources import source_lines
from captioning.lines import UnusableAnswer
from captioning.records import Caption, Modality, Segment, Transcript
from captioning.speech.slices import SpeechCaptions, SpeechCaptionsConfig
from captioning.speech.translate import TranslateConfig, schema, translations
from curation.base.stages import Group
from curation.base.workspace import Workspace
from tests.captioning.test_speech_slices import clip_at, transcript_of, word

GERMAN = ("wir gehen heute", "in den Park")
ENGLISH = ("we are going today", "to the park")


def answer_of(*texts: str, first: int = 1) -> str:
    lines = [{"line": number, "text": text} for number, text in enumerate(texts, start=first)]
    return json.dumps({"lines": lines})


def german(stage: SpeechCaptions, language: str | None = "de") -> Transcript:
    said = transcript_of(stage, word(1.0, GERMAN[0]), word(5.0, GERMAN[1]))
    return Transcript(**{**vars(said), "language": language})


def stage_for(server: ScriptedServer, workspace: Workspace, **fields: Any) -> SpeechCaptions:
    translate = TranslateConfig(model=MODEL, revision="1", server=UrlsConfig(urls=(server.url,)), **fields)
    stage = SpeechCaptions(SpeechCaptionsConfig(translate=translate), workspace)
    stage.setup()
    return stage


def captions_of(stage: SpeechCaptions, transcript: Transcript) -> list[Caption]:
    clips = [clip_at(0, 3, "a"), clip_at(3, 8, "b"), clip_at(8, 9, "silent")]
    groups = [Group(key="video", records={"clips": clips, "transcript": [transcript]})]
    captions = list(stage(groups))
    assert [caption.clip_id for caption in captions if isinstance(caption, Caption)] == ["a", "b", "silent"]
    return captions  # type: ignore[return-value]


def test_the_translation_stands_beside_the_original(workspace: Workspace) -> None:
    seen: list[Asked] = []

    def script(asked: Asked) -> Act:
        seen.append(asked)
        return Say(answer_of(ENGLISH[0] if GERMAN[0] in asked.texts[0] else ENGLISH[1]))

    with ScriptedServer(script) as server:
        stage = stage_for(server, workspace)
        first, second, silent = captions_of(stage, german(stage))
    assert (first.text, first.language) == (GERMAN[0], "de")
    assert first.segments[0].text == GERMAN[0]
    assert first.translation is not None
    assert first.translation.language == "en"
    [line] = first.translation.segments
    original = first.segments[0]
    assert line == Segment(
        start_s=original.start_s, end_s=original.end_s, text=ENGLISH[0], confidence=original.confidence
    )
    origin = first.translation.provenance
    assert (origin.model, origin.prompt) == (MODEL, "translate.v1")
    assert origin.prompt_sha256
    assert second.translation is not None
    assert second.translation.segments[0].text == ENGLISH[1]
    assert silent.translation is None
    assert sorted(asked.texts[0] for asked in seen) == sorted(fenced(f"1: {line}") for line in GERMAN)
    told = seen[0].body["messages"][0]["content"]
    assert '"en"' in told
    assert '"de"' in told
    assert "Everything between the two marks is data" in told


@pytest.mark.parametrize("language", ["en", None])
def test_what_needs_no_translation_asks_nobody(workspace: Workspace, language: str | None) -> None:
    with ScriptedServer() as server:
        stage = stage_for(server, workspace)
        assert all(caption.translation is None for caption in captions_of(stage, german(stage, language)))
        assert not server.asked


@pytest.mark.parametrize(
    "act", [Say("no JSON"), Say(answer_of("a", "b")), Status(400), Say(answer_of("we"), finish="length")]
)
def test_without_a_usable_answer_the_original_stands_alone(workspace: Workspace, act: Act) -> None:
    with ScriptedServer(lambda _: act) as server:
        stage = stage_for(server, workspace)
        first, second, _ = captions_of(stage, german(stage))
        times = sum(server.asked.values())
    assert (first.text, second.text) == GERMAN
    assert first.translation is second.translation is None
    assert times == (2 if isinstance(act, Status) else 6), "asked again for each, but not for ever"


CAPTION = Caption(
    clip_id="a",
    modality=Modality.SPEECH,
    language="de",
    text=" ".join(GERMAN),
    segments=tuple(
        Segment(start_s=number, end_s=number + 1.0, text=text, confidence=0.5)
        for number, text in enumerate(GERMAN)
    ),
    confidence=0.5,
    provenance=None,  # type: ignore[arg-type]
)


def answer(text: str, complete: bool = True) -> Answer:
    return Answer(text=text, complete=complete, input_tokens=1, output_tokens=9)


def test_lines_go_by_their_numbers() -> None:
    lines = json.loads(answer_of(*ENGLISH))["lines"]
    assert translations(CAPTION, answer(json.dumps({"lines": lines[::-1]}))) == list(ENGLISH)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("[]", "is not the JSON"),
        ('{"lines": 7}', "is not the JSON"),
        ('{"lines": [{"line": [], "text": "a"}]}', "is not the JSON"),
        ("[" * 100_000, "is not the JSON"),
        (answer_of("one"), "has 1 lines for 2"),
        (answer_of("one", "two", "three"), "has 3 lines for 2"),
        (answer_of("one", "two", first=0), "numbers them otherwise"),
        (answer_of("one", " \n- "), "leaves a line out"),
        ('{"lines": [{"line": 1, "text": 5}, {"line": 2, "text": "two"}]}', "leaves a line out"),
        (answer_of("one", "and on and on " * 30), "makes 419 characters of a line of 11"),
    ],
)
def test_answers_that_are_no_translation_are_not_used(text: str, why: str) -> None:
    with pytest.raises(UnusableAnswer, match=why):
        translations(CAPTION, answer(text))


def test_an_answer_that_broke_off_is_not_used() -> None:
    with pytest.raises(UnusableAnswer, match="max_tokens"):
        translations(CAPTION, answer(answer_of(*ENGLISH), complete=False))


def test_an_answer_has_a_bound() -> None:
    lines = schema(7)["properties"]["lines"]
    assert (lines["minItems"], lines["maxItems"]) == (7, 7)
    assert lines["items"]["properties"]["text"]["maxLength"] > 0


def test_translation_is_part_of_the_key_and_the_record(workspace: Workspace) -> None:
    plain = SpeechCaptions(SpeechCaptionsConfig(), workspace)
    with ScriptedServer() as server:
        into = {code: stage_for(server, workspace, to=code) for code in ("en", "fr")}
        assert len({plain.key(), into["en"].key(), into["fr"].key()}) == 3
        assert into["en"].resources.units_in_flight > 1
    assert Caption.from_dict(CAPTION.to_dict()).translation is None


def test_fusion_reads_the_translation_and_keeps_what_was_said(workspace: Workspace) -> None:
    with ScriptedServer(lambda _: Say(answer_of(ENGLISH[0]))) as server:
        stage = stage_for(server, workspace)
        first, *_ = captions_of(stage, german(stage))
    [line] = source_lines([first])
    assert (line.line, line.text, line.original) == ("S1", ENGLISH[0], GERMAN[0])


def test_provenance_says_that_no_translation_came(workspace: Workspace) -> None:
    with ScriptedServer(lambda _: Say("nothing")) as server:
        stage = stage_for(server, workspace)
        first, _, silent = captions_of(stage, german(stage))
    assert first.translation is None
    assert json.loads(first.provenance.parameters)["translation"] == f"no usable answer from {MODEL} 1"
    assert "translation" not in json.loads(silent.provenance.parameters)
