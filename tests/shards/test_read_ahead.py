"""Samples fetched ahead of their turn, and manifests: the same by fewer requests, in bounded memory."""

from __future__ import annotations

import json
import os
import pickle
import time
from itertools import islice
from pathlib import Path

import pytest

from curation.base.workspace import Workspace
from shards.format import manifest_version
from shards.reading import MixtureReader, MixtureSource, ShardReader
from shards.reading.fetch import Fetcher
from shards.reading.manifest import Shard, open_shards
from shards.writing.select import SelectConfig
from tests.shards.dataset import make_records, write_dataset
from tests.shards.http_server import Behaviour, Request, http_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = Workspace.open(str(tmp_path_factory.mktemp("run")))
    records = make_records(workspace, 20, 3, real_media=False)
    return write_dataset(workspace, records, SelectConfig(samples_per_shard=10), lanes=4)


def places(url: str) -> list[tuple[Shard, int]]:
    return [(shard, row) for shard in open_shards(url).shards for row in range(shard.num_samples)]


def read(fetcher: Fetcher, wanted: list[tuple[Shard, int]]) -> list[tuple[str, dict[str, bytes]]]:
    found = []
    for shard, row in wanted:
        entry = fetcher.index(shard)[row]
        found.append((entry.key, dict(fetcher.members(shard, entry))))
    return found


def test_reading_ahead_gives_the_same_by_fewer_requests(folder: str) -> None:
    behaviour = Behaviour(root=Path(folder))
    expected = read(Fetcher(), places(folder))
    with http_server(behaviour) as server:
        fetcher = Fetcher()
        wanted = places(server)
        fetcher.expect(iter(wanted))
        assert read(fetcher, wanted) == expected
        tars = [request for request in behaviour.log if request.path.endswith(".tar")]
        assert len(tars) < len(wanted) / 2
        # Another order than was told, parts that were not told, and none.
        fetcher.expect(iter(wanted[::-1]))
        assert read(fetcher, wanted[:20]) == expected[:20]
        fetcher.expect(iter([None, *wanted[:3], None, *wanted[3:]]))
        assert read(fetcher, wanted) == expected
        fetcher.expect(None)
        assert read(fetcher, wanted[:5]) == expected[:5]
        fetcher.close()


def test_reading_ahead_is_bounded_by_bytes(folder: str) -> None:
    behaviour = Behaviour(root=Path(folder))
    with http_server(behaviour) as server:
        wanted = places(server)
        assert wanted[0][0].size_bytes is not None
        size = wanted[0][0].size_bytes // wanted[0][0].num_samples
        fetcher = Fetcher(read_ahead_bytes=4 * size, connections=1)
        fetcher.expect(iter(wanted))
        fetcher.index(wanted[0][0])
        read(fetcher, wanted[:1])
        time.sleep(0.3)
        assert behaviour.sent(".tar") < 8 * size
        fetcher.close()


def test_tars_elsewhere_are_read_ahead_though_their_manifest_is_here(folder: str, tmp_path: Path) -> None:
    behaviour = Behaviour(root=Path(folder))
    with http_server(behaviour) as server:
        body = json.loads(Path(folder, "manifest.json").read_text())
        body["tars"] = server
        here = tmp_path / "here"
        for shard in open_shards(folder).shards:
            (here / shard.index_path).parent.mkdir(parents=True, exist_ok=True)
            (here / shard.index_path).write_bytes(Path(folder, shard.index_path).read_bytes())
        (here / "manifest.json").write_text(json.dumps({**body, "version": manifest_version(body)}))
        expected = [sample.key for sample, _ in islice(ShardReader(folder), 60)]
        readers = (
            ShardReader(str(here)),
            MixtureReader({"one": MixtureSource(urls=str(here))}, batch_size=4),
        )
        for reader in readers:
            behaviour.log.clear()
            with reader:
                found = [sample.key for sample, _ in islice(reader, 60)]
            assert sorted(found) == sorted(expected)
            assert len(behaviour.log) < 50, "several samples by a request"


def test_faults_on_the_way_do_not_change_the_stream(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shards.reading.sources.MAX_WAIT_S", 0.001)
    behaviour = Behaviour(root=Path(folder))
    expected = [sample.key for sample, _ in islice(ShardReader(folder), 120)]
    with http_server(behaviour) as server:
        reader = ShardReader(server)
        counter = iter(range(1_000_000))

        def sometimes(request: Request) -> tuple[str, int] | None:
            number = next(counter)
            return {0: ("status", 500), 3: ("cut", 100), 5: ("cut", 0)}.get(number % 7)

        behaviour.fault = sometimes
        found = [sample.key for sample, _ in islice(reader, 120)]
    assert found == expected
    assert reader.num_substituted == 0


def test_a_fetcher_travels_to_other_processes(folder: str) -> None:
    fetcher = Fetcher()
    wanted = places(folder)[:3]
    expected = read(fetcher, wanted)
    assert read(pickle.loads(pickle.dumps(fetcher)), wanted) == expected
    child = os.fork()
    if child == 0:
        os._exit(0 if read(fetcher, wanted) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_manifest_and_indexes_are_read_with_the_login_and_with_patience(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr("shards.reading.sources.MAX_WAIT_S", 0.001)
    behaviour = Behaviour(root=Path(folder))
    seen: set[str] = set()

    def first_time(request: Request) -> tuple[str, int] | None:
        if "Authorization" not in request.headers:
            return "status", 401
        again = request.path in seen
        seen.add(request.path)
        return None if again else ("status", 503)

    behaviour.fault = first_time
    with http_server(behaviour) as server:
        assert len(list(islice(ShardReader(server), 60))) == 60
        shard = open_shards(folder).shards[0]
        generation = shard.path.rpartition("/")[0]
        assert ShardReader(f"{server}/{generation}/{{000000..000003}}.tar").num_samples == 40
