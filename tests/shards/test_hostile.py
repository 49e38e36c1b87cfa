"""Shards, manifests and URLs made to do harm."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards.format import INDEX_SCHEMA, canonical_json, manifest_version
from shards.reading import ShardError, ShardReader
from shards.reading.tar import walk


@pytest.mark.parametrize(
    "url",
    [
        "pipe:cat /etc/passwd",
        "pipe:touch {marker}",
        "simplecache::s3://bucket/x.tar",
        "zip://x.tar::file:///tmp/a.zip",
        "ssh://host/x.tar",
        "data:text/plain,abc",
    ],
)
def test_urls_that_are_no_plain_files_are_refused(url: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with pytest.raises(ShardError, match=r"refused|is not read"):
        ShardReader(url.format(marker=marker))
    assert not marker.exists()


def manifest(**changes: Any) -> dict[str, Any]:
    entry = {
        "path": "g/train/000000.tar", "sha256": "0" * 64, "size_bytes": 1, "num_samples": 1,
        "duration_s": 1.0, "index_path": "g/train/000000.index.parquet", "index_sha256": "0" * 64,
    }  # fmt: skip
    body = {
        "schema_version": 1,
        "lanes": 64,
        "generations": [{"generation": "g", "splits": {"train": [{**entry, **changes}]}}],
    }
    return {**body, "version": manifest_version(body)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not a manifest"),
        (b"[]", "not a manifest"),
        (b'{"schema_version": 7}', "schema_version is 7"),
        (canonical_json({**manifest(), "lanes": 32}).encode(), "hashes to"),
        (canonical_json(manifest(path="../../etc/passwd")).encode(), "not a path below"),
        (canonical_json(manifest(path="/etc/passwd")).encode(), "not a path below"),
        (canonical_json(manifest(index_path="https://x/y")).encode(), "not a path below"),
        (canonical_json(manifest(num_samples=-1)).encode(), "not a count"),
        (canonical_json(manifest(num_samples=1e9)).encode(), "not a count"),
    ],
)
def test_manifests_that_cannot_be_right_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ShardError, match=message) as refused:
        ShardReader(str(tmp_path))
    assert str(tmp_path) in str(refused.value)


def test_no_manifest_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Give the `shards` folder"):
        ShardReader(str(tmp_path))


def write_index(folder: Path, key: str, members: list[tuple[str, int, int]]) -> str:
    """An index of one sample over a tar of zeros."""
    zeros = bytes(4096)
    (folder / "a.tar").write_bytes(zeros)
    rows = [
        {
            "extension": extension,
            "offset": offset,
            "size": size,
            "sha256": hashlib.sha256(bytes(16)).hexdigest(),
        }
        for extension, offset, size in members
    ]
    row = {"key": key, "duration_s": 1.0, "caption_chars": 1, "sha256": "0" * 64, "members": rows}
    pq.write_table(pa.Table.from_pylist([row], schema=INDEX_SCHEMA), folder / "a.index.parquet")
    return str(folder / "a.tar")


@pytest.mark.parametrize(
    ("key", "members", "message"),
    [
        ("../x", [("json", 0, 16)], "odd characters"),
        ("a", [("pyd", 0, 16)], "member '.pyd'; only flac, jpg, json, mp4 are read"),
        ("a", [("json", -16, 16)], "negative"),
        ("a", [("json", 0, 1 << 40)], "claims more than"),
        ("a", [("json", 0, 16), ("json", 16, 16)], "two members of one type"),
        ("a", [], "no members"),
    ],
)
def test_indexes_that_ask_for_the_wrong_things_are_refused(
    tmp_path: Path, key: str, members: list[tuple[str, int, int]], message: str
) -> None:
    with pytest.raises(ShardError, match=message):
        next(iter(ShardReader(write_index(tmp_path, key, members))))


def test_an_index_of_nonsense_is_refused(tmp_path: Path) -> None:
    url = write_index(tmp_path, "a", [("json", 0, 16)])
    (tmp_path / "a.index.parquet").write_bytes(b"PAR1 and then nothing PAR1")
    with pytest.raises(ShardError, match="not an index"):
        ShardReader(url)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.index.parquet")
    with pytest.raises(ShardError, match="not an index"):
        next(iter(ShardReader(url)))


def tar_of(*infos: tarfile.TarInfo, content: bytes = b"x" * 10, format: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for info in infos:
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    ("tar", "message"),
    [
        (tar_of(info("a.json", tarfile.SYMTYPE, "/etc/passwd")), "no plain file"),
        (tar_of(info("a.json", tarfile.LNKTYPE, "b.json")), "no plain file"),
        (tar_of(info("a.mp4", tarfile.CHRTYPE)), "no plain file"),
        (tar_of(info("a", tarfile.DIRTYPE)), "no plain file"),
        (tar_of(info("../../a.json")), "not a member's name"),
        (tar_of(info("/etc/a.json")), "not a member's name"),
        (tar_of(info("sub/a.json")), "not a member's name"),
        (tar_of(info("a\n.json")), "not a member's name"),
        (tar_of(info("noextension")), "not a member's name"),
        (tar_of(info("a.pyd")), "type that is not read"),
        (tar_of(info("a.tar.json")), "not a member's name"),
        (tar_of(info("a" * 150 + ".json"), format=tarfile.GNU_FORMAT), "no plain file"),
        (tar_of(info("ä" * 60 + ".json"), format=tarfile.PAX_FORMAT), "no plain file"),
        (tar_of(info("a.json"))[:700], "ends .* bytes early, in a.json"),
        (tar_of(info("a.json"))[:1024], "ends 512 bytes early, in header"),
        (tar_of(info("a.json"))[:1024] + bytes(512) + b"x" * 512, "one zero block"),
        (tar_of(info("a.json")) + b"more", "more than zeros"),
        (b"\x1f\x8b" + bytes(2000), "no tar header"),
        (b"", "ends 512 bytes early"),
    ],
)
def test_tars_that_are_no_shards_are_refused(tar: bytes, message: str) -> None:
    with pytest.raises(ShardError, match=message):
        list(walk(io.BytesIO(tar)))


def test_a_claim_of_a_huge_member_is_refused_before_it_is_read() -> None:
    huge = info("a.mp4")
    huge.size = 8 << 30
    with pytest.raises(ShardError, match="claims 8589934592 bytes"):
        list(walk(io.BytesIO(huge.tobuf(tarfile.GNU_FORMAT))))


def test_a_plain_tar_is_walked() -> None:
    found = list(walk(io.BytesIO(tar_of(info("a.json"), info("a.mp4"), content=b"hello"))))
    assert [(m.key, m.extension, m.offset, m.data) for m in found] == [
        ("a", "json", 512, b"hello"),
        ("a", "mp4", 1536, b"hello"),
    ]
