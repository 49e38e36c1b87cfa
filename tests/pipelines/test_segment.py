"""cliploom segment: what it prints, what it says of files that are no use, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from curation.detect.content import ContentDetectorConfig
from pipelines.config import CurationConfig
from pipelines.segmenting.deliver import Delivery, Wishes
from pipelines.segmenting.files import find_files, segment
from tests.curation.media.made import make, moving_picture, tone
from tests.footage import make_video
from tests.pipelines.runs import cliploom

CONTENT = ("--set", "curation.detect.kind=content")


class Ending:
    """What the command said, and how many files and problems it had."""

    def __init__(self, paths: Sequence[Path], wishes: Wishes) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        files = find_files([str(path) for path in paths])
        delivery = Delivery(
            wishes, [item.uri for item in files], say=self.said.append, warn=self.warned.append
        )
        for item in segment(files, CurationConfig(detect=ContentDetectorConfig())):
            delivery.add(item)
        delivery.finish()
        self.readable, self.problems = delivery.readable, delivery.problems

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said]


def test_the_json_of_a_file(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    make_video(film, seed=0)
    done = cliploom("segment", str(film), "--json", *CONTENT)
    assert (done.code, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert list(found) == ["file", "fps", "num_frames", "transitions", "clips"]
    assert (found["file"], found["fps"], found["num_frames"]) == (str(film), 25.0, 150)
    assert [(each["start"], each["end"], each["type"]) for each in found["transitions"]] == [
        (49, 50, "cut"),
        (99, 100, "cut"),
    ]
    assert all(set(each) == {"start", "end", "type", "score"} for each in found["transitions"])
    assert all(0 < each["score"] <= 1 for each in found["transitions"])
    assert found["clips"] == [
        {"start_s": 0.0, "end_s": 2.0, "start_frame": 0, "end_frame": 49},
        {"start_s": 2.0, "end_s": 4.0, "start_frame": 50, "end_frame": 99},
        {"start_s": 4.0, "end_s": 6.0, "start_frame": 100, "end_frame": 149},
    ]


def test_files_that_are_no_use_are_named_and_the_others_are_done(tmp_path: Path) -> None:
    film, text = tmp_path / "film.mp4", tmp_path / "notes.mp4"
    make_video(film, seed=0)
    text.write_text("no video")
    wanted = [str(tmp_path / "gone.mp4"), str(text), str(film)]
    done = cliploom("segment", *wanted, "--json", "--edl", str(tmp_path / "cuts.edl"), *CONTENT)
    assert done.code == 3
    gone, notes, whole = map(json.loads, done.stdout.splitlines())
    assert (gone["file"], gone["error"]) == (wanted[0], "missing")
    assert (notes["file"], notes["error"]) == (wanted[1], "not_media")
    assert len(whole["clips"]) == 3
    assert f"cliploom: {wanted[0]}: missing: " in done.stderr
    assert f"cliploom: {wanted[1]}: not_media: 'notes.mp4' is text" in done.stderr
    assert (tmp_path / "cuts.edl").read_text().count("* FROM CLIP NAME: film.mp4") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("gone.mp4",), 2, "gone.mp4: missing: "),
        (("empty.mp4",), 1, "empty.mp4: empty_file: "),
        (
            ("film.mp4", "--edl", "film.mp4", "--overwrite"),
            2,
            "--edl film.mp4 is one of the files to segment",
        ),
        (("film.mp4", "--edl", "."), 2, "--edl . is a folder"),
        (("film.mp4", "--contact-sheet", "no/sheet.png"), 2, "there is no folder no"),
        (
            ("film.mp4", "--edl", "taken"),
            2,
            "--edl taken is already there. Give another name, or --overwrite",
        ),
        (("film.mp4", "--split", "taken"), 2, "--split taken: cannot be made"),
        (("film.mp4", "--set", "curation.detect.kin=content"), 2, "no such key"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    arguments: tuple[str, ...],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pipelines.cli import main

    monkeypatch.chdir(tmp_path)
    for name in ("film.mp4", "taken"):
        Path(name).write_text("x")
    Path("empty.mp4").touch()
    with pytest.raises(SystemExit) as ended:
        main(["segment", *arguments, *CONTENT])
    assert ended.value.code == code
    assert message in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "film.mp4": "x",
        "taken": "x",
        "empty.mp4": "",
    }


def test_a_folder_stands_for_its_files_and_names_are_given_once(tmp_path: Path) -> None:
    make(tmp_path / "b.mp4", *moving_picture(seconds=0.4))
    make(tmp_path / "a.mp4", *moving_picture(seconds=0.4))
    ending = Ending([tmp_path / "b.mp4", tmp_path, tmp_path / "a.mp4"], Wishes(as_json=True))
    assert [found["file"] for found in ending.objects] == [
        str(tmp_path / name) for name in ("b.mp4", "a.mp4")
    ]
    assert (ending.readable, ending.problems) == (2, 0)


def test_odd_sources_are_clips_or_have_a_named_reason(tmp_path: Path) -> None:
    """One frame, a file cut off in its middle, and a picture that changes its size."""
    one = make(tmp_path / "one.mp4", *moving_picture(), "-frames:v", "1")
    whole = make(tmp_path / "whole.mp4", *moving_picture(seconds=4.0), "-movflags", "+faststart")
    early = tmp_path / "early.mp4"
    early.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    late = tmp_path / "late.mp4"
    late.write_bytes(make(tmp_path / "plain.mp4", *moving_picture()).read_bytes()[:-2000])
    parts = [
        make(
            tmp_path / f"{size}.ts",
            *(*moving_picture(size, seconds=2.0), *tone(2.0), "-c:a", "aac"),
            *("-output_ts_offset", str(start_s)),
        )
        for size, start_s in (("160x120", 0), ("320x180", 2))
    ]
    grows = tmp_path / "grows.ts"
    grows.write_bytes(b"".join(part.read_bytes() for part in parts))
    clips = tmp_path / "clips"
    ending = Ending(
        [one, early, late, grows],
        Wishes(as_json=True, contact_sheet=tmp_path / "x.png", edl=tmp_path / "x.edl", split=clips),
    )
    found = {Path(each["file"]).name: each for each in ending.objects}
    assert found["one.mp4"]["num_frames"] == 1
    assert found["one.mp4"]["clips"] == [{"start_s": 0.0, "end_s": 0.04, "start_frame": 0, "end_frame": 0}]
    assert 10 < found["early.mp4"]["num_frames"] < 100
    assert found["late.mp4"]["error"] == "unreadable"
    assert 95 < found["grows.ts"]["num_frames"] <= 100
    assert (ending.readable, ending.problems) == (3, 1), ending.warned
    assert len(list(clips.iterdir())) == sum(len(each.get("clips", [])) for each in found.values())
