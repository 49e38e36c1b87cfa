"""Verification and a look at tars that others wrote: held to what they can promise, every oddity named."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shards.reading.head import head
from shards.reading.verify import verify
from shards.reading.verify_sample import Fault
from shards.writing.index_tars import IndexConfig, index_tars
from tests.shards.dataset import encoded


def foreign(path: Path, files: list[tuple[str, bytes]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def jpeg(seed: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def test_tars_of_others_are_held_to_what_they_can_promise(tmp_path: Path) -> None:
    good = [
        ("a/1.jpg", jpeg(1)), ("a/1.txt", b"One."), ("a/1.cls", b"3"),
        ("a/2.jpeg", jpeg(2)), ("a/2.json", b'{"caption": "Two."}'),
        ("a/3.mp4", encoded("red")[0]), ("a/3.txt", b"Red."),
    ]  # fmt: skip
    report = verify(foreign(tmp_path / "good.tar", good))
    assert report.problems == ()
    assert report.ok
    assert (report.num_samples, report.not_read) == (3, {"cls": 1})
    bad = [
        ("1.jpg", jpeg(1)), ("1.txt", b" "),
        ("2.jpg", b"\xff\xd8\xffbroken"), ("2.txt", b"Two."),
        ("3.txt", b"Three."),
        ("4.jpg", jpeg(4)), ("4.json", b"{broken"),
        ("5.jpg", jpeg(1)), ("5.txt", b"Five."),
        ("1.json", b"{}"),
    ]  # fmt: skip
    report = verify(foreign(tmp_path / "bad.tar", bad))
    assert report.counts == {
        Fault.NO_CAPTION: 3, Fault.UNDECODABLE: 1, Fault.NO_MEDIA: 2, Fault.BAD_METADATA: 1,
        Fault.DUPLICATE_MEDIA: 1, Fault.SPLIT_KEY: 1,
    }  # fmt: skip
    both = verify([str(tmp_path / "good.tar"), str(tmp_path / "bad.tar")])
    assert both.num_samples == report.num_samples + 3


def tar_with(change: Callable[[tarfile.TarFile], None]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        change(tar)
    return out.getvalue()


def odd_member(**fields: object) -> Callable[[tarfile.TarFile], None]:
    def change(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("1.jpg")
        for name, value in fields.items():
            setattr(info, name, value)
        tar.addfile(info, io.BytesIO(b"x" * info.size) if info.isreg() else None)

    return change


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (tar_with(odd_member(type=tarfile.SYMTYPE, linkname="/etc/passwd")), Fault.LINK),
        (tar_with(odd_member(type=tarfile.LNKTYPE, linkname="2.jpg")), Fault.LINK),
        (tar_with(odd_member(type=tarfile.CHRTYPE)), Fault.DEVICE),
        (tar_with(odd_member(name="../1.jpg")), Fault.BAD_NAME),
        (tar_with(odd_member(name="/etc/1.jpg")), Fault.BAD_NAME),
        (tar_with(odd_member(name="\x1b[31m.jpg")), Fault.BAD_NAME),
        (tar_with(odd_member(name="noextension")), Fault.BAD_NAME),
        (tar_with(odd_member(size=2000))[:1500], Fault.TRUNCATED),
        (b"not a tar" * 100, Fault.BAD_HEADER),
        (b"", Fault.NO_END),
        (bytes(1024) + b"more" * 256, Fault.AFTER_END),
    ],
)
def test_what_is_odd_about_a_tar_is_named(tmp_path: Path, data: bytes, fault: Fault) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    foreign(tmp_path / "b.tar", [("2.jpg", jpeg(2)), ("2.txt", b"Two.")])
    report = verify(str(tmp_path / "*.tar"))
    assert fault in report.counts
    assert report.num_samples >= 1


def test_an_index_of_others_tars_is_held_to_them(tmp_path: Path) -> None:
    tar = foreign(
        tmp_path / "a.tar", [("1.jpg", jpeg(1)), ("1.txt", b"One."), ("2.jpg", jpeg(2)), ("2.txt", b"Two.")]
    )
    index_tars(tar, IndexConfig())
    assert verify(str(tmp_path)).problems == ()
    foreign(
        tmp_path / "a.tar", [("1.jpg", jpeg(1)), ("1.txt", b"Other."), ("3.jpg", jpeg(2)), ("3.txt", b"Two.")]
    )
    counts = verify(str(tmp_path)).counts
    assert {Fault.WRONG_HASH, Fault.INDEX_MISMATCH} <= counts.keys()


def test_head_shows_samples_of_others_without_an_index(tmp_path: Path) -> None:
    tar = foreign(tmp_path / "a.tar", [("1.jpg", jpeg(1)), ("1.txt", b"One."), ("2.mp4", encoded("red")[0])])
    one, two = head(tar)
    assert (one.key, one.caption, one.size_bytes) == ("1", "One.", {"jpg": len(jpeg(1)), "txt": 4})
    assert (two.key, two.caption, two.duration_s) == ("2", "", None)
