"""The children: their limits hold, they end when nobody needs them, and their end harms nobody."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from curation.base.rejects import Reason
from curation.base.stages import Retry
from curation.media import client
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox
from tests.curation.media.made import alive, children, make, moving_picture, open_descriptors, tone

FOREVER = ["-f", "lavfi", "-i", "testsrc2=s=640x480", "-f", "null", "-"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make(
        path, *moving_picture("640x480", seconds=10), *tone(10), "-c:v", "libx264", "-preset", "ultrafast"
    )


def zygote_pid() -> int:
    return client._running_server().process.pid


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_several_operations_are_open_at_a_time(film: Path) -> None:
    with_defaults = Sandbox(DecodeLimits())
    frames = with_defaults.frames(film, "mov", 0, width_px=640, height_px=480)
    sound = with_defaults.audio(film, "mov", 1)
    more = with_defaults.frames(film, "mov", 0, width_px=320, height_px=240)
    for _ in range(2):
        a, b, _ = next(frames), next(more), next(sound)
        assert a.pts == b.pts
        assert a.image.shape == (480, 640, 3)
        assert b.image.shape == (240, 320, 3)
    assert len(children(zygote_pid())) >= 2
    with_defaults.close()
    assert eventually(lambda: not children(zygote_pid()))


def test_a_stream_closed_early_or_dropped_ends_its_child(film: Path) -> None:
    sandbox = Sandbox(DecodeLimits())
    next(sandbox.frames(film, "mov", 0, width_px=64, height_px=48))
    before = open_descriptors()
    for drop in (False, True):
        frames = sandbox.frames(film, "mov", 0, width_px=640, height_px=480)
        next(frames)
        assert children(zygote_pid())
        if drop:
            del frames
        else:
            frames.close()
            assert list(frames) == []
        assert eventually(lambda: not children(zygote_pid()))
    assert open_descriptors() <= before


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGKILL, Retry), (signal.SIGTERM, Retry), (signal.SIGSEGV, DecodeError)],
)
def test_a_child_that_dies_midway_harms_only_its_operation(
    number: signal.Signals, expected: type[Exception], film: Path
) -> None:
    sandbox = Sandbox(DecodeLimits())
    frames = sandbox.frames(film, "mov", 0, width_px=640, height_px=480)
    next(frames)
    (child,) = children(zygote_pid())
    os.kill(child, number)
    with pytest.raises(expected) as error:
        list(frames)
    assert number.name in str(error.value)
    assert sandbox.probe(film).video is not None


def test_a_killed_server_is_replaced_and_takes_its_children_along(film: Path) -> None:
    sandbox = Sandbox(DecodeLimits())
    frames = sandbox.frames(film, "mov", 0, width_px=640, height_px=480)
    next(frames)
    old = zygote_pid()
    (child,) = children(old)
    os.kill(old, signal.SIGKILL)
    with pytest.raises(Retry):
        list(frames)
    assert eventually(lambda: not alive(child))
    assert sandbox.probe(film).video is not None
    assert zygote_pid() != old


WORKER = """
import sys
from pathlib import Path
from curation.media.client import _running_server
from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox
sandbox = Sandbox(DecodeLimits())
frames = sandbox.frames(Path(sys.argv[1]), "mov", 0, width_px=640, height_px=480)
next(frames)
print(_running_server().process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_server_and_children_die_with_the_worker(number: signal.Signals, film: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(film)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    zygote = int(worker.stdout.readline())
    (child,) = children(zygote)
    assert alive(zygote)
    worker.send_signal(number)
    worker.wait()
    assert eventually(lambda: not alive(zygote) and not alive(child))
    worker.stdin.close()
    worker.stdout.close()


def count_frames(path: str) -> int:
    return sum(1 for _ in Sandbox(DecodeLimits()).frames(Path(path), "mov", 0, width_px=16, height_px=16))


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_it_works_in_worker_processes(method: str, film: Path) -> None:
    expected = count_frames(str(film))
    ours = zygote_pid()
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(count_frames, [str(film)] * 3)) == [expected] * 3
    assert alive(ours)
    assert count_frames(str(film)) == expected


def test_the_environment_of_children_holds_no_secrets(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = zygote_pid()
    os.kill(old, signal.SIGKILL)
    assert eventually(lambda: not alive(old))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    frames = Sandbox(DecodeLimits()).frames(film, "mov", 0, width_px=640, height_px=480)
    next(frames)
    for pid in (zygote_pid(), *children(zygote_pid())):
        assert b"hunter2" not in Path(f"/proc/{pid}/environ").read_bytes()
    frames.close()


def refused(limits: DecodeLimits, use: Callable[[Sandbox], object]) -> DecodeError:
    with pytest.raises(DecodeError) as error:
        use(Sandbox(limits))
    return error.value


def test_the_limits_are_those_of_the_child(film: Path) -> None:
    limits = DecodeLimits(address_space_bytes=1 << 30, cpu_s=77, file_size_bytes=1 << 21, open_files=33)
    frames = Sandbox(limits).frames(film, "mov", 0, width_px=640, height_px=480)
    next(frames)
    (child,) = children(zygote_pid())
    lines = Path(f"/proc/{child}/limits").read_text().splitlines()
    values = {line[:25].strip(): line[26:].split()[0] for line in lines}
    assert values["Max address space"] == str(1 << 30)
    assert values["Max cpu time"] == "77"
    assert values["Max file size"] == str(1 << 21)
    assert values["Max open files"] == "33"
    assert values["Max core file size"] == "0"
    assert os.getpgid(child) == child
    assert os.readlink(f"/proc/{child}/fd/0") == "/dev/null"
    assert "Seccomp:\t2" in Path(f"/proc/{child}/status").read_text()
    frames.close()


def test_too_little_memory_is_a_reject(film: Path) -> None:
    tiny = DecodeLimits(address_space_bytes=384 << 20)
    big = lambda sandbox: list(sandbox.frames(film, "mov", 0, width_px=8000, height_px=6000))  # noqa: E731
    error = refused(tiny, big)
    assert error.reason == Reason.DECODE_LIMIT
    assert "384 MiB" in error.detail


def test_a_child_that_cannot_be_set_up_is_nobodys_bad_data(film: Path) -> None:
    unfit = DecodeLimits.model_construct(**{**DecodeLimits().model_dump(), "open_files": -5})
    with pytest.raises(RuntimeError, match="cannot be set up"):
        Sandbox(unfit).probe(film)


def test_too_much_cpu_is_a_reject() -> None:
    started = time.monotonic()
    error = refused(DecodeLimits(cpu_s=1), lambda sandbox: sandbox.ffmpeg(FOREVER))
    assert error.reason == Reason.DECODE_LIMIT
    assert "CPU" in error.detail
    assert time.monotonic() - started < 30


def test_too_large_a_file_is_a_reject(tmp_path: Path) -> None:
    arguments = ["-f", "lavfi", "-i", "testsrc2", "-f", "rawvideo", str(tmp_path / "out.raw")]
    limits = DecodeLimits(file_size_bytes=1 << 20)
    error = refused(limits, lambda sandbox: sandbox.ffmpeg(arguments))
    assert error.reason == Reason.DECODE_LIMIT
    assert (tmp_path / "out.raw").stat().st_size <= 1 << 20


def test_the_wall_clock_is_a_limit_and_leaves_nothing_behind() -> None:
    started = time.monotonic()
    error = refused(DecodeLimits(), lambda sandbox: sandbox.ffmpeg(FOREVER, wall_s=0.7))
    assert error.reason == Reason.DECODE_TIMEOUT
    assert 0.7 <= time.monotonic() - started < 5
    assert eventually(lambda: not children(zygote_pid()))
