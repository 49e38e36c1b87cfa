"""Captioners that ask servers: what a model is shown, and what becomes of its answers."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.scripted_server import Act, Asked, Say, Status
from captioning.audio.alm import AlmConfig
from captioning.audio.kinds import audio_captioner
from captioning.records import Caption
from captioning.video.chosen import chosen_frames
from captioning.video.frame_by_frame import FrameByFrameConfig
from captioning.video.kinds import video_captioner
from captioning.video.vlm import VlmConfig
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Map, Retry
from curation.base.workspace import Workspace
from curation.records import Clip
from tests.captioning.measured_clips import clip_of_frames, clip_of_sound
from tests.captioning.served.asked import content, lines, pictures, recorded, served

LEVELS = (20, 50, 80, 110, 140, 170, 200, 230)


def grey_clip(workspace: Workspace, name: str = "0", levels: tuple[int, ...] = LEVELS) -> Clip:
    """A clip of 8 s with a frame kept of each second, each of another grey."""
    frames = [np.full((96, 160, 3), level, np.uint8) for level in levels]
    return clip_of_frames(workspace, frames, 1.0, name=name)


def sounding_clip(workspace: Workspace, name: str = "0", hertz: float = 440.0) -> Clip:
    times_s = np.arange(16000) / 16000
    return clip_of_sound(workspace, np.sin(2 * np.pi * hertz * times_s).astype(np.float32) / 4, name)


def stage_of(kind: str, url: str, workspace: Workspace, **fields: Any) -> Map[Clip, Caption]:
    """A captioner that is set up."""
    stage: Map[Clip, Caption]
    if kind == "alm":
        stage = audio_captioner(AlmConfig(**served(url), **fields), workspace)
    elif kind == "vlm":
        stage = video_captioner(VlmConfig(**served(url), **fields), workspace)
    else:
        models = {"frame": served(url), "summary": served(url)}
        stage = video_captioner(FrameByFrameConfig.model_validate({**models, **fields}), workspace)
    stage.setup()
    return stage


def captions(found: list[Caption | Rejected]) -> list[Caption]:
    assert all(isinstance(each, Caption) for each in found), found
    return [each for each in found if isinstance(each, Caption)]


def test_a_model_sees_frames_in_order_after_their_times(workspace: Workspace) -> None:
    clip = grey_clip(workspace)
    shuffled = dataclasses.replace(clip, frames=clip.frames[::-1])
    with recorded(lambda _: lines("A wall gets lighter.")) as (server, asked):
        [caption] = captions(list(stage_of("vlm", server.url, workspace, max_frames=4)([shuffled])))
    assert [part["type"] for part in content(asked[0])] == ["text", "image_url"] * 4
    times_s = [clip.frames[number].time_s for number in (0, 2, 5, 7)]
    assert asked[0].texts == [f"{time_s:.1f} s:" for time_s in times_s]
    greys = [picture.mean() for picture in pictures(asked[0])]
    assert greys == pytest.approx([LEVELS[number] for number in (0, 2, 5, 7)], abs=3)
    assert "lasts 8.0 seconds" in asked[0].body["messages"][0]["content"]
    assert caption.text == "A wall gets lighter."
    assert (caption.segments[0].start_s, caption.segments[0].end_s) == (0.0, 1.0)
    assert caption.confidence == 0.7788, "the exponential of -0.25"
    assert caption.provenance.prompt == "video.v1"
    assert json.loads(caption.provenance.parameters)["frames"] == 4
    assert "quantization" not in caption.provenance.parameters


def test_each_shot_of_a_clip_is_seen(workspace: Workspace) -> None:
    clip = dataclasses.replace(grey_clip(workspace), shot_starts_s=(0.0, 4.9, 5.9))
    for most, numbers in ((1, [5]), (2, [2, 7]), (3, [2, 5, 7]), (4, [0, 2, 5, 7]), (9, list(range(8)))):
        chosen = chosen_frames(clip, most)
        assert [clip.frames.index(frame) for frame in chosen] == numbers, most


def test_provenance_names_the_draw_of_words_that_was_used(workspace: Workspace) -> None:
    answers = iter([Say(""), lines("A wall.")])
    with recorded(lambda _: next(answers)) as (server, _):
        [caption] = captions(list(stage_of("vlm", server.url, workspace)([grey_clip(workspace)])))
    parameters = json.loads(caption.provenance.parameters)
    assert (parameters["seed"], parameters["temperature"]) == (1, 0.4)


def test_a_prompt_of_ones_own_counts_by_its_text_alone(workspace: Workspace, tmp_path: Path) -> None:
    keys = set()
    for folder in ("a", "b"):
        file = tmp_path / folder / "mine.txt"
        file.parent.mkdir()
        file.write_text("Describe $duration s.")
        with recorded(lambda _: lines("A wall.")) as (server, _):
            stage = stage_of("vlm", server.url, workspace, prompt=str(file))
            [caption] = captions(list(stage([grey_clip(workspace)])))
        keys.add(stage.key())
        assert caption.provenance.prompt == "mine.txt"
    assert len(keys) == 1


def test_provenance_says_that_a_server_made_the_weights_smaller(workspace: Workspace) -> None:
    with recorded(lambda _: lines("A wall.")) as (server, _):
        stage = stage_of("vlm", server.url, workspace, quantization="fp8")
        [caption] = captions(list(stage([grey_clip(workspace)])))
    assert json.loads(caption.provenance.parameters)["quantization"] == "fp8"


@pytest.mark.parametrize(
    ("short_side_px", "shape"), [(48, (48, 80, 3)), (96, (96, 160, 3)), (500, (96, 160, 3))]
)
def test_frames_are_made_smaller_but_never_larger(
    workspace: Workspace, short_side_px: int, shape: tuple[int, ...]
) -> None:
    with recorded(lambda _: lines("A wall.")) as (server, asked):
        stage = stage_of("vlm", server.url, workspace, frame_short_side_px=short_side_px)
        captions(list(stage([grey_clip(workspace)])))
    assert {picture.shape for picture in pictures(asked[0])} == {shape}


def test_the_frames_of_a_batch_are_read_as_requests_leave(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [grey_clip(workspace, f"{n}", (n, n, n)) for n in range(40)]
    reads = 0
    read = workspace.media.read

    def counted(*arguments: Any) -> bytes:
        nonlocal reads
        reads += 1
        return read(*arguments)

    monkeypatch.setattr(workspace.media, "read", counted)
    most = []

    def script(_: Asked) -> Act:
        most.append(reads)
        return lines("A wall.")

    with recorded(script) as (server, _):
        config = VlmConfig(**served(server.url, max_in_flight=1), max_frames=1)
        stage = video_captioner(config, workspace)
        stage.setup()
        assert len(captions(list(stage(clips)))) == 40
    assert reads == 40
    assert most[0] < 20


def test_a_model_hears_the_clips_sound(workspace: Workspace) -> None:
    clip = sounding_clip(workspace)
    with recorded(lambda _: lines("A steady tone.")) as (server, asked):
        [caption] = captions(list(stage_of("alm", server.url, workspace)([clip])))
    [part] = content(asked[0])
    assert part["type"] == "input_audio"
    assert part["input_audio"]["format"] == "flac"
    assert clip.audio is not None
    assert base64.b64decode(part["input_audio"]["data"]) == workspace.media.read(clip.audio)
    assert caption.text == "A steady tone."


def test_of_a_clip_without_sound_nobody_is_asked(workspace: Workspace) -> None:
    with recorded(lambda _: lines("A steady tone.")) as (server, asked):
        [caption] = captions(list(stage_of("alm", server.url, workspace)([clip_of_sound(workspace, None)])))
    assert not asked
    assert (caption.text, caption.segments, caption.language) == ("", (), None)


def test_each_frame_is_described_and_the_descriptions_are_summed_up(workspace: Workspace) -> None:
    def script(asked: Asked) -> Act:
        if "response_format" in asked.body:
            return lines("A wall gets lighter.")
        [picture] = pictures(asked)
        return Say(f"A wall of grey {round(picture.mean(), -1):.0f}.")

    with recorded(script) as (server, asked):
        [caption] = captions(
            list(stage_of("frames", server.url, workspace, max_frames=3)([grey_clip(workspace)]))
        )
    assert len(asked) == 4
    [told] = asked[-1].texts
    clip = grey_clip(workspace, "again")
    expected = [(clip.frames[number].time_s, LEVELS[number]) for number in (0, 4, 7)]
    wanted = [f"[{time_s:.1f} s] A wall of grey {round(level, -1)}." for time_s, level in expected]
    assert "\n".join(wanted) in told
    assert caption.text == "A wall gets lighter."
    parameters = json.loads(caption.provenance.parameters)
    assert parameters["frame_model"] == ["scripted", "1"]


def test_a_summary_is_made_of_the_frames_that_could_be_described(workspace: Workspace) -> None:
    def script(asked: Asked) -> Act:
        if "response_format" in asked.body:
            return lines("A wall.")
        grey = pictures(asked)[0].mean()
        return Say("A wall.") if grey < 100 else Status(400, message="too light")

    clips = [grey_clip(workspace, "dark"), grey_clip(workspace, "light", (200, 210, 220))]
    with recorded(script) as (server, asked):
        light, dark = stage_of("frames", server.url, workspace)(clips)
    assert isinstance(dark, Caption)
    assert asked[-1].texts[0].count(" s] A wall.") == 3
    assert isinstance(light, Rejected)
    assert "the server refused it (400): too light" in light.detail


UNUSABLE = {
    "empty": Say(""),
    "cut off": Say('{"lines": [{"start_s": 0, "end_s": 1, "text": "A wa', finish="length"),
    "broken": Say('{"lines": [{"start_s": 0, "end'),
    "another shape": Say('{"captions": ["A wall."]}'),
    "numbers for words": Say('{"lines": [{"start_s": 0, "end_s": 1, "text": 7}]}'),
    "without end": lines(*(f"Wall {number}." for number in range(99))),
}


@pytest.mark.parametrize("kind", ["vlm", "alm"])
@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_answers_are_asked_for_again_by_other_words_and_then_given_up(
    workspace: Workspace, kind: str, answer: Say
) -> None:
    clip = grey_clip(workspace) if kind == "vlm" else sounding_clip(workspace)
    with recorded(lambda _: answer) as (server, asked):
        [rejected] = stage_of(kind, server.url, workspace)([clip])
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.parent_id) == (Reason.CAPTION_FAILED, clip.clip_id)
    assert "scripted: asked 3 times, the answer " in rejected.detail
    draws = [(each.body["seed"], each.body["temperature"]) for each in asked]
    assert draws == [(0, 0.0), (1, 0.4), (2, 0.4)]


@pytest.mark.parametrize("kind", ["vlm", "alm", "frames"])
def test_a_second_answer_counts_if_the_first_cannot_be_used(workspace: Workspace, kind: str) -> None:
    clip = sounding_clip(workspace) if kind == "alm" else grey_clip(workspace)
    with recorded(lambda asked: lines("A wall.") if asked.body["seed"] else Say("")) as (server, _):
        [caption] = captions(list(stage_of(kind, server.url, workspace)([clip])))
    assert caption.text == "A wall."


def test_an_answer_beyond_all_bounds_is_asked_for_by_another_draw(workspace: Workspace) -> None:
    def script(asked: Asked) -> Act:
        return lines("A wall.") if asked.body["seed"] == 2 else Say("x" * (9 << 20))

    with recorded(script) as (server, asked):
        [caption] = captions(list(stage_of("vlm", server.url, workspace)([grey_clip(workspace)])))
    assert caption.text == "A wall."
    assert len(asked) == 3


@pytest.mark.parametrize("kind", ["vlm", "alm", "frames"])
def test_a_refused_clip_is_rejected_and_the_others_go_on(workspace: Workspace, kind: str) -> None:
    make = sounding_clip if kind == "alm" else grey_clip
    good, bad = make(workspace, "good"), make(workspace, "bad", *([880.0] if kind == "alm" else [(9, 9, 9)]))

    def script(asked: Asked) -> Act:
        data = json.dumps(asked.body)
        return Status(400, message="too odd") if any(mark in data for mark in marks) else lines("A wall.")

    refs = [bad.audio] if bad.audio else [frame.media for frame in bad.frames]
    marks = {base64.b64encode(workspace.media.read(ref)).decode() for ref in refs}
    with recorded(script) as (server, _):
        found = list(stage_of(kind, server.url, workspace)([bad, good]))
    [rejected] = [each for each in found if isinstance(each, Rejected)]
    [caption] = [each for each in found if isinstance(each, Caption)]
    assert (rejected.parent_id, caption.clip_id) == (bad.clip_id, good.clip_id)
    assert "the server refused it (400): too odd" in rejected.detail


@pytest.mark.parametrize("kind", ["vlm", "frames"])
def test_a_clip_without_frames_is_rejected_and_nobody_is_asked(workspace: Workspace, kind: str) -> None:
    clip = dataclasses.replace(grey_clip(workspace), frames=())
    with recorded(lambda _: lines("A wall.")) as (server, asked):
        [rejected] = stage_of(kind, server.url, workspace)([clip])
    assert isinstance(rejected, Rejected)
    assert "no frames" in rejected.detail
    assert not asked


@pytest.mark.parametrize("kind", ["vlm", "alm", "frames"])
def test_what_was_answered_is_not_asked_again(workspace: Workspace, kind: str) -> None:
    clips = [sounding_clip(workspace) if kind == "alm" else grey_clip(workspace)]
    numbers = itertools.count()
    with recorded(lambda asked: lines(f"A wall {next(numbers)}.") if asked.body["seed"] else Say("")) as (
        server,
        asked,
    ):
        first = list(stage_of(kind, server.url, workspace)(clips))
        num_asked = len(asked)
        assert list(stage_of(kind, server.url, workspace)(clips)) == first
        assert len(asked) == num_asked


def test_runs_that_name_one_folder_share_their_answers(workspace: Workspace, tmp_path: Path) -> None:
    other, shared = Workspace.open(str(tmp_path / "other")), str(tmp_path / "shared")
    with recorded(lambda _: lines("A wall.")) as (server, asked):
        first = list(stage_of("vlm", server.url, workspace, responses=shared)([grey_clip(workspace)]))
        again = list(stage_of("vlm", server.url, other, responses=shared)([grey_clip(other)]))
        assert len(asked) == 1
        assert [each.text for each in captions(again)] == [each.text for each in captions(first)]
        # A model that is held in another way is another model.
        quantized = {"responses": shared, "quantization": "fp8"}
        list(stage_of("vlm", server.url, other, **quantized)([grey_clip(other)]))
        assert len(asked) == 2


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A man in a red coat walks his dog along the beach while the sun goes down.", "en"),
        ("Ein Mann in einem roten Mantel geht mit seinem Hund am Strand spazieren.", "de"),
        ("Xyz 7.", None),
    ],
)
def test_the_language_is_that_of_the_words(workspace: Workspace, text: str, language: str | None) -> None:
    with recorded(lambda _: lines(text)) as (server, _):
        [caption] = captions(list(stage_of("vlm", server.url, workspace)([grey_clip(workspace)])))
    assert caption.language == language


@pytest.mark.parametrize("kind", ["vlm", "alm", "frames"])
def test_servers_that_are_gone_leave_clips_for_later_and_keep_what_was_answered(
    workspace: Workspace, kind: str
) -> None:
    make = sounding_clip if kind == "alm" else grey_clip
    clips = [make(workspace, f"{n}", *([300.0 + n] if kind == "alm" else [(60 * n,) * 3])) for n in range(4)]
    with recorded(lambda _: lines("A wall.")) as (server, asked):
        list(stage_of(kind, server.url, workspace)(clips[:2]))
        before = len(asked)
    with pytest.raises(Retry):
        list(stage_of(kind, server.url, workspace)(clips))
    with recorded(lambda _: lines("A wall.")) as (server, asked):
        assert len(captions(list(stage_of(kind, server.url, workspace)(clips)))) == 4
        assert len(asked) <= before


def test_answers_in_fences_or_after_thoughts_are_read(workspace: Workspace) -> None:
    told = lines("A wall.").text
    for number, text in enumerate((f"```json\n{told}\n```", f"<think>\nhm {{\n</think>\n\n{told}")):
        with recorded(lambda _, text=text: Say(text)) as (server, _):  # type: ignore[misc]
            [caption] = captions(
                list(
                    stage_of("vlm", server.url, workspace)([grey_clip(workspace, f"{number}", (number,) * 3)])
                )
            )
        assert [line.text for line in caption.segments] == ["A wall."]
