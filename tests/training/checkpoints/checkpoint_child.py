"""One of several processes that write or read checkpoints together; prints what it saw, as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

from tests.training.checkpoints.checkpoint_parts import Nothing, Split, state_of, whole_tensors
from training.checkpoints import folder as checkpoint_module
from training.checkpoints.config import CheckpointConfig
from training.checkpoints.folder import CheckpointFolder
from training.checkpoints.state import STATE_FILE, read_state
from training.engines.engine import LoadInPlace
from training.engines.ranks import Ranks


def folder_of(root: Path, ranks: Ranks, **config: Any) -> CheckpointFolder:
    return CheckpointFolder(root, CheckpointConfig(**config), ranks, note=lambda text: None)


def held(ranks: Ranks, fill: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Some tensors split evenly or not, some whole on all, some on one process only."""
    mesh = init_device_mesh("cpu", (ranks.world_size,))
    found: dict[str, Tensor] = {}
    for number, (name, tensor) in enumerate(sorted(whole_tensors().items())):
        tensor = fill(tensor)
        if name.startswith("model/split"):
            found[name] = distribute_tensor(tensor, mesh, [Shard(0)])
        elif name.startswith("model/second"):
            found[name] = distribute_tensor(tensor, mesh, [Shard(1)])
        elif name.startswith("model/copied"):
            found[name] = distribute_tensor(tensor, mesh, [Replicate()])
        elif not name.startswith("optimizer/") or number % ranks.world_size == ranks.rank:
            found[name] = tensor
    return found


def save(root: Path, ranks: Ranks) -> Any:
    checkpoints = folder_of(root, ranks)
    stream = json.loads((root / "stream.json").read_text())
    stream["passes"][0]["substitutes"] = {str(ranks.rank): 5 + ranks.rank}
    checkpoints.save(state_of(5, stream), held(ranks, torch.clone))
    found = checkpoints.newest().found
    assert found is not None
    return [found.step, sorted(path.name for path in found.path.iterdir())]


def load(root: Path, ranks: Ranks) -> Any:
    checkpoints = folder_of(root, ranks)
    found = checkpoints.newest().found
    assert found is not None
    engine = Split(held(ranks, torch.zeros_like))
    checkpoints.load(found, engine, Nothing())
    wrong = []
    for name, tensor in engine.tensors().items():
        full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if not torch.equal(full, whole_tensors()[name]):
            wrong.append(name)
    assert read_state(found.path).progress.step == engine.step == 5
    return wrong


def load_of_one(root: Path, ranks: Ranks) -> Any:
    """What a lone process wrote."""
    return load(root / "of one", ranks)


def fails(root: Path, ranks: Ranks, act: Callable[[], object]) -> Any:
    """What each process says of a failure, and what is left."""
    since = time.monotonic()
    try:
        act()
    except (OSError, ValueError) as error:
        told = f"{type(error).__name__}: {error}"
    else:
        told = "went well"
    ranks.gather(None)
    return [told, sorted(path.name for path in root.glob("*step*")), time.monotonic() - since < 20]


def full_disk_while_writing_tensors(root: Path, ranks: Ranks) -> Any:
    """The disk of process 1 is full inside torch's own exchange."""
    write = HuggingFaceStorageWriter.write_data

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    if ranks.rank == 1:
        HuggingFaceStorageWriter.write_data = full  # type: ignore[method-assign]
    try:
        return fails(root, ranks, lambda: folder_of(root, ranks).save(state_of(6), held(ranks, torch.clone)))
    finally:
        HuggingFaceStorageWriter.write_data = write  # type: ignore[method-assign]


def full_disk_elsewhere(root: Path, ranks: Ranks) -> Any:
    """The disk of process 0 is full once the tensors are written."""

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    write = checkpoint_module.write_state
    checkpoint_module.write_state = full
    try:
        return fails(root, ranks, lambda: folder_of(root, ranks).save(state_of(6), held(ranks, torch.clone)))
    finally:
        checkpoint_module.write_state = write


class InPieces(Split):
    """As under DeepSpeed: filled piece by piece, and the processes talk in between."""

    def __init__(self, held: dict[str, Tensor], ranks: Ranks) -> None:
        super().__init__(held)
        self._ranks = ranks

    def restore(self, load: LoadInPlace, step: int) -> None:
        for name in sorted(self.shapes()):
            load({name: self._held[name]} if name in self._held else {})
            self._ranks.gather(name)


def unreadable(root: Path, ranks: Ranks) -> Any:
    """Process 1 cannot read a tensor, in the middle of an engine's exchanges."""
    checkpoints = folder_of(root, ranks)
    found = checkpoints.newest().found
    assert found is not None
    read = HuggingFaceStorageReader.read_data

    def broken(reader: HuggingFaceStorageReader, plan: Any, planner: Any) -> Any:
        if any("second" in item.storage_index.fqn for item in plan.items):
            raise OSError(5, "Input/output error")
        return read(reader, plan, planner)

    if ranks.rank == 1:
        HuggingFaceStorageReader.read_data = broken  # type: ignore[method-assign]
    try:
        engine = InPieces(held(ranks, torch.zeros_like), ranks)
        return fails(root, ranks, lambda: checkpoints.load(found, engine, Nothing()))
    finally:
        HuggingFaceStorageReader.read_data = read  # type: ignore[method-assign]


def none_whole(root: Path, ranks: Ranks) -> Any:
    """All processes find that no checkpoint is whole."""
    root = root / "ruins"
    if ranks.rank == 0:
        (root / "step_00000005").mkdir(parents=True)
    ranks.gather(None)
    return fails(root, ranks, lambda: folder_of(root, ranks).newest())


def unseen(root: Path, ranks: Ranks) -> Any:
    """Process 1 does not see what process 0 makes."""
    checkpoint_module.SEEN_WITHIN_S = 0.2
    if ranks.rank == 1:
        root = root / "another disk"
    return fails(root, ranks, lambda: folder_of(root, ranks).commit(6, lambda folder: []))


def other_model(root: Path, ranks: Ranks) -> Any:
    """Only process 1's piece is of another shape."""
    checkpoints = folder_of(root, ranks)
    found = checkpoints.newest().found
    assert found is not None
    tensors = held(ranks, torch.zeros_like)
    if ranks.rank == 1:
        tensors["model/whole"] = torch.zeros(2)
    return fails(root, ranks, lambda: checkpoints.load(found, Split(tensors), Nothing()))


def damaged(root: Path, ranks: Ranks) -> Any:
    """A file that only one process hashes is damaged."""
    checkpoints = folder_of(root, ranks)
    found = checkpoints.newest().found
    assert found is not None
    checkpoints.save(replace(state_of(7), config={"padded": ""}), held(ranks, torch.clone))
    if ranks.rank == 0:
        path = checkpoints.path(7) / STATE_FILE
        path.write_text(path.read_text().replace("padded", "ruined"))
    ranks.gather(None)
    search = checkpoints.newest()
    assert search.found is not None
    return [search.found.step, [text.rpartition("/")[2] for text in search.damaged]]


def copies(root: Path, ranks: Ranks) -> Any:
    """Another machine fetches what this one has copied."""
    url = str(root / "copies")
    first = folder_of(root / "first", ranks, upload=url)
    first.save(state_of(8), held(ranks, torch.clone))
    first.close()
    ranks.gather(None)
    search = folder_of(root / "second", ranks, upload=url).newest()
    assert search.found is not None
    assert search.fetched_from == url
    engine = Split(held(ranks, torch.zeros_like))
    folder_of(root / "second", ranks).load(search.found, engine, Nothing())
    return search.found.step


def bad_url(root: Path, ranks: Ranks) -> Any:
    return fails(root, ranks, lambda: folder_of(root, ranks, upload="nosuch://bucket"))


def due(root: Path, ranks: Ranks) -> Any:
    """Process 0's clock decides; process 1's is ahead."""
    checkpoints = folder_of(root, ranks, every_steps=100, every_minutes=1)
    first = checkpoints.due(1)
    clock, ahead_s = time.monotonic, 1000.0
    results = [first]
    for one in (1, 0):
        if ranks.rank == one:
            time.monotonic = lambda: clock() + ahead_s
        results.append(checkpoints.due(2))
        time.monotonic = clock
    return results


if __name__ == "__main__":
    torch.set_num_threads(1)
    joined = Ranks.join("cpu")
    seen = {name: globals()[name](Path(sys.argv[1]), joined) for name in sys.argv[2:]}
    joined.close()
    print(json.dumps(seen))
