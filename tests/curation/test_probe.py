"""The probe stage: one source or one understandable reject for each input."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from curation.base.ids import content_id
from curation.base.records import from_arrow, to_arrow
from curation.base.rejects import Reason, Rejected
from curation.base.workspace import Workspace
from curation.media.limits import DecodeLimits
from curation.probe import Probe, ProbeConfig
from curation.records import Input, SourceVideo
from tests.curation.media.made import make, moving_picture, tone

H264 = ["-c:v", "libx264", "-preset", "ultrafast"]


def found(path: Path) -> Input:
    return Input(
        input_id=f"id-{path.name}", uri=str(path), size_bytes=path.stat().st_size, fingerprint="0", batch=0
    )


def probe(workspace: Workspace, *paths: Path, **limits: float) -> list[SourceVideo | Rejected]:
    config = ProbeConfig(limits=DecodeLimits.model_validate(limits))
    return list(Probe(config, workspace)([found(path) for path in paths]))


def rejected(workspace: Workspace, path: Path, **limits: float) -> Rejected:
    (record,) = probe(workspace, path, **limits)
    assert isinstance(record, Rejected)
    assert (record.rejected_id, record.parent_id, record.stage) == (f"id-{path.name}",) * 2 + ("probe",)
    return record


def test_a_film_becomes_a_source(workspace: Workspace, tmp_path: Path) -> None:
    tags = ["-metadata", "title=A\x1b[2J film", "-metadata", "copyright=CC-BY 4.0"]
    path = make(
        tmp_path / "film.mp4",
        *moving_picture(seconds=2),
        *tone(2),
        *tags,
        *H264,
        "-pix_fmt",
        "yuv420p10",
        "-c:a",
        "aac",
    )
    (source,) = probe(workspace, path)
    assert isinstance(source, SourceVideo)
    assert source.video_id == content_id(hashlib.sha256(path.read_bytes()).hexdigest())
    assert source.parent_ids == ("id-film.mp4",)
    assert source.container == "mov"
    assert source.duration_s == pytest.approx(2.0)
    assert (source.video.index, source.video.codec, source.video.fps) == (0, "h264", 25.0)
    assert (source.video.width_px, source.video.height_px, source.video.rotation_deg) == (160, 120, 0)
    assert (source.video.pixel_format, source.video.bit_depth) == ("yuv420p10le", 10)
    assert source.audio is not None
    assert (source.audio.index, source.audio.codec, source.audio.sample_rate_hz) == (1, "aac", 44100)
    assert (source.title, source.licence) == ("A [2J film", "CC-BY 4.0")
    assert from_arrow(SourceVideo, to_arrow(SourceVideo, [source])) == [source]


def test_the_same_bytes_are_the_same_video_and_probing_repeats(workspace: Workspace, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", *moving_picture(seconds=0.4), *H264)
    copy = tmp_path / "b.mp4"
    copy.write_bytes(path.read_bytes())
    first, second, again = (*probe(workspace, path, copy), *probe(workspace, path))
    assert first.record_id == second.record_id
    assert first.digest() == second.digest() == again.digest()


def test_the_largest_picture_and_the_default_sound_are_chosen(workspace: Workspace, tmp_path: Path) -> None:
    streams = [*moving_picture("64x48", seconds=1), *moving_picture("160x120", seconds=1), *tone(1), *tone(1)]
    maps = ["-map", "0", "-map", "1", "-map", "2", "-map", "3"]
    path = make(
        tmp_path / "a.mkv",
        *streams,
        *maps,
        *H264,
        "-c:a",
        "flac",
        "-disposition:a:0",
        "0",
        "-disposition:a:1",
        "default",
    )
    (source,) = probe(workspace, path)
    assert isinstance(source, SourceVideo)
    assert (source.video.index, source.num_video_streams) == (1, 2)
    assert source.audio is not None
    assert source.audio.index == 3


def test_cover_art_is_no_video(workspace: Workspace, tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.png", *moving_picture("400x400"), "-frames:v", "1", "-update", "1")
    path = make(
        tmp_path / "a.m4a",
        *tone(1),
        "-i",
        str(cover),
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "copy",
        "-disposition:v",
        "attached_pic",
    )
    reject = rejected(workspace, path)
    assert reject.reason == Reason.NO_VIDEO
    assert "cover picture" in reject.detail


def test_every_reject_names_file_value_and_remedy(workspace: Workspace, tmp_path: Path) -> None:
    empty = tmp_path / "empty.webm"
    empty.touch()
    page = tmp_path / "page.mp4"
    page.write_text("<!DOCTYPE html><html>404</html>")
    odd_name = tmp_path / "tab\there\n.mp4"
    odd_name.write_bytes(b"\0" * 100)
    cut_off = make(tmp_path / "cut.mp4", *moving_picture(seconds=1), *H264)
    cut_off.write_bytes(cut_off.read_bytes()[:2000])
    sound = make(tmp_path / "sound.mp4", *tone(1), "-c:a", "aac")
    expected = {
        empty: (Reason.EMPTY_FILE, "'empty.webm' has 0 bytes; copy or download it again"),
        page: (Reason.NOT_MEDIA, "'page.mp4' is a web page, whatever its name says"),
        odd_name: (Reason.NOT_MEDIA, "'tab here .mp4' is in no media format"),
        cut_off: (Reason.UNREADABLE, "'cut.mp4' cannot be opened as mov"),
        sound: (Reason.NO_VIDEO, "'sound.mp4' holds sound only"),
    }
    for path, (reason, text) in expected.items():
        reject = rejected(workspace, path)
        assert reject.reason == reason
        assert reject.detail.startswith(text)


def test_sizes_and_durations_out_of_bounds(workspace: Workspace, tmp_path: Path) -> None:
    tiny = make(tmp_path / "tiny.mp4", *moving_picture("10x6", seconds=1), *H264)
    assert rejected(workspace, tiny).reason == Reason.FRAME_TOO_SMALL
    assert "10x6 px, under 16 px" in rejected(workspace, tiny).detail
    assert isinstance(probe(workspace, tiny, min_side_px=6)[0], SourceVideo)
    long = make(tmp_path / "long.mp4", *moving_picture(seconds=4), *H264)
    reject = rejected(workspace, long, max_duration_s=3)
    assert reject.reason == Reason.TOO_LONG
    assert "lasts 4 s, more than 3 s" in reject.detail
    large = rejected(workspace, long, max_pixels=1000)
    assert large.reason == Reason.FRAME_TOO_LARGE
    assert "160x120" in large.detail


def test_a_header_that_lies_of_its_duration_is_not_believed(workspace: Workspace, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", *moving_picture(seconds=2), *H264)
    data = bytearray(path.read_bytes())
    at = data.index(b"mvhd") + 20
    data[at : at + 4] = (0x7FFFFFFF).to_bytes(4, "big")
    path.write_bytes(data)
    (source,) = probe(workspace, path)
    assert isinstance(source, SourceVideo)
    assert source.duration_s == pytest.approx(2.0)


def test_one_bad_file_does_not_hold_up_the_next(workspace: Workspace, tmp_path: Path) -> None:
    good = make(tmp_path / "good.mp4", *moving_picture(seconds=0.4), *H264)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"\0\0\0\x18ftypisom" + bytes(1000))
    records = probe(workspace, bad, good, bad, good)
    assert [type(record) for record in records] == [Rejected, SourceVideo] * 2


def test_limits_of_the_process_leave_the_stage_key_alone(workspace: Workspace) -> None:
    def key(**limits: float) -> str:
        return Probe(ProbeConfig(limits=DecodeLimits.model_validate(limits)), workspace).key()

    assert key(wall_s=5, cpu_s=10, address_space_bytes=1 << 31) == key()
    assert key(min_side_px=32) != key()


REASONS = {
    "zero_bytes.webm": Reason.EMPTY_FILE,
    "no_streams.webm": Reason.NOT_MEDIA,
    "unreadable.ogg": Reason.UNREADABLE,
    "one_pixel.mp4": Reason.FRAME_TOO_SMALL,
    "ten_by_six_pixels.mp4": Reason.FRAME_TOO_SMALL,
    "audio_only_92s.mp4": Reason.NO_VIDEO,
    "sample_audio_only.mp4": Reason.NO_VIDEO,
    "cover_art.mp3": Reason.NO_VIDEO,
    "cheese-on-toast.mp3": Reason.NO_VIDEO,
    "wrong_extension.aac": Reason.NO_VIDEO,
    "no_samples.wav": Reason.NO_VIDEO,
}


def test_odd_real_files(shared_media: Path, workspace: Workspace) -> None:
    paths = sorted((shared_media / "odd").iterdir())
    records = probe(workspace, *paths)
    reasons = {
        path.name: record.reason
        for path, record in zip(paths, records, strict=True)
        if isinstance(record, Rejected)
    }
    assert reasons == REASONS
