"""Images are clips of one frame, under the limits of clips."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from shards.reading.decode import (
    FramesAtRate,
    PyavConfig,
    ShortSide,
    Square,
    UniformFrames,
    View,
    decode_frames,
    decode_views,
    frame_times,
)
from shards.reading.errors import DecodeError

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


def picture(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Smooth colours: red grows to the right, green downwards."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([x, y, np.full_like(x, 80)], axis=-1).round().astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encode(image: Image.Image, media: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, FORMATS[media], **options)
    return out.getvalue()


@pytest.mark.parametrize("media", FORMATS)
def test_an_image_is_a_clip_of_one_frame(media: str) -> None:
    data = encode(picture(), media, quality=95)
    whole, square = decode_views(
        data, [View(UniformFrames(1), ShortSide(40)), View(FramesAtRate(8, 9), Square(40))], media=media
    )
    assert whole.pixels.shape == (1, 40, 60, 3)
    assert whole.times_s.tolist() == square.times_s.tolist() == [0.0]
    assert np.abs(whole.pixels[0].astype(int) - np.asarray(picture()).astype(int)).mean() < 3
    assert np.abs(square.pixels[0].astype(int) - whole.pixels[0, :, 10:50].astype(int)).max() < 12
    assert frame_times(data, media=media) == [0.0]
    repeated = decode_frames(data, num_frames=4, size_px=16, sampling="segment", key=(1,), media=media)
    assert len(np.unique(repeated, axis=0)) == 1


@pytest.mark.parametrize(
    ("media", "mode", "options"),
    [("png", "L", {}), ("png", "P", {}), ("png", "1", {}), ("png", "RGBA", {}), ("png", "LA", {}),
     ("jpg", "L", {}), ("jpg", "RGB", {"progressive": True}), ("jpg", "RGB", {"subsampling": 0}),
     ("webp", "RGB", {"lossless": True}), ("webp", "RGBA", {})],
)  # fmt: skip
def test_all_kinds_of_pixels(media: str, mode: str, options: dict[str, object]) -> None:
    image = picture(mode)
    (view,) = decode_views(encode(image, media, **options), [View(UniformFrames(1), Square(40))], media=media)
    expected = np.asarray(image.convert("RGB")).astype(int)[:, 10:50]
    assert np.abs(view.pixels[0].astype(int) - expected).mean() < 4


def test_sixteen_bit_png() -> None:
    image = Image.fromarray(np.linspace(0, 65535, 60 * 40).reshape(40, 60).astype(np.uint16))
    (view,) = decode_views(encode(image, "png"), [View(UniformFrames(1), ShortSide(40))], media="png")
    expected = np.linspace(0, 255, 60 * 40).reshape(40, 60)
    assert np.abs(view.pixels[0, ..., 0] - expected).max() < 2


@pytest.mark.parametrize("media", FORMATS)
def test_large_images_are_refused_before_they_are_decoded(media: str) -> None:
    data = encode(picture(size=(200, 100)), media)
    with pytest.raises(DecodeError):
        decode_views(
            data,
            [View(UniformFrames(1), Square(8))],
            media=media,
            decoder=PyavConfig(max_pixels=200 * 100 - 1),
        )


def test_a_small_png_that_claims_to_be_huge_is_refused() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")
    with pytest.raises(DecodeError):
        decode_frames(bomb, num_frames=1, size_px=8, sampling="uniform", key=(), media="png")


def test_an_image_under_another_name_is_refused() -> None:
    for media in FORMATS:
        for other in FORMATS.keys() - {media}:
            with pytest.raises(DecodeError, match=f"not {other}"):
                decode_frames(
                    encode(picture(), media), num_frames=1, size_px=8, sampling="uniform", key=(), media=other
                )


def test_of_an_animation_the_first_picture_counts() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "png", save_all=True, append_images=frames[1:], duration=100)
    (view,) = decode_views(data, [View(UniformFrames(1), Square(32))], media="png")
    assert view.pixels[0, 16, 16].tolist() == [255, 0, 0]
