"""The decoders behind one interface take the same frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from shards.reading.decode import (
    DecoderConfig,
    FramesAt,
    FramesAtRate,
    NvdecConfig,
    PyavConfig,
    SegmentFrames,
    ShortSide,
    Square,
    TorchcodecConfig,
    UniformFrames,
    View,
    decode_views,
    frame_times,
)
from shards.reading.decode.nvdec_video import accelerator
from shards.reading.decode.torchcodec_video import load_torchcodec
from shards.reading.errors import DecodeError
from tests.shards.test_decode import ENCODINGS, encode, gradient, numbers

REAL = [
    ("single_shot/flipping_a_pancake.mkv", "mkv"), ("multi_shot/sintel.mp4", "mp4"),
    ("single_shot/pig.webm", "webm"),
    ("odd/rotated_180_vfr.mp4", "mp4"), ("multi_shot/nasa_13013.mp4", "mp4"), ("odd/h265_10bits.mp4", "mp4"),
]  # fmt: skip


@pytest.fixture(params=["torchcodec", "nvdec"])
def decoder(request: pytest.FixtureRequest) -> DecoderConfig:
    """Each decoder but the default one, where this machine has it."""
    try:
        if request.param == "nvdec":
            accelerator(0)
            return NvdecConfig()
        load_torchcodec()
        return TorchcodecConfig()
    except RuntimeError as error:
        pytest.skip(str(error))


def test_chosen_by_kind() -> None:
    adapter: TypeAdapter[DecoderConfig] = TypeAdapter(DecoderConfig)
    assert adapter.validate_python({"kind": "pyav"}) == PyavConfig()
    assert adapter.validate_python({"kind": "torchcodec", "scaling": "bicubic"}).scaling == "bicubic"
    assert adapter.validate_python({"kind": "nvdec", "device": 1}) == NvdecConfig(device=1)
    with pytest.raises(ValidationError, match="expected tags: 'pyav', 'torchcodec', 'nvdec'"):
        adapter.validate_python({"kind": "decord"})


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_same_frames_by_content(tmp_path: Path, encoding: str, decoder: DecoderConfig) -> None:
    mp4 = gradient(tmp_path, ENCODINGS[encoding])
    views = [
        View(UniformFrames(8), Square(32)),
        View(SegmentFrames(8, (1, 2)), ShortSide(32)),
        View(FramesAtRate(10, 100), Square(64)),
        View(FramesAt((3.9, 0.0, 1.25)), Square(32)),
    ]
    ours, theirs = decode_views(mp4, views), decode_views(mp4, views, decoder=decoder)
    for one, other in zip(ours, theirs, strict=True):
        assert numbers(one.pixels) == numbers(other.pixels)
        assert np.array_equal(one.times_s, other.times_s)
        assert one.pixels.shape == other.pixels.shape


@pytest.mark.parametrize(("name", "media"), REAL)
def test_the_same_frames_of_real_footage(
    shared_media: Path, name: str, media: str, decoder: DecoderConfig
) -> None:
    data = (shared_media / name).read_bytes()
    views = [View(SegmentFrames(6, (5,)), Square(112)), View(UniformFrames(3), ShortSide(96))]
    ours, theirs = (
        decode_views(data, views, media=media),
        decode_views(data, views, media=media, decoder=decoder),
    )
    # Each of ours is nearer to its fellow than to what lies some frames aside.
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one.times_s, other.times_s)
        difference = np.abs(one.pixels.astype(int) - other.pixels.astype(int)).mean(axis=(1, 2, 3))
        assert difference.max() < 6, difference
        aside = decode_views(data, [View(FramesAt(tuple(one.times_s + 0.5)), Square(112))], media=media)[
            0
        ].pixels
        if aside.shape == other.pixels.shape:
            distance = np.abs(aside.astype(int) - other.pixels.astype(int)).mean(axis=(1, 2, 3))
            assert (difference <= distance + 1e-6).all()


def test_what_is_no_video_is_refused_by_all(tmp_path: Path, decoder: DecoderConfig) -> None:
    mp4 = encode(tmp_path, [])
    for data in (b"", bytes(1000), b"ffconcat version 1.0\nfile clip.mp4\n", mp4[: len(mp4) // 2]):
        with pytest.raises(DecodeError):
            decode_views(data, [View(UniformFrames(1), Square(8))], decoder=decoder)


@pytest.mark.parametrize("scaling", ["area", "bilinear", "bicubic"])
def test_scalings_repeat_and_differ_little(tmp_path: Path, scaling: str) -> None:
    mp4 = encode(tmp_path, ENCODINGS["training form"])
    config = PyavConfig(scaling=scaling)
    views = [View(UniformFrames(2), Square(48))]
    first, second, area = (
        decode_views(mp4, views, decoder=each)[0].pixels for each in (config, config, PyavConfig())
    )
    assert np.array_equal(first, second)
    assert np.abs(first.astype(int) - area.astype(int)).mean() < 8


def test_without_a_gpu_the_error_says_what_to_do() -> None:
    # No machine has so many.
    with pytest.raises(RuntimeError, match=r"kind = nvdec.*Use kind = pyav"):
        decode_views(b"", [View(UniformFrames(1), Square(8))], decoder=NvdecConfig(device=255))


def test_without_torchcodec_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)
    with pytest.raises(RuntimeError, match="apt install ffmpeg"):
        decode_views(b"", [View(UniformFrames(1), Square(8))], decoder=TorchcodecConfig())


def test_frame_times_of_other_containers(shared_media: Path) -> None:
    times = frame_times((shared_media / "single_shot/flipping_a_pancake.mkv").read_bytes(), media="mkv")
    assert len(times) == 310
    assert times[-1] == pytest.approx(10.3, abs=0.1)
