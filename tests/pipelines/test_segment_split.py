"""Clips written by --split: every frame of a shot once, with its sound."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from curation.base.workspace import Workspace
from curation.cut.rules import Span
from curation.detect.transitions import Transition
from pipelines.segmenting.files import Segmented
from pipelines.segmenting.split import Splitter
from pipelines.segmenting.split_groups import SplitClip, grouped
from pipelines.segmenting.split_writer import NotWritten
from tests.curation.cutting import distance, small_frames, source_frames
from tests.pipelines.segmented import film, with_shots


def split(found: Segmented, folder: Path, *, overwrite: bool = False) -> list[Path]:
    folder.mkdir(exist_ok=True)
    written = Splitter(folder, kept=[found.uri], overwrite=overwrite).split(found)
    paths = [each for each in written if isinstance(each, Path)]
    assert len(paths) == len(written) == len(found.shots), written
    return paths


def check_frames(found: Segmented, paths: list[Path]) -> None:
    """Each clip shows the frames of its shot, at their times."""
    frames = source_frames(found.source.record)
    for shot, path in zip(found.shots, paths, strict=True):
        expected = frames[shot.start_frame : shot.last_frame + 1]
        written = small_frames(path, "mov", 0)
        with av.open(str(path)) as media:
            unit_s = media.streams.video[0].time_base
        assert unit_s is not None
        assert [frame.pts * unit_s for frame in written] == [
            (frame.pts - expected[0].pts) * Fraction(shot.time_base) for frame in expected
        ]
        for number, mine in enumerate(written, start=shot.start_frame):
            near = range(max(0, number - 2), min(len(frames), number + 3))
            assert min(near, key=lambda other: distance(mine.image, frames[other].image)) == number


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", ()),
        ("late.mkv", ("-output_ts_offset", "100")),
        ("transport.ts", ()),
        ("uneven.mp4", ("-vf", "select='not(mod(n,3))+gt(mod(n,7),1)'", "-fps_mode", "passthrough")),
        ("odd.mp4", ("-vf", "crop=157:117", "-pix_fmt", "yuv444p")),
        ("deep.mp4", ("-pix_fmt", "yuv420p10le")),
    ],
)
def test_every_frame_of_every_clip_once(
    name: str, options: tuple[str, ...], tmp_path: Path, workspace: Workspace
) -> None:
    transitions = (Transition(29, 30, "cut", 0.9), Transition(49, 60, "gradual", 0.7))
    found = with_shots(film(tmp_path / name, *options), workspace, transitions)
    paths = split(found, tmp_path / "clips")
    stem = Path(name).stem
    assert [path.name for path in paths] == [f"{stem}-001.mp4", f"{stem}-002.mp4", f"{stem}-003.mp4"]
    assert sorted((tmp_path / "clips").iterdir()) == paths
    check_frames(found, paths)


def test_sound_is_that_of_the_clip(tmp_path: Path, workspace: Workspace) -> None:
    """Two seconds of silence, then a tone: the second clip begins a second before it."""
    path = film(tmp_path / "tone.mp4", "-af", "volume='gte(t,2)':eval=frame", "-c:a", "aac")
    found = with_shots(path, workspace, (Transition(24, 25, "cut", 0.9),))
    first, second = split(found, tmp_path / "clips")
    assert (loudness(first, 0.0, 1.0), loudness(second, 0.0, 0.95)) == pytest.approx((0, 0), abs=0.001)
    assert loudness(second, 1.05, 3.0) > 0.05
    with av.open(str(second)) as media:
        sound = media.streams.audio[0]
        assert (sound.codec_context.name, sound.sample_rate) == ("aac", 44100)
        assert float(sound.duration * sound.time_base) == pytest.approx(3.0, abs=0.05)


def test_many_short_clips_in_few_decodes(tmp_path: Path, workspace: Workspace) -> None:
    """Shots of one frame and more, many in a group."""
    bounds = [0, 1, 2, 10, 11, 30, 31, 32, 33, 60, 90, 99]
    transitions = [Transition(end - 1, end, "cut", 0.9) for end in bounds[1:]]
    found = with_shots(film(tmp_path / "busy.mp4"), workspace, transitions)
    check_frames(found, split(found, tmp_path / "clips"))


KEYFRAME_AT_CUT = ("-g", "100", "-force_key_frames", "expr:eq(n,30)")


def same_pictures(found: Segmented, paths: list[Path]) -> list[bool]:
    """Whether clips show the very pictures of the source."""
    frames = source_frames(found.source.record)
    return [
        all(
            np.array_equal(mine.image, frames[number].image)
            for number, mine in enumerate(small_frames(path, "mov", 0), start=shot.start_frame)
        )
        for shot, path in zip(found.shots, paths, strict=True)
    ]


def test_clips_between_keyframes_are_copied(tmp_path: Path, workspace: Workspace) -> None:
    """The third clip begins in the middle of what the encoder took for one scene."""
    found = with_shots(film(tmp_path / "film.mp4", *KEYFRAME_AT_CUT), workspace)
    paths = split(found, tmp_path / "clips")
    check_frames(found, paths)
    assert same_pictures(found, paths) == [True, True, False]
    assert loudness(paths[0], 0.0, 1.2) == pytest.approx(loudness(paths[2], 0.0, 0.8), abs=0.005)


def test_a_copy_that_does_not_begin_as_the_detector_saw_is_not_kept(
    tmp_path: Path, workspace: Workspace
) -> None:
    found = with_shots(film(tmp_path / "film.mp4", *KEYFRAME_AT_CUT), workspace)
    first, *others = found.shots
    other = Segmented(found.source, (replace(first, first_image=first.last_image), *others))
    paths = split(other, tmp_path / "clips")
    check_frames(other, paths)
    assert same_pictures(other, paths) == [False, True, False]


def test_a_clip_that_cannot_be_whole_is_named_and_the_others_are_written(
    tmp_path: Path, workspace: Workspace
) -> None:
    path = film(tmp_path / "film.mp4")
    found = with_shots(path, workspace)
    middle = found.shots[1]
    wrong = Segmented(
        found.source,
        (
            found.shots[0],
            replace(middle, last_frame=middle.last_frame + 1),
            found.shots[2],
        ),
    )
    folder = tmp_path / "clips"
    folder.mkdir()
    written = Splitter(folder, kept=[], overwrite=False).split(wrong)
    assert [type(each) for each in written] == [type(folder), NotWritten, type(folder)]
    assert isinstance(written[1], NotWritten)
    assert "gave 40 frames when it was split, not the 41" in written[1].detail
    assert [path.name for path in sorted(folder.iterdir())] == ["film-001.mp4", "film-003.mp4"]


def test_nothing_that_is_there_is_replaced_unasked(tmp_path: Path, workspace: Workspace) -> None:
    found = with_shots(film(tmp_path / "film.mp4", seconds=1.0), workspace, ())
    taken = tmp_path / "clips" / "film-001.mp4"
    taken.parent.mkdir()
    taken.write_text("mine")
    with pytest.raises(ValueError, match="film-001\\.mp4 is already there"):
        split(found, taken.parent)
    assert taken.read_text() == "mine"
    check_frames(found, split(found, taken.parent, overwrite=True))


def test_clips_of_an_earlier_call_are_not_mixed_with_fewer(tmp_path: Path, workspace: Workspace) -> None:
    found = with_shots(film(tmp_path / "film.mp4", seconds=1.0), workspace, ())
    clips = tmp_path / "clips"
    clips.mkdir()
    others = [
        "film-000.mp4",
        "film-02.mp4",
        "film-0002.mp4",
        "film-002.mkv",
        "other-002.mp4",
        "a-film-002.mp4",
    ]
    for name in others:
        (clips / name).write_text("mine")
    assert len(split(found, clips, overwrite=True)) == 1
    for name in ("film-002.mp4", "film-1000.mp4"):
        (clips / name).write_text("earlier")
    with pytest.raises(ValueError, match=r"film-002\.mp4 would look like .* has 1; 2 such files are there"):
        split(found, clips, overwrite=True)
    assert [(clips / name).read_text() for name in others] == ["mine"] * len(others)
    (clips / "film-1000.mp4").unlink()
    splitter = Splitter(clips, kept=[str(clips / "film-002.mp4")], overwrite=True)
    assert len(splitter.split(found)) == 1


def test_a_clip_that_is_not_written_leaves_none_of_an_earlier_call(
    tmp_path: Path, workspace: Workspace
) -> None:
    found = with_shots(film(tmp_path / "film.mp4", seconds=1.0), workspace, ())
    (clip,) = split(found, tmp_path / "clips")
    (shot,) = found.shots
    wrong = Segmented(found.source, (replace(shot, last_frame=shot.last_frame + 1),))
    (failed,) = Splitter(clip.parent, kept=[], overwrite=True).split(wrong)
    assert isinstance(failed, NotWritten)
    assert list(clip.parent.iterdir()) == []


def test_a_source_is_never_replaced(tmp_path: Path, workspace: Workspace) -> None:
    found = with_shots(film(tmp_path / "film.mp4", seconds=1.0), workspace, ())
    other = film(tmp_path / "film-001.mp4", seconds=1.0)
    splitter = Splitter(tmp_path, kept=[found.uri, str(other)], overwrite=True)
    with pytest.raises(ValueError, match="is one of the files to segment"):
        splitter.split(found)


def test_two_files_of_one_name_do_not_share_a_folder(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = (
        with_shots(film(tmp_path / folder / "film.mp4", seconds=1.0), workspace, ()) for folder in "ab"
    )
    clips = tmp_path / "clips"
    clips.mkdir()
    splitter = Splitter(clips, kept=[], overwrite=True)
    splitter.split(one)
    with pytest.raises(ValueError, match="another file named 'film'"):
        splitter.split(two)


def clips_of(lengths: list[int]) -> list[SplitClip]:
    clips, at = [], 0
    for number, length in enumerate(lengths):
        clips.append(SplitClip(Span(at, at + length), length, b"", Path(f"{number}.mp4")))
        at += length
    return clips


def group_numbers(clips: list[SplitClip]) -> list[list[int]]:
    groups = grouped(clips, cores=2)
    assert sorted(clip.path.name for group in groups for clip in group.clips) == sorted(
        clip.path.name for clip in clips
    )
    return [[int(clip.path.stem) for clip in group.clips] for group in groups]


def test_each_clip_has_its_own_process_and_the_longest_comes_first() -> None:
    assert group_numbers(clips_of([10, 30, 20])) == [[1], [2], [0]]
    threads = [group.threads for group in grouped(clips_of([900, 100, 300]), cores=2)]
    assert threads == [2, 1, 1]


def loudness(path: Path, start_s: float, end_s: float) -> float:
    """Root mean square of a stretch of the sound."""
    with av.open(str(path)) as media:
        rate = media.streams.audio[0].sample_rate
        chunks = [frame.to_ndarray() for frame in media.decode(audio=0)]
    samples = np.concatenate(chunks, axis=1)[0]
    return float(np.sqrt(np.mean(np.square(samples[int(start_s * rate) : int(end_s * rate)]))))
