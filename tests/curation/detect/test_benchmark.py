"""The benchmark of shot boundaries counts as it says, and ends with its line of JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import shot_boundaries
from benchmarks.interleaved import Timing
from benchmarks.shot_boundaries_accuracy import score
from benchmarks.shot_boundaries_composed import ComposedScore
from benchmarks.shot_boundaries_contenders import Found, Frames, tree_cpu_s
from benchmarks.shot_boundaries_media import read_clips
from benchmarks.shot_boundaries_speed import BARE, OURS, UNBOXED, Speed
from benchmarks.shot_boundaries_verdict import accuracy_verdicts, speed_verdicts
from curation.detect.evaluation import Interval, Tally
from curation.detect.learning.assess import Assessment
from tests.footage import make_video


class Fixed:
    """Finds the same in every file."""

    def __init__(self, transitions: list[Interval], stream: int = 0) -> None:
        self._found = Found(transitions, stream, num_frames=100, duration_s=4.0)

    def in_file(self, path: Path) -> Found:
        return self._found

    def in_frames(self, frames: Frames) -> list[Interval]:
        return self._found.transitions


def cut(start: int, kind: str = "cut", end: int | None = None) -> dict[str, object]:
    return {"start": start, "end": start + 1 if end is None else end, "type": kind}


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A clip of two streams and two single shots, one of which the ground truth leaves out; all are empty."""
    for name in ("multi_shot/a.mp4", "single_shot/b.mp4", "single_shot/c.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    fade = cut(70, "fade", 80)
    entry = {"transitions": [cut(39), fade], "streams": {"0:0": {"transitions": [cut(30)]}}}
    truth = {
        "_convention": {},
        "multi_shot/a.mp4": entry,
        "single_shot/b.mp4": {"transitions": []},
        "multi_shot/not_there.mp4": entry,
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return tmp_path


def test_the_stream_that_was_looked_at_is_what_counts(media: Path) -> None:
    clips = read_clips(media, media / "truth.json")
    assert [clip.name for clip in clips] == ["multi_shot/a.mp4", "single_shot/b.mp4", "single_shot/c.mp4"]
    assert [clip.single_shot for clip in clips] == [False, True, True]
    best = score(Fixed([(39, 40), (75, 76)], stream=3), clips[:1])
    assert best.tally == Tally(hits=2)
    first = score(Fixed([(39, 40), (30, 31)][::-1], stream=0), clips[:1])
    assert first.tally == Tally(hits=1, false_alarms=1)


def test_false_alarms_are_counted_on_single_shots_and_per_hour(media: Path) -> None:
    found = score(Fixed([(39, 40)], stream=3), read_clips(media, media / "truth.json"))
    assert found.tally == Tally(hits=1, false_alarms=2, misses=1)
    assert found.false_on_single_shots == 2
    assert found.false_per_hour == 2 / 12 * 3600
    assert found.by_kind["cut"].recall == 1
    assert found.by_kind["fade"].recall == 0
    verdicts = list(accuracy_verdicts({OURS: found, "hash": found}, ["hash"]))
    assert [verdict.met for verdict in verdicts] == [False, False, False]


def speed(height_px: int, ours_s: list[float]) -> Speed:
    times = {OURS: ours_s, BARE: [1.0, 1.0, 1.0], UNBOXED: [0.5, 0.5, 0.5], "adaptive": [2.0, 2.0, 2.0]}
    timings = {name: Timing(wall_s, wall_s) for name, wall_s in times.items()}
    return Speed("a", 16, height_px, timings, {**dict.fromkeys(times, 600), "adaptive": 300})


def test_a_target_of_speed_is_missed_only_if_the_interval_excludes_it() -> None:
    (verdict,) = speed_verdicts([speed(720, [1.4, 1.6, 1.7])])
    assert verdict.met
    assert verdict.open
    (verdict,) = speed_verdicts([speed(720, [1.4, 1.4, 1.7])])
    assert verdict.met
    assert not verdict.open
    assert [each.met for each in speed_verdicts([speed(720, [1.6, 1.6, 1.7])])] == [False]
    fps, faster = speed_verdicts([speed(480, [1.1, 1.2, 1.3])])
    assert not fps.met
    assert faster.met, "the peer had half as many frames to look at"
    assert next(iter(speed_verdicts([speed(480, [0.9, 1.2, 1.3])]))).met


def test_intervals_of_a_kind_are_over_videos() -> None:
    found = ComposedScore()
    for number in range(20):
        tally = Tally(hits=1) if number % 2 else Tally(misses=1)
        found.add(Assessment(tally, {"cut": tally, "wipe": Tally(hits=1)}, (0, 1), 100))
    low, high = found.recall_interval("cut")
    assert 0.2 < low < 0.5 < high < 0.8
    assert found.recall_interval("wipe") == (1.0, 1.0)


def test_cpu_time_of_this_process_grows() -> None:
    before = tree_cpu_s()
    sum(number * number for number in range(3_000_000))
    assert tree_cpu_s() > before


def test_it_runs_without_the_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_video(tmp_path / "two.mp4", seed=0, shots=2, sound=False)
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"two.mp4": {"transitions": [cut(49)]}}))
    arguments = ["--media", str(tmp_path), "--ground-truth", str(truth), "--detectors", "classical,hash"]
    peer = tmp_path / "python"
    peer.write_text('#!/bin/sh\necho \'{"error": "not here"}\'\n')
    peer.chmod(0o755)
    shot_boundaries.main([*arguments, "--peer-python", str(peer), "--repeats", "0", "--composed", "0"])
    lines = capsys.readouterr().out.splitlines()
    figures = json.loads(lines[-1])
    assert set(figures["detectors"]) == {"classical"}
    assert figures["detectors"]["classical"]["f1"] == 1
    assert any("not here" in line for line in lines)
