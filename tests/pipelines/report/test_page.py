"""The page as a whole: the same for the same records, small, and there even if little else is."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from curation.base.storage import Storage
from curation.records import Clip
from pipelines.report.choice import choose_clips
from pipelines.report.gather import gather
from pipelines.report.render import PATH, render, write
from tests.pipelines.report.made import Run, data_of, made_up_run
from tests.pipelines.report.page import Page


def test_same_records_in_any_order_give_the_same_bytes(run: Run, html: str) -> None:
    shuffled = replace(run, records={cls: list(found) for cls, found in run.records.items()})
    for found in shuffled.records.values():
        random.Random(7).shuffle(found)
    assert render(data_of(shuffled)) == html


def test_a_large_run_makes_a_bounded_page() -> None:
    large = made_up_run(num_videos=30, clips_per_video=8, pictures=[np.zeros((36, 64, 3), np.uint8)])
    data = data_of(large, max_clips=40)
    assert len(data.clips) == 40
    assert "40 of 240 clips, spread over the sources by hash" in Page(render(data)).text
    assert len({clip.video_id for clip in data.clips}) == 30
    assert sum(each.count for each in data.histograms[0].bins) == 240
    assert len(data.turned_down) == 12
    assert "12 of 30, spread over the sources by hash" in Page(render(data)).text


def test_choice_gives_every_source_a_turn_and_knows_no_order() -> None:
    rows = [("v1", "c5"), ("v1", "c1"), ("v1", "c3"), ("v2", "c9"), ("v3", "c2"), ("v3", "c0")]
    table = pa.table({"video_id": [v for v, _ in rows], "clip_id": [c for _, c in rows]})
    assert choose_clips(table, 4) == ["c1", "c9", "c0", "c3"]
    assert choose_clips(table.take([5, 3, 1, 0, 4, 2]), 4) == ["c1", "c9", "c0", "c3"]
    assert choose_clips(table.slice(0, 0), 4) == []


def test_thumbnails_are_small_jpegs_in_order(run: Run) -> None:
    for clip in data_of(run).clips:
        assert len(clip.thumbnails) == 3
        times = [thumbnail.time_s for thumbnail in clip.thumbnails]
        assert times == sorted(times)
        for thumbnail in clip.thumbnails:
            jpeg = base64.b64decode(thumbnail.uri.removeprefix("data:image/jpeg;base64,"))
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert picture.shape[:2] == (thumbnail.height_px, thumbnail.width_px) == (135, 240)


def test_lost_and_damaged_frames_are_left_out(run: Run) -> None:
    clip = run.records[Clip][0]
    damaged = replace(run, media={**run.media, clip.frames[1].media.path: b"no jpeg"})
    view = next(each for each in data_of(damaged).clips if each.clip_id == clip.clip_id)
    assert len(view.thumbnails) == 2

    def gone(ref: object) -> bytes:
        raise FileNotFoundError(str(ref))

    assert "no frames to show" in Page(render(gather(run.facts, run, gone))).text


def test_an_empty_run_has_a_report() -> None:
    empty = Run()
    text = Page(render(gather(empty.facts, empty, empty.read_media))).text
    assert "Of 0 files" in text
    assert "There are no clips." in text
    assert "Nothing was rejected." in text


def test_page_is_written_to_the_run(run: Run, tmp_path: Path) -> None:
    data = data_of(run)
    url = write(data, Storage(str(tmp_path / "run")))
    assert url == str(tmp_path / "run" / PATH)
    assert Path(url).read_text(encoding="utf-8") == render(data)
