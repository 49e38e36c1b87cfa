"""The pool on disk, and what building one takes from scenes, footage and pictures."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.detect.learning import building
from curation.detect.learning.building import build_pool
from curation.detect.learning.footage import footage_shots
from curation.detect.learning.pool import Frames, ShotInfo, ShotPool, write_pool
from curation.media.sandbox import DecodeError
from tests.curation.media.made import make, moving_picture

INFO = ShotInfo(kind="view", source="procedural", fps=25.0, family="procedural/0")


def shot(num_frames: int, seed: int) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (num_frames, 27, 48, 3), np.uint8)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    shots = [(INFO, shot(60, 1)), (replace(INFO, kind="footage", sha256="ab", family=None), shot(240, 2))]
    written = write_pool(tmp_path / "below" / "pool", iter(shots))
    pool = ShotPool.open(tmp_path / "below" / "pool")
    assert len(pool) == 2
    for index, (info, frames) in enumerate(shots):
        assert np.array_equal(pool.frames(index), frames)
        assert pool.info(index) == written[index]
        assert replace(pool.info(index), first=0, num_frames=0) == info
    assert [pool.info(index).first for index in range(2)] == [0, 60]
    assert not pool.frames(0).flags.writeable
    assert not pool.frames(0).flags.owndata
    assert json.loads((tmp_path / "below" / "pool" / "shots.json").read_text())[1]["sha256"] == "ab"


def test_the_array_is_an_ordinary_npy_file(tmp_path: Path) -> None:
    write_pool(tmp_path / "pool", [(INFO, shot(60, 1)), (INFO, shot(61, 2))])
    array = np.load(tmp_path / "pool" / "frames.npy", allow_pickle=False)
    assert array.shape == (121, 27, 48, 3)
    assert np.array_equal(array[60:], shot(61, 2))


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def shots() -> object:
        yield INFO, shot(60, 1)
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        write_pool(tmp_path / "pool", shots())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "frames", [shot(23, 1), shot(241, 1), shot(60, 1).astype(np.float32), shot(60, 1)[:, :26]]
)
def test_shots_of_another_shape_are_refused(tmp_path: Path, frames: Frames) -> None:
    with pytest.raises(ValueError, match="a shot of 'procedural' is"):
        write_pool(tmp_path / "pool", [(INFO, frames)])


def test_a_pool_is_never_overwritten_nor_empty(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not one shot"):
        write_pool(tmp_path / "pool", [])
    write_pool(tmp_path / "pool", [(INFO, shot(60, 1))])
    with pytest.raises(ValueError, match="there already"):
        write_pool(tmp_path / "pool", [(INFO, shot(60, 2))])


def test_a_folder_that_is_no_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pool of shots"):
        ShotPool.open(tmp_path)
    folder = tmp_path / "pool"
    write_pool(folder, [(INFO, shot(60, 1)), (INFO, shot(60, 2))])
    listed = json.loads((folder / "shots.json").read_text())
    (folder / "shots.json").write_text(json.dumps(listed[:1]))
    with pytest.raises(ValueError, match="does not cover the 120 frames"):
        ShotPool.open(folder)
    (folder / "shots.json").write_text(json.dumps([{**listed[0], "speed": 2}, listed[1]]))
    with pytest.raises(ValueError, match="unexpected keyword argument 'speed'"):
        ShotPool.open(folder)
    (folder / "shots.json").write_text(json.dumps(listed))
    np.save(folder / "frames.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="no pool of shots"):
        ShotPool.open(folder)
    np.save(folder / "frames.npy", np.zeros((120, 28, 48, 3), np.uint8))
    with pytest.raises(ValueError, match="not uint8"):
        ShotPool.open(folder)


def test_the_same_seed_gives_the_same_pool_for_any_number_of_processes(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "one.png"), shot(60, 3)[:, :, 0].repeat(8, 0).repeat(8, 1))
    for name, processes in (("one", 1), ("two", 2)):
        build_pool(tmp_path / name, scenes=16, footage=[], pictures=[pictures], seed=7, processes=processes)
    for name in ("frames.npy", "shots.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    build_pool(tmp_path / "other", scenes=1, footage=[], pictures=[], seed=8, processes=1)
    first, other = (ShotPool.open(tmp_path / name).frames(0)[:24] for name in ("one", "other"))
    assert not np.array_equal(first, other)


def test_more_scenes_keep_those_that_were_there(tmp_path: Path) -> None:
    few = list(building._scene_jobs(9, 3))
    many = list(building._scene_jobs(30, 3))
    assert many[:9] == few
    assert [job.number for job in many] == list(range(30))
    families = {job.family: job.look_seed for job in many}
    assert len(families) < 30
    assert len(set(families.values())) == len(families)
    assert all(job.look_seed == families[job.family] for job in many)


def test_footage_is_cut_into_stretches_at_several_speeds(tmp_path: Path) -> None:
    video = make(
        tmp_path / "a.mp4", "-f", "lavfi", "-i", "testsrc2=s=96x54:r=50:d=10.2", "-pix_fmt", "yuv420p"
    )
    shots = list(footage_shots(video, "a.mp4"))
    assert sorted(len(frames) for _, frames in shots) == [30, 128, 240, 240, 240]
    sha256 = hashlib.sha256(video.read_bytes()).hexdigest()
    assert {info for info, _ in shots} == {ShotInfo(kind="footage", source="a.mp4", fps=50.0, sha256=sha256)}
    by_length = {len(frames): frames for _, frames in shots}
    whole, double, rest = (frames for _, frames in shots if len(frames) == 240)
    every = np.concatenate([whole, rest, by_length[30]])
    assert np.array_equal(double, every[::2][:240])
    assert np.array_equal(by_length[128], every[::4])


def test_too_short_footage_is_refused(tmp_path: Path) -> None:
    video = make(tmp_path / "a.mp4", *moving_picture(seconds=0.8), "-pix_fmt", "yuv420p")
    with pytest.raises(DecodeError, match="has 20 frames"):
        list(footage_shots(video, "a.mp4"))


def test_what_cannot_be_used_is_named_and_the_rest_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    make(folder / "sub" / "a.mp4", *moving_picture(seconds=3.0), "-pix_fmt", "yuv420p")
    (folder / "sub" / "b.mp4").write_bytes((folder / "sub" / "a.mp4").read_bytes())
    (folder / "notes.txt").write_text("shots of the cat")
    (folder / ".hidden.mp4").write_bytes(b"no")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "small.png"), np.zeros((4, 4, 3), np.uint8))
    (pictures / "page.jpg").write_text("<html>")
    (pictures / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    cv2.imwrite(str(pictures / "good.jpg"), shot(60, 3)[:, :, 0].repeat(8, 0).repeat(8, 1))
    bomb = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (60000).to_bytes(4, "big") * 2
    (pictures / "bomb.png").write_bytes(bomb)
    report = build_pool(
        tmp_path / "pool", scenes=2, footage=[folder], pictures=[pictures], seed=1, processes=1
    )
    found = {(source.name, source.num_shots) for source in report.sources if source.sha256}
    assert found == {("sub/a.mp4", 2), ("good.jpg", 3)}
    assert report.num_shots == 7 == len(ShotPool.open(tmp_path / "pool"))
    assert report.num_frames == sum(source.num_frames for source in report.sources)
    assert sum(source.num_shots for source in report.sources if source.name == "procedural") == 2
    for name, why in {
        "notes.txt": "whatever its name says",
        "b.mp4": "is a copy of sub/a.mp4",
        "small.png": "4 x 4 pixels",
        "page.jpg": "neither JPEG nor PNG",
        "cut.jpg": "cannot be decoded",
        "bomb.png": "60000 x 60000 pixels",
    }.items():
        assert any(name in line and why in line for line in report.skipped), (name, report.skipped)
    assert len(report.skipped) == 6
    assert all(line in caplog.text for line in report.skipped)


def test_a_path_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere: not there"):
        build_pool(
            tmp_path / "pool", scenes=1, footage=[tmp_path / "nowhere"], pictures=[], seed=1, processes=1
        )
    assert list(tmp_path.iterdir()) == []


def test_real_footage_gives_shots_without_a_cut(shared_media: Path) -> None:
    shots = list(footage_shots(shared_media / "single_shot" / "pig.webm", "pig.webm"))
    assert [len(frames) for _, frames in shots] == [196, 98, 49]
    frames = shots[0][1].astype(float)
    assert 60 < frames.mean() < 150
    assert np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3)).max() < 15
