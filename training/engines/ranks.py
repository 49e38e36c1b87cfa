"""The processes of a run, and the little they tell each other besides gradients.

Flags and lists go over a group of their own (gloo, on the CPU), so asking never waits for a GPU.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, Self

import torch
import torch.distributed as dist
from torch.distributed import HashStore, PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

JOIN_TIMEOUT = timedelta(minutes=10)
"""For all processes to come: nodes of a cluster do not start at once."""
WORK_TIMEOUT = timedelta(minutes=30)
"""For one exchange: the others wait while a process compiles, or waits for a store that comes back."""
LOOPBACK = ("127.0.0.1", "localhost")


class Ranks:
    """One of `world_size` processes, by its `rank` from 0. All call the methods in step."""

    def __init__(self, *, rank: int, world_size: int, device: torch.device, store: Store | None) -> None:
        self.rank = rank
        self.world_size = world_size
        self.device = device
        self._store = store
        self._control: dist.ProcessGroup | None = None
        self._destroy: Callable[[], object] = dist.destroy_process_group
        if store is not None:
            self._open(store)

    @classmethod
    def join(cls, device: Literal["cpu", "cuda"]) -> Self:
        """Join the processes that torchrun started; without torchrun this process is alone.

        Raises:
            ValueError: there is no such device, or torchrun's variables are set in part.
        """
        rank, world_size, local_rank = _place()
        found = _device(device, local_rank)
        store = None if world_size == 1 else _meet(rank, world_size)
        return cls(rank=rank, world_size=world_size, device=found, store=store)

    def open_group(self) -> None:
        """Make a group of one where a lone process has none: FSDP2 and DeepSpeed want one."""
        if self._store is None:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
            self._store = HashStore()
            self._open(self._store)

    @property
    def control(self) -> dist.ProcessGroup | None:
        """The group that flags and lists go over, on the CPU; None for a lone process."""
        return None if self.world_size == 1 else self._control

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on at least one process."""
        if self.world_size == 1:
            return flag
        value = torch.tensor(int(flag))
        dist.all_reduce(value, dist.ReduceOp.MAX, group=self._control)
        return bool(value.item())

    def gather(self, value: Any) -> list[Any]:
        """What each process gives, by rank, on every process; between them it goes as JSON."""
        if self.world_size == 1:
            return [value]
        sent = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        lengths = [int(length) for length in self._gather(torch.tensor(len(sent)))]
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(sent)] = sent
        rows = self._gather(padded)
        return [json.loads(row[:length].numpy().tobytes()) for row, length in zip(rows, lengths, strict=True)]

    def agree(self, pass_number: int, version: str) -> str:
        """The version of a data set that all take for a pass: the first that any process names.

        Unlike the rest it may be called from any thread, and waits for nobody.
        """
        if self.world_size == 1:
            return version
        assert self._store is not None
        taken: bytes = self._store.compare_set(f"cliploom/pass/{pass_number}", "", version)
        return taken.decode()

    def leave_by(self, destroy: Callable[[], object]) -> None:
        """Let a library that keeps groups in mind destroy them, so that it forgets them."""
        self._destroy = destroy

    def close(self) -> None:
        """Leave the group."""
        if self._store is not None:
            self._destroy()
            self._store = self._control = None

    def _gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        received = [torch.empty_like(tensor) for _ in range(self.world_size)]
        dist.all_gather(received, tensor, group=self._control)
        return received

    def _open(self, store: Store) -> None:
        cuda = self.device.type == "cuda"
        dist.init_process_group(
            "nccl" if cuda else "gloo",
            store=PrefixStore("cliploom/group", store),
            rank=self.rank,
            world_size=self.world_size,
            timeout=WORK_TIMEOUT,
            device_id=self.device if cuda else None,
        )
        self._control = dist.new_group(backend="gloo", timeout=WORK_TIMEOUT) if cuda else dist.group.WORLD


def _place() -> tuple[int, int, int]:
    wanted = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    if "RANK" not in os.environ and "WORLD_SIZE" not in os.environ:
        return 0, 1, 0
    missing = [name for name in wanted if name not in os.environ]
    if missing:
        raise ValueError(
            f"RANK or WORLD_SIZE is set, as under torchrun, but not {', '.join(missing)}. Start with "
            "torchrun, or unset them to train with one process."
        )
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_RANK"])


def _device(device: Literal["cpu", "cuda"], local_rank: int) -> torch.device:
    if device == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ValueError("device = cuda, but torch sees no CUDA device on this machine. Set device: cpu.")
    if local_rank >= torch.cuda.device_count():
        raise ValueError(
            f"LOCAL_RANK = {local_rank}, but torch sees {torch.cuda.device_count()} CUDA devices on this "
            "machine. Start no more processes per machine (torchrun --nproc-per-node) than devices, and "
            "look at CUDA_VISIBLE_DEVICES."
        )
    found = torch.device("cuda", local_rank)
    torch.cuda.set_device(found)
    return found


def _meet(rank: int, world_size: int) -> Store:
    """The store that all know: torchrun's, or our own, on the loopback if that is where the master is."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    if host in LOOPBACK:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    serves = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    listener = None
    if serves and host in LOOPBACK:
        listener = socket.create_server(("127.0.0.1", port))
    store = TCPStore(
        host,
        port,
        world_size,
        is_master=serves,
        timeout=JOIN_TIMEOUT,
        # The store closes it.
        master_listen_fd=None if listener is None else listener.detach(),
    )
    # After a restart by torchrun its store still has what the processes before left there.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return PrefixStore(f"cliploom/attempt/{attempt}", store)
