"""What finds shots, each behind the same two calls: in a file, and in frames."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from curation.base.rejects import Rejected
from curation.base.workspace import Workspace
from curation.detect.detector import FRAME_HEIGHT_PX, FRAME_WIDTH_PX
from curation.detect.evaluation import Interval
from curation.detect.kinds import DetectConfig, detector
from curation.media.limits import DEFAULT_LIMITS
from curation.media.sandbox import Sandbox
from curation.probe import Probe, ProbeConfig
from curation.records import Input, SourceVideo

Frames = npt.NDArray[np.uint8]

PEER_SCRIPT = Path(__file__).with_name("shot_boundaries_peer.py")
_FRAMES_PER_S = 25.0


@dataclass(frozen=True)
class Found:
    """Transitions in a stream (its index in the file), and how long the stream is."""

    transitions: list[Interval]
    stream: int
    num_frames: int
    duration_s: float


class Contender(Protocol):
    """Finds shots."""

    def in_file(self, path: Path) -> Found: ...

    def in_frames(self, frames: Frames) -> list[Interval]: ...


class Ours:
    """A detector through its stage: probed once, then decoded in the sandbox."""

    def __init__(self, config: DetectConfig, workspace: Workspace) -> None:
        self._workspace = workspace
        self._detector = detector(config, workspace)
        self._detector.setup()
        self._sources: dict[Path, SourceVideo] = {}

    def in_file(self, path: Path) -> Found:
        if path not in self._sources:
            self._sources[path] = probed(path, self._workspace)
        source = self._sources[path]
        shots = []
        for each in self._detector([source]):
            if isinstance(each, Rejected):
                raise SystemExit(f"{path}: {each.reason.value}: {each.detail}")
            shots.append(each)
        transitions = [(before.last_frame, after.start_frame) for before, after in pairwise(shots)]
        duration_s = shots[-1].end_s - shots[0].start_s
        return Found(transitions, source.video.index, shots[-1].last_frame + 1, duration_s)

    def in_frames(self, frames: Frames) -> list[Interval]:
        reports = self._detector.settle(iter(frames), _FRAMES_PER_S)
        return [(each.start_frame, each.end_frame) for report in reports for each in report.transitions]


def probed(path: Path, workspace: Workspace) -> SourceVideo:
    """What a file holds.

    Raises:
        SystemExit: it cannot be used.
    """
    size = path.stat().st_size
    given = Input(input_id=path.name, uri=str(path), size_bytes=size, fingerprint="", batch=0)
    (found,) = Probe(ProbeConfig(), workspace)([given])
    if isinstance(found, Rejected):
        raise SystemExit(f"{path}: {found.reason.value}: {found.detail}")
    return found


class PeerProcess:
    """The process that answers for all of PySceneDetect's detectors."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(PEER_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        hello = self._answer()
        self.error: str | None = hello.get("error")
        self.version: str | None = hello.get("version")

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{PEER_SCRIPT} ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


class Peer:
    """One of PySceneDetect's detectors. It takes the first video stream of a file."""

    def __init__(self, process: PeerProcess, name: str, folder: Path) -> None:
        self._process = process
        self._name = name
        self._frames = folder / "frames.npy"

    def in_file(self, path: Path) -> Found:
        answer = self._process.ask(detector=self._name, path=str(path))
        transitions = [(start, end) for start, end in answer["transitions"]]
        return Found(transitions, 0, answer["num_frames"], answer["duration_s"])

    def in_frames(self, frames: Frames) -> list[Interval]:
        np.save(self._frames, frames)
        answer = self._process.ask(detector=self._name, frames=str(self._frames))
        return [(start, end) for start, end in answer["transitions"]]


def bare_decode(source: SourceVideo) -> int:
    """Frames that the sandbox gives at the size that detectors look at; nothing is done with them."""
    stream = Sandbox(DEFAULT_LIMITS).frames(
        Path(source.uri),
        source.container,
        source.video.index,
        width_px=FRAME_WIDTH_PX,
        height_px=FRAME_HEIGHT_PX,
    )
    return sum(1 for _ in stream)


def decode_in_process(source: SourceVideo) -> int:
    """The same without a sandbox, with the decoder's own threads: what the machine can do."""
    import av

    count = 0
    with av.open(source.uri) as media:
        stream = media.streams[source.video.index]
        stream.thread_type = "AUTO"
        for frame in media.decode(stream):
            frame.to_ndarray(width=FRAME_WIDTH_PX, height=FRAME_HEIGHT_PX, format="rgb24")
            count += 1
    return count


@contextlib.contextmanager
def temporary_workspace() -> Iterator[Workspace]:
    """A workspace that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cliploom-benchmark-") as folder:
        yield Workspace.open(f"{folder}/run", f"{folder}/scratch")


def start_up_of_ours_s(config: DetectConfig, path: Path) -> float:
    """Seconds until a fresh process has the shots of a short clip and has ended."""
    started = time.perf_counter()
    process = multiprocessing.get_context("spawn").Process(target=_once, args=(config, path))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"a process that detects in {path} ended with exit code {process.exitcode}")
    return time.perf_counter() - started


def start_up_of_peer_s(python: str, detector_name: str, path: Path) -> float:
    """The same for PySceneDetect."""
    started = time.perf_counter()
    process = PeerProcess(python)
    process.ask(detector=detector_name, path=str(path))
    process.close()
    return time.perf_counter() - started


def _once(config: DetectConfig, path: Path) -> None:
    with temporary_workspace() as workspace:
        Ours(config, workspace).in_file(path)


def tree_cpu_s() -> float:
    """CPU seconds of this process and of all that stem from it, the ended ones that were waited for too."""
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                pid = int(folder.name)
                ticks[pid] = sum(int(value) for value in fields[11:15])
                children.setdefault(int(fields[1]), []).append(pid)
    return _sum_below(os.getpid(), ticks, children) / os.sysconf("SC_CLK_TCK")


def _sum_below(pid: int, ticks: Mapping[int, int], children: Mapping[int, list[int]]) -> int:
    return ticks.get(pid, 0) + sum(_sum_below(child, ticks, children) for child in children.get(pid, []))
