"""The content detector: on made-up pictures, and against shot changes marked by eye in real footage."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.base.rejects import Reason, Rejected
from curation.base.workspace import Workspace
from curation.detect.content import ContentDetector, ContentDetectorConfig
from curation.detect.transitions import Transition, merged
from curation.records import Shot
from tests.curation.cutting import detected, probed

TOLERANCE_FRAMES = 2
Pictures = list[np.ndarray]


def picture(seed: int) -> np.ndarray:
    """A picture with structure: a smooth random field in three colours."""
    coarse = np.random.default_rng(seed).uniform(20, 235, (6, 4, 3))
    return np.kron(coarse, np.ones((5, 12, 1)))[:27, :48]


def shot(seed: int, length: int) -> Pictures:
    """A held picture with grain, as cameras give."""
    grain = np.random.default_rng(seed + 1000)
    return [picture(seed) + grain.normal(0, 2, (27, 48, 3)) for _ in range(length)]


def mix(first: np.ndarray, last: np.ndarray, length: int) -> Pictures:
    """The frames between two pictures, which are not among them."""
    return [first * (1 - step / (length + 1)) + last * step / (length + 1) for step in range(1, length + 1)]


def transitions(pictures: Sequence[np.ndarray], frames_per_s: float = 25.0) -> list[tuple[int, int, str]]:
    frames = (np.clip(image, 0, 255).astype(np.uint8) for image in pictures)
    found: list[Transition] = []
    settled = 0
    for report in detector().settle(frames, frames_per_s):
        assert report.frames >= settled, "what was settled does not become open again"
        assert all(each.start_frame >= settled for each in report.transitions), "a transition came too late"
        settled = report.frames
        found += report.transitions
    assert settled == len(pictures)
    return [(each.start_frame, each.end_frame, each.kind) for each in found]


def detector() -> ContentDetector:
    with tempfile.TemporaryDirectory() as folder:
        return ContentDetector(ContentDetectorConfig(), Workspace.open(folder, folder))


def test_a_cut_is_between_the_last_frame_before_and_the_first_after() -> None:
    assert transitions([*shot(1, 40), *shot(2, 30), *shot(3, 30)]) == [(39, 40, "cut"), (69, 70, "cut")]


def test_a_single_shot_has_no_transition() -> None:
    assert transitions(shot(1, 100)) == []
    assert transitions(shot(1, 1)) == []


def test_a_flash_is_no_cut() -> None:
    frames = shot(1, 60)
    frames[30] = np.full((27, 48, 3), 250.0) - picture(2) / 10
    assert transitions(frames) == []


def test_a_moving_camera_is_no_cut() -> None:
    wide = np.concatenate([picture(seed) for seed in range(12)], axis=1)
    pan = [wide[:, 6 * step : 6 * step + 48] for step in range(80)]
    assert transitions(pan) == []


@pytest.mark.parametrize(("length", "frames_per_s"), [(12, 25.0), (24, 25.0), (40, 60.0)])
def test_a_dissolve_covers_its_mixed_frames(length: int, frames_per_s: float) -> None:
    before, after = shot(1, 120), shot(2, 120)
    ((start, end, kind),) = transitions([*before, *mix(picture(1), picture(2), length), *after], frames_per_s)
    assert kind == "gradual"
    assert abs(start - 119) <= 1
    assert abs(end - (120 + length)) <= 1


def test_a_fade_through_black_is_one_transition() -> None:
    black = np.zeros((27, 48, 3))
    frames = [*shot(1, 50), *mix(picture(1), black, 15), *[black] * 12, *mix(black, picture(2), 15)]
    ((start, end, kind),) = transitions([*frames, *shot(2, 50)])
    assert kind == "gradual"
    assert abs(start - 49) <= TOLERANCE_FRAMES
    assert abs(end - 92) <= TOLERANCE_FRAMES


def test_a_cut_to_black_and_a_fade_in_are_one_transition() -> None:
    black = np.zeros((27, 48, 3))
    frames = [*shot(1, 50), *[black] * 10, *mix(black, picture(2), 20), *shot(2, 50)]
    ((start, end, kind),) = transitions(frames)
    assert (start, kind) == (49, "gradual")
    assert abs(end - 80) <= TOLERANCE_FRAMES


def test_fades_at_the_edges_of_a_stream_are_no_change_of_shot() -> None:
    black = np.zeros((27, 48, 3))
    fade_in = [*[black] * 10, *mix(black, picture(1), 20)]
    fade_out = [*mix(picture(1), black, 20), *[black] * 10]
    assert transitions([*fade_in, *shot(1, 60), *fade_out]) == []


def test_a_strobe_to_black_is_no_change_of_shot() -> None:
    frames = shot(1, 60)
    frames[30] = np.zeros((27, 48, 3))
    assert transitions(frames) == []


def test_where_blocks_end_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [*shot(1, 150), *mix(picture(1), picture(2), 20), *shot(2, 130), *shot(3, 160)]
    expected = transitions(frames)
    assert len(expected) == 2
    for core in (1, 37, 150, 160, 170, 299, 300, 301):
        monkeypatch.setattr("curation.detect.content._BLOCK_FRAMES", core)
        assert transitions(frames) == expected


def test_a_long_black_stretch_is_one_transition_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    black = np.zeros((27, 48, 3))
    frames = [*shot(1, 400), *mix(picture(1), black, 15), *[black] * 700, *mix(black, picture(2), 15)]
    frames += shot(2, 500)
    ((start, end, _),) = transitions(frames)
    assert abs(start - 399) <= TOLERANCE_FRAMES
    assert abs(end - 1130) <= TOLERANCE_FRAMES
    monkeypatch.setattr("curation.detect.content._BLOCK_FRAMES", 100)
    assert [each[:2] for each in transitions(frames)] == [(start, end)]


def test_transitions_that_touch_become_one() -> None:
    cut, fade = Transition(10, 11, "cut", 0.5), Transition(8, 20, "gradual", 0.9)
    assert merged([cut, fade]) == [Transition(8, 20, "gradual", 0.9)]
    assert merged([Transition(11, 12, "cut", 0.6), cut]) == [cut, Transition(11, 12, "cut", 0.6)]
    assert merged([cut, cut]) == [cut]


def test_config_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="cut_ration"):
        ContentDetectorConfig.model_validate({"cut_ration": 2.0})
    with pytest.raises(ValueError, match="cut_ratio"):
        ContentDetectorConfig(cut_ratio=0.5)


def _detected(path: Path, workspace: Workspace) -> list[Shot]:
    return detected(probed(path, workspace), workspace)


def _boundaries(shots: Sequence[Shot]) -> list[tuple[int, int]]:
    return [(a.last_frame, b.start_frame) for a, b in itertools.pairwise(shots)]


def _matches(truth: Sequence[dict[str, Any]], found: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Marked transitions that were found: intervals widened by the tolerance, in time order, one to one."""
    hits, used = [], 0
    for mark in truth:
        for index in range(used, len(found)):
            start, end = found[index]
            if max(start, mark["start"]) < min(end, mark["end"]) + TOLERANCE_FRAMES:
                hits.append(mark)
                used = index + 1
                break
    return hits


def _truth(shared_media: Path) -> dict[str, Any]:
    marks: dict[str, Any] = json.loads((shared_media / "ground_truth.json").read_text())
    return {name: entry for name, entry in marks.items() if not name.startswith("_")}


def test_real_footage_is_divided_where_people_would(shared_media: Path, workspace: Workspace) -> None:
    hits = marked = found = cuts = cuts_hit = 0
    for name, entry in _truth(shared_media).items():
        boundaries = _boundaries(_detected(shared_media / name, workspace))
        matched = _matches(entry["transitions"], boundaries)
        print(f"{name}: {len(matched)} of {len(entry['transitions'])} marked, {len(boundaries)} found")
        if not entry["transitions"]:
            assert boundaries == [], name
        hits, marked, found = (
            hits + len(matched),
            marked + len(entry["transitions"]),
            found + len(boundaries),
        )
        cuts += sum(mark["type"] == "cut" for mark in entry["transitions"])
        cuts_hit += sum(mark["type"] == "cut" for mark in matched)
    precision, recall = hits / found, hits / marked
    f1 = 2 * precision * recall / (precision + recall)
    print(f"precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}, cuts {cuts_hit}/{cuts}")
    assert cuts_hit / cuts >= 0.9
    assert precision >= 0.95
    assert f1 >= 0.9


def test_frame_numbers_and_pts_are_those_of_the_decoded_stream(
    shared_media: Path, workspace: Workspace
) -> None:
    shots = _detected(shared_media / "multi_shot/nasa_13013.mp4", workspace)
    assert {each.stream for each in shots} == {3}
    assert all(each.start_pts == 1001 * each.start_frame for each in shots)
    assert all(each.end_pts == 1001 * (each.last_frame + 1) for each in shots)
    assert shots[0].start_frame == 0
    assert shots[-1].last_frame == 389


def test_pts_of_a_stream_that_does_not_start_at_zero(shared_media: Path, workspace: Workspace) -> None:
    (only,) = _detected(shared_media / "odd/sample_fragmented.mp4", workspace)
    assert (only.start_pts, only.end_pts) == (2002, 2002 + 30 * 1001)


def test_the_same_source_gives_the_same_shots(shared_media: Path, workspace: Workspace) -> None:
    path = shared_media / "multi_shot/big_buck_bunny_480p.mp4"
    assert _detected(path, workspace) == _detected(path, workspace)


def test_a_source_that_changed_is_rejected(tmp_path: Path, shared_media: Path, workspace: Workspace) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes((shared_media / "odd/video_90.mov").read_bytes())
    source = probed(path, workspace)
    path.write_bytes(b"gone")
    (rejected,) = ContentDetector(ContentDetectorConfig(), workspace)([source])
    assert isinstance(rejected, Rejected)
    assert rejected.parent_id == source.video_id
    assert rejected.reason == Reason.UNREADABLE
    assert "'video.mp4'" in rejected.detail
