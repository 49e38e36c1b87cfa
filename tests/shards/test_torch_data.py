"""Batches for torch's DataLoader: one order for any number of workers, and exact resume in two ways."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from shards.reading import DecodeError, MixtureReader, MixtureSource, RawSample, ShardError, ShardReader
from shards.reading.torch_data import BatchDataset, TorchBatch
from tests.shards.plain_set import keys_of, write_set

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),
]
NUM_SAMPLES, BATCH = 53, 4
BAD = {"k-0007", "k-0031"}


def key_of(sample: RawSample) -> str:
    """Decodes all but the bad ones."""
    if sample.key in BAD:
        raise DecodeError("it is bad")
    return sample.key


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_set(tmp_path_factory.mktemp("run") / "shards", {"g": keys_of("k", NUM_SAMPLES)})


def reader(url: str, **options: Any) -> partial[ShardReader]:
    return partial(ShardReader, url, max_damaged_fraction=0.2, **options)


def batches(dataset: BatchDataset, num_workers: int) -> Iterator[TorchBatch]:
    return iter(DataLoader(dataset, batch_size=None, num_workers=num_workers))


def keys(found: list[TorchBatch]) -> list[list[str]]:
    return [batch.items for batch in found]


def take(url: str, num_workers: int, count: int, **options: Any) -> list[TorchBatch]:
    dataset = BatchDataset(reader(url), batch_size=BATCH, decode=key_of, **options)
    return list(islice(batches(dataset, num_workers), count))


def test_any_number_of_workers_gives_the_same_batches(url: str) -> None:
    with reader(url)() as plain:
        stream = [sample.key for sample, _ in islice(plain, 40 * BATCH)]
    alone = take(url, 0, 40)
    flat = [key for batch in alone for key in batch.items]
    assert [key for key, raw in zip(flat, stream, strict=True) if raw not in BAD] == [
        key for key in stream if key not in BAD
    ]
    assert not BAD & set(flat)
    for num_workers in (1, 7):
        assert keys(take(url, num_workers, 40)) == keys(alone)


def test_ranks_and_workers_together_make_the_one_stream(url: str) -> None:
    whole = [key for batch in take(url, 0, 40) for key in batch.items]
    parts = []
    for rank in range(4):
        dataset = BatchDataset(reader(url, rank=rank, num_ranks=4), batch_size=BATCH, decode=key_of)
        parts.append([key for batch in islice(batches(dataset, 2), 10) for key in batch.items])
    assert [key for together in zip(*parts, strict=True) for key in together] == whole


def test_the_state_of_a_batch_goes_on_with_any_number_of_workers(url: str) -> None:
    whole = take(url, 0, 24)
    for before, stopped, after in ((7, 9, 0), (0, 5, 7), (2, 10, 3)):
        state = take(url, before, stopped)[-1].state
        assert keys(take(url, after, 24 - stopped, state=state)) == keys(whole[stopped:])


def test_batches_are_collated_in_the_worker(url: str) -> None:
    dataset = BatchDataset(
        reader(url), batch_size=3, decode=lambda sample: sample.index, collate=torch.tensor
    )
    (batch,) = islice(batches(dataset, 2), 1)
    assert batch.items.tolist() == [0, 1, 2]
    assert batch.state["slot"] == 3


def test_raw_samples_come_as_they_are_and_mixtures_too(url: str, tmp_path: Path) -> None:
    sources = {
        "k": MixtureSource(urls=url),
        "m": MixtureSource(urls=write_set(tmp_path / "m", {"g": keys_of("m", 9)})),
    }
    open_stream = partial(MixtureReader, sources, batch_size=BATCH)
    alone = list(islice(batches(BatchDataset(open_stream, batch_size=BATCH), 0), 12))
    many = list(islice(batches(BatchDataset(open_stream, batch_size=BATCH), 3), 12))
    assert alone == many
    assert {sample.source for batch in alone for sample in batch.items} == {"k", "m"}


def test_an_error_in_a_worker_names_what_it_was(url: str, tmp_path: Path) -> None:
    gone = write_set(tmp_path / "gone", {"g": keys_of("k", 10)})
    (tmp_path / "gone" / "g" / "000001.tar").unlink()
    with pytest.raises(FileNotFoundError, match=r"000001\.tar"):
        take(gone, 2, 10)


def test_several_workers_do_not_follow_each_by_itself(url: str) -> None:
    dataset = BatchDataset(reader(url, follow=True), batch_size=BATCH)
    assert len(list(islice(batches(dataset, 1), 3))) == 3
    with pytest.raises(ShardError, match="2 workers follow a growing data set"):
        next(batches(dataset, 2))
    agreed = BatchDataset(reader(url, follow=True, agree=lambda number, seen: seen), batch_size=BATCH)
    assert len(list(islice(batches(agreed, 2), 3))) == 3


def test_workers_that_find_other_shards_are_refused(tmp_path: Path) -> None:
    url = write_set(tmp_path / "shards", {"g": keys_of("k", 9)})
    dataset = BatchDataset(reader(url), batch_size=BATCH)
    write_set(tmp_path / "shards", {"g": keys_of("k", 9), "g1": keys_of("new", 3)})
    with pytest.raises(ShardError, match=r"worker 0 finds shards of version .*manifests/<version>\.json"):
        next(batches(dataset, 2))


def test_a_batch_of_nothing_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="batch_size = 0"):
        BatchDataset(reader(url), batch_size=0)


def test_nothing_else_in_reading_imports_torch() -> None:
    code = "import sys, shards.reading; sys.exit('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60).returncode == 0


# torchdata's loader, which saves the state of every worker.


def stateful(url: str, num_workers: int, every: int = 1) -> Any:
    loader = pytest.importorskip("torchdata.stateful_dataloader", reason="torchdata is not installed")
    dataset = BatchDataset(reader(url), batch_size=BATCH, decode=key_of)
    return loader.StatefulDataLoader(
        dataset, batch_size=None, num_workers=num_workers, snapshot_every_n_steps=every
    )


@pytest.mark.parametrize(("num_workers", "stopped", "every"), [(0, 9, 1), (1, 5, 1), (3, 1, 1), (3, 11, 4)])
def test_stateful_data_loader_resumes_exactly(url: str, num_workers: int, stopped: int, every: int) -> None:
    whole = take(url, 0, 20)
    first = stateful(url, num_workers, every)
    found = list(islice(first, stopped))
    state = first.state_dict()
    again = stateful(url, num_workers, every)
    again.load_state_dict(state)
    found += islice(again, 20 - stopped)
    assert keys(found) == keys(whole)
    # Its own position resumes with another number of workers.
    state = found[stopped - 1].state
    assert keys(take(url, 2, 20 - stopped, state=state)) == keys(whole[stopped:])


def test_the_state_of_other_workers_is_refused(url: str) -> None:
    dataset = BatchDataset(reader(url), batch_size=BATCH)
    with pytest.raises(ShardError, match=r"saved by worker 1 of 3, this is 0 of 1.*Use 3 workers"):
        dataset.load_state_dict({"workers": 3, "worker": 1, "stream": {}})
