"""Storage on a disk and on S3: whole files, create-only puts, ranges, Delta tables, leases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from curation.base.lease import Lease, LeaseTaken
from curation.base.media_store import MediaStore
from curation.base.storage import Storage
from curation.base.tables import Tables
from pipelines.health import check_storage
from tests.s3 import s3_server


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server("cliploom-storage") as url:
        yield url


@pytest.fixture(params=["disk", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "disk":
        return Storage(str(tmp_path / "run"))
    return Storage(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


def test_files_come_back_whole_and_by_range(storage: Storage) -> None:
    with storage.open_write("a/b.bin") as out:
        out.write(b"0123")
        out.write(b"456789")
    assert (out.size, storage.size("a/b.bin")) == (10, 10)
    assert storage.read_bytes("a/b.bin") == b"0123456789"
    assert storage.read_range("a/b.bin", 3, 4) == b"3456"
    assert storage.list("a") == ["a/b.bin"]
    with pytest.raises(EOFError, match="expected 9"):
        storage.read_range("a/b.bin", 5, 9)
    storage.remove("a")
    assert storage.list("a") == []
    assert not storage.exists("a/b.bin")


def test_a_write_that_fails_leaves_nothing(storage: Storage) -> None:
    def write_half() -> None:
        with storage.open_write("a.bin") as out:
            out.write(b"half")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write_half()
    assert storage.list() == []


def test_create_is_won_once(storage: Storage) -> None:
    assert storage.create("lease/1", b"first")
    assert not storage.create("lease/1", b"second")
    assert storage.read_bytes("lease/1") == b"first"


def test_the_storage_check_passes_and_leaves_nothing(storage: Storage) -> None:
    findings = list(check_storage(storage.url))
    assert [finding.ok for finding in findings] == [True, True, True], findings
    assert storage.list() == []


def test_a_lease_is_exclusive_renewable_and_fenced(storage: Storage) -> None:
    with Lease(storage) as lease:
        with pytest.raises(LeaseTaken, match="being written by process"):
            Lease(storage).__enter__()
        lease.check()
        with Lease(storage, force=True) as successor:
            assert successor.epoch == lease.epoch + 1
            with pytest.raises(LeaseTaken):
                lease.check()
    with Lease(storage) as next_lease:
        assert next_lease.epoch == 3


def test_tables_append_and_read_by_attempt(storage: Storage) -> None:
    tables = Tables(storage)
    assert tables.read("units") is None
    for number in range(3):
        tables.append("units", pa.table({"number": [number], "stage_key": ["k"]}))
    found = tables.read("units", columns=["number"])
    assert found is not None
    assert sorted(found.column("number").to_pylist()) == [0, 1, 2]


def test_media_are_read_by_reference_and_checked(storage: Storage) -> None:
    media = MediaStore(storage)
    with media.new_tar("cut") as tar:
        first = tar.add("a.mp4", "mp4", b"first")
        second = tar.add("b.mp4", "mp4", b"second")
    (file,) = media.take_written()
    assert storage.size(file.path) == file.size_bytes
    assert [media.read(first), media.read(second)] == [b"first", b"second"]
    data = bytearray(storage.read_bytes(file.path))
    data[second.offset] ^= 1
    storage.write_bytes(file.path, bytes(data))
    with pytest.raises(ValueError, match="sha256"):
        media.read(second)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a/..", "..", "/etc/x", "//x"])
def test_nothing_is_written_or_removed_outside(tmp_path: Path, name: str) -> None:
    storage, beside = Storage(str(tmp_path / "inside")), tmp_path / "x"
    beside.write_text("dear")
    for write in (
        lambda: storage.write_bytes(name, b"new"),
        lambda: storage.create(name, b"new"),
        lambda: storage.remove(name),
    ):
        with pytest.raises(ValueError, match="nothing was written or removed"):
            write()
    assert beside.read_text() == "dear"
    storage.write_bytes("a/b..c/...", b"a name with dots")
    storage.remove("a/b..c")
