"""Shards, manifests and URLs made to do harm."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards.format import INDEX_SCHEMA, canonical_json, manifest_version
from shards.reading import ShardError, ShardReader
from shards.reading.cache_config import CacheConfig
from shards.reading.cache_store import FolderStore
from shards.reading.manifest import open_shards
from shards.reading.tar import TarFinding, TarMember, walk
from tests.shards.http_server import Behaviour, http_server
from tests.shards.plain_set import keys_of, write_set


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


def manifest(split: str = "train", generation: str = "g", **changes: Any) -> dict[str, Any]:
    entry = {
        "path": "g/train/000000.tar", "sha256": "0" * 64, "size_bytes": 1, "num_samples": 1,
        "duration_s": 1.0, "index_path": "g/train/000000.index.parquet", "index_sha256": "0" * 64,
    }  # fmt: skip
    body = {
        "schema_version": 1,
        "lanes": 64,
        "generations": [{"generation": generation, "splits": {split: [{**entry, **changes}]}}],
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
        (canonical_json(manifest(sha256="../../photos")).encode(), "not a sha256"),
        (canonical_json(manifest(sha256="A" * 64)).encode(), "not a sha256"),
        (canonical_json(manifest(sha256=None)).encode(), "not a sha256"),
        (canonical_json(manifest(index_sha256="0" * 63 + "\n")).encode(), "not a sha256"),
        (canonical_json(manifest(split="../../x")).encode(), "not the name of a split"),
        (canonical_json(manifest(split="")).encode(), "not the name of a split"),
        (canonical_json(manifest(generation="../x")).encode(), "not the name of a generation"),
        (canonical_json(manifest(generation="..")).encode(), "not the name of a generation"),
        (canonical_json(manifest(generation="/etc")).encode(), "not the name of a generation"),
    ],
)
def test_manifests_that_cannot_be_right_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ShardError, match=message) as refused:
        ShardReader(str(tmp_path))
    assert str(tmp_path) in str(refused.value)


def test_a_manifest_cannot_reach_a_file_through_the_cache(tmp_path: Path) -> None:
    folder, mine = tmp_path / "set", tmp_path / "mine.tar"
    mine.write_bytes(b"dear to me")
    write_set(folder, {"g": keys_of("k", 10)})
    body = json.loads((folder / "manifest.json").read_text())
    for entry in body["generations"][0]["splits"]["train"]:
        entry["sha256"] = "../mine"
    (folder / "manifest.json").write_text(canonical_json({**body, "version": manifest_version(body)}))
    with (
        http_server(Behaviour(root=folder)) as server,
        pytest.raises(ShardError, match="not a sha256"),
        ShardReader(server, cache=CacheConfig(folder=str(tmp_path / "cache"), max_bytes=1 << 20)) as reader,
    ):
        next(iter(reader))
    assert mine.read_bytes() == b"dear to me"
    # The store itself refuses such a name, whoever gives it.
    store = FolderStore(str(tmp_path / "cache"), 1 << 20)
    for name in ("../mine", str(tmp_path / "mine"), "", "a" * 63, "a" * 64 + "\n"):
        for reach in (lambda name=name: store.find(name, 1), lambda name=name: store.remove(name)):
            with pytest.raises(ValueError, match="not the name of a shard"):
                reach()
    assert mine.read_bytes() == b"dear to me"


def test_a_remote_manifest_names_tars_of_its_own_place_only(tmp_path: Path) -> None:
    write_set(tmp_path, {"g": keys_of("k", 10)})
    body = json.loads((tmp_path / "manifest.json").read_text())

    def naming(tars: str) -> None:
        changed = {**body, "tars": tars}
        text = canonical_json({**changed, "version": manifest_version(changed)})
        (tmp_path / "manifest.json").write_text(text)

    with http_server(Behaviour(root=tmp_path)) as server:
        for tars in (str(tmp_path), f"file://{tmp_path}", "s3://private/set", "http://127.0.0.1:1/", "tars"):
            naming(tars)
            with pytest.raises(ShardError, match=r"may name places of http://127\.0\.0\.1:\d+ only"):
                open_shards(server)
        naming(server)
        assert open_shards(server).shards[0].url.startswith(server)
        for tars in (server, str(tmp_path)):
            naming(tars)
            assert open_shards(str(tmp_path)).shards[0].storage.url == tars, "one's own may name any"


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
        ("../x", [("json", 0, 16)], "leads elsewhere"),
        ("/x", [("json", 0, 16)], "absolute path"),
        ("a\nb", [("json", 0, 16)], "odd characters"),
        ("k" * 600, [("json", 0, 16)], "more than 512 bytes"),
        ("a", [("pyd", 0, 16)], "member '.pyd'; only flac, jpeg, jpg, json"),
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


def lenient(data: bytes, keep_bytes: int = 1 << 20) -> list[TarMember | TarFinding]:
    return list(walk(io.BytesIO(data), False, keep_bytes=keep_bytes))


def odd(data: bytes) -> list[str]:
    return [item.odd.value for item in lenient(data) if isinstance(item, TarFinding)]


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    ("name", "key", "extension"),
    [
        ("a.json", "a", "json"),
        ("./v1.5/train/a b.JPG", "v1.5/train/a b", "jpg"),
        ("video.d/" + "long " * 25 + "/c.mp4", "video.d/" + "long " * 25 + "/c", "mp4"),
        ("日本語/キー.webm", "日本語/キー", "webm"),
        ("a.preview.mp4", "a", "preview.mp4"),
    ],
)
def test_names_by_anyone_are_understood(format: int, name: str, key: str, extension: str) -> None:
    data = tar_of(info(name), content=b"hello", format=format)
    (member,) = lenient(data)
    assert isinstance(member, TarMember)
    assert (member.key, member.extension, member.data) == (key, extension, b"hello")
    assert data[member.offset : member.offset + member.size] == b"hello"
    assert member.sha256 == hashlib.sha256(b"hello").hexdigest()


@pytest.mark.parametrize(
    ("tar", "found"),
    [
        (tar_of(info("a.json"), info("b.json", tarfile.SYMTYPE, "/etc/passwd")), ["link"]),
        (tar_of(info("b.json", tarfile.LNKTYPE, "a.json"), info("a.json")), ["link"]),
        (tar_of(info("b.mp4", tarfile.CHRTYPE), info("a.json")), ["device"]),
        (tar_of(info("b.mp4", tarfile.FIFOTYPE), info("a.json")), ["device"]),
        (tar_of(info("folder", tarfile.DIRTYPE), info("a.json")), []),
        (tar_of(info("../b.json"), info("a.json")), ["bad_name"]),
        (tar_of(info("/etc/b.json"), info("a.json")), ["bad_name"]),
        (tar_of(info("x/../../b.json"), info("a.json")), ["bad_name"]),
        (tar_of(info("b\n.json"), info("a.json")), ["bad_name"]),
        (tar_of(info("b\x1b[2J.json"), info("a.json")), ["bad_name"]),
        (tar_of(info("k" * 600 + ".json"), info("a.json"), format=tarfile.PAX_FORMAT), ["bad_name"]),
        (tar_of(info("README"), info("a.json")), ["bad_name"]),
        (tar_of(info("._a.mp4"), info("a.json")), ["bad_name"]),
        (tar_of(info("b.pyd"), info("b.pickle"), info("b.pth"), info("a.json")), ["not_read"] * 3),
        (tar_of(info("b.json"), info("a.json"), info("b.mp4")), ["split_key"]),
        (tar_of(info("b.json"), info("a.json"), info("b.json")), ["duplicate_key"]),
        (tar_of(info("a.json"), info("a.json")), ["duplicate_member"]),
        (tar_of(info("a.json"))[:1024], ["no_end"]),
        (tar_of(info("a.json"), info("b.json"))[:1600], ["truncated"]),
        (tar_of(info("a.json"), info("b.json"))[:1300], ["truncated"]),
        (tar_of(info("a.json"))[:1024] + b"x" * 512, ["bad_header"]),
        (tar_of(info("a.json")) + b"more", ["after_end"]),
        (b"\x1f\x8b" + bytes(2000), ["bad_header"]),
    ],
)
def test_what_is_odd_is_told_and_the_rest_is_read(tar: bytes, found: list[str]) -> None:
    assert odd(tar) == found
    members = [item for item in lenient(tar) if isinstance(item, TarMember)]
    assert "a" in [member.key for member in members] or found == ["bad_header"]
    for member in members:
        assert tar[member.offset : member.offset + member.size] == member.data == b"x" * 10


def test_findings_are_fit_to_be_printed() -> None:
    for item in lenient(tar_of(info("b\x1b[2J\u202e.json"), info("c" * 90 + "\n.mp4"))):
        assert isinstance(item, TarFinding)
        assert item.name.isprintable()
        assert item.detail.isprintable()


def test_a_huge_header_is_passed_over_with_its_member() -> None:
    huge = info("a.json")
    huge.pax_headers = {"comment": "x" * (2 << 20)}
    tar = tar_of(huge, info("b.json"), format=tarfile.PAX_FORMAT)
    assert odd(tar) == ["huge_header"]
    assert [item.key for item in lenient(tar) if isinstance(item, TarMember)] == ["b"]


def test_a_claim_of_a_huge_member_is_passed_over() -> None:
    huge = info("a.mp4")
    huge.size = 8 << 30
    found = lenient(huge.tobuf(tarfile.GNU_FORMAT) + bytes(5000))
    assert [item.odd.value for item in found if isinstance(item, TarFinding)] == ["truncated"]


def test_sparse_files_are_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.mp4", "wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    (tmp_path / "b.json").write_bytes(b"{}")
    for format in ("gnu", "pax"):
        command = ["tar", "-S", f"--format={format}", "-cf", "x.tar", "a.mp4", "b.json"]
        subprocess.run(command, cwd=tmp_path, check=True)
        data = (tmp_path / "x.tar").read_bytes()
        assert odd(data) == ["sparse"], format
        assert [item.key for item in lenient(data) if isinstance(item, TarMember)] == ["b"]


def test_large_members_are_hashed_and_not_kept() -> None:
    data = tar_of(info("a.mp4"), content=b"y" * 5000)
    for keep_bytes, kept in ((100, b""), (5000, b"y" * 5000)):
        (member,) = lenient(data, keep_bytes)
        assert isinstance(member, TarMember)
        assert (member.data, member.size) == (kept, 5000)
        assert member.sha256 == hashlib.sha256(b"y" * 5000).hexdigest()


def test_headers_that_lie_are_findings_and_nothing_worse() -> None:
    sound = tar_of(info("a" * 150 + ".json"), info("b.mp4"), format=tarfile.PAX_FORMAT)
    random = Random(0)
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(random.randint(1, 4)):
            data[random.randrange(len(data))] = random.randrange(256)
        for item in lenient(bytes(data[: random.randint(1, len(data))])):
            assert isinstance(item, TarMember | TarFinding)
