"""Indexing, repacking and importing where inputs and outputs lie on S3 give what they give on a disk."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from curation.base.storage import Storage
from curation.base.workspace import Workspace
from shards.reading import ShardReader
from shards.reading.diff import diff
from shards.reading.head import head
from shards.reading.manifest import open_shards
from shards.reading.stats import stats
from shards.reading.verify import verify
from shards.writing.assembly.layout import Packing
from shards.writing.importing.run import ImportConfig, import_dataset
from shards.writing.index_tars import IndexConfig, index_tars
from shards.writing.repack import RepackConfig, repack
from shards.writing.select import SelectConfig
from tests.s3 import s3_server
from tests.shards.dataset import encoded, make_records, write_dataset

PACKING = Packing(4, 1 << 30, 0)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server("commands") as bucket:
        yield bucket


def tar_of(count: int, first: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number in range(first, first + count):
            for name, data in ((f"{number}.jpg", b"picture %d" % number), (f"{number}.txt", b"A text.")):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def keys(url: str, count: int) -> list[str]:
    return [sample.key for sample, _ in islice(ShardReader(url), count)]


def test_index_beside_and_elsewhere(s3_url: str, tmp_path: Path) -> None:
    tars = Storage(f"{s3_url}/tars")
    for number in range(3):
        tars.write_bytes(f"{number}.tar", tar_of(4, 4 * number))
    elsewhere = index_tars(f"{s3_url}/tars/*.tar", IndexConfig(output=str(tmp_path / "indexes")))
    assert [name for name in tars.list() if not name.endswith(".tar")] == []
    order = keys(str(tmp_path / "indexes"), 12)
    assert sorted(order) == sorted(str(number) for number in range(12))
    beside = index_tars(f"{s3_url}/tars", IndexConfig(workers=2))
    assert (beside.num_samples, elsewhere.num_samples) == (12, 12)
    assert keys(f"{s3_url}/tars", 12) == order
    again = index_tars(f"{s3_url}/tars", IndexConfig())
    assert (again.num_unchanged, again.version) == (3, beside.version)
    tars.write_bytes("1.tar", tar_of(2, 100))
    assert index_tars(f"{s3_url}/tars", IndexConfig()).num_unchanged == 2
    assert next(iter(head(f"{s3_url}/tars", 1))).caption == "A text."


def test_repack_from_and_to_s3(s3_url: str, workspace: Workspace, tmp_path: Path) -> None:
    local = write_dataset(workspace, make_records(workspace, 4, 3), SelectConfig(samples_per_shard=5))
    there = Workspace.open(f"{s3_url}/run", str(tmp_path / "run-scratch"))
    remote = write_dataset(there, make_records(there, 4, 3), SelectConfig(samples_per_shard=5))
    config = RepackConfig(packing=PACKING, where="audio is not None", workers=3)
    one = repack([local], str(tmp_path / "out"), tmp_path / "scratch", config)
    two = repack([remote], f"{s3_url}/out", tmp_path / "scratch", config)
    assert one.published.version == two.published.version
    here, away = (open_shards(url).shards for url in (str(tmp_path / "out"), f"{s3_url}/out"))
    assert [(shard.sha256, shard.index_sha256) for shard in here] == [
        (s.sha256, s.index_sha256) for s in away
    ]
    assert verify(f"{s3_url}/out").problems == ()
    assert diff(str(tmp_path / "out"), f"{s3_url}/out").equal
    assert stats(f"{s3_url}/out").to_dict() == stats(str(tmp_path / "out")).to_dict()
    assert repack([remote], f"{s3_url}/out", tmp_path / "scratch", config).published.unchanged


def test_import_of_media_on_s3(s3_url: str, tmp_path: Path) -> None:
    media = Storage(f"{s3_url}/media")
    media.write_bytes("a/1.mp4", encoded("red")[0])
    table = Storage(f"{s3_url}/tables")
    table.write_bytes("t.csv", b"path,caption\na/1.mp4,Red.\na/2.mp4,Gone.\na/1,Red by its stem.\n")
    config = ImportConfig(packing=PACKING, media=f"{s3_url}/media")
    report = import_dataset([f"{s3_url}/tables/t.csv"], f"{s3_url}/imported", tmp_path / "scratch", config)
    assert (report.num_rows, dict(report.reasons)) == (3, {"missing_media": 1})
    assert verify(f"{s3_url}/imported").counts == {"duplicate_media": 1}
