"""The client of model servers: requests per second, how full it keeps a server, and its CPU time per request.

Each request shows frames of a clip of its own (JPEGs of real size) and asks for a caption; answers are kept,
as in a run. Without --url the server is scripted, in another process: every answer takes --latency seconds,
and --places of them run at once, so that places / latency requests per second is the physical limit. Beside
ours runs the barest client that can be written, which sends the same bodies over the same HTTP library,
without retries, limits, order or memory.

The time of a round is taken from when the server has been full once until it begins to run empty; before the
first round, ours finds out how much the server takes. By default more requests are in flight than run, as a
server that never waits for its client has a queue.

With --url the server is a real one, such as vLLM on CPU, and what its /metrics page says while it works is
shown too.

    python -m benchmarks.captioning
    python -m benchmarks.captioning --url http://127.0.0.1:8000/v1 --model tiny --frames 4 --requests 64
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import aiohttp
import cv2
import numpy as np

from benchmarks.interleaved import Timing, last_line, show
from benchmarks.scripted_server import MODEL
from captioning.client.answers import Answer
from captioning.client.bodies import body_of
from captioning.client.client import Client
from captioning.client.config import TrafficConfig, UrlsConfig
from captioning.client.replies import queue_lengths
from captioning.client.requests import ChatRequest, Model, Picture, SamplingConfig, Text
from captioning.client.responses import Responses
from curation.base.storage import Storage

Contender = Callable[[Callable[[], None]], None]
"""Asks, and calls what it is given after each answer."""

OURS, BARE = "cliploom", "bare aiohttp"
WIDTH_PX, HEIGHT_PX = 480, 270
CPU_TARGET_S, SHARE_TARGET = 0.003, 0.95


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    if arguments.url is not None:
        _measure(arguments, arguments.url, capacity=None)
        return
    with _scripted(arguments.latency, arguments.places) as url:
        _measure(arguments, url, capacity=arguments.places / arguments.latency)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", help="base URL of a real server")
    parser.add_argument("--model", default=MODEL, help="its model's name")
    parser.add_argument("--latency", type=float, default=2.0, help="seconds of a scripted answer")
    parser.add_argument("--places", type=int, default=192, help="scripted answers at the same time")
    parser.add_argument("--in-flight", type=int, default=256, help="most requests on their way")
    parser.add_argument("--requests", type=int, default=1152, help="requests of a round")
    parser.add_argument("--frames", type=int, default=8, help="frames of a request; 0 asks with words alone")
    parser.add_argument("--tokens", type=int, default=64, help="most tokens of an answer")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of each (default 7)")
    return parser.parse_args()


def _measure(arguments: argparse.Namespace, url: str, capacity: float | None) -> None:
    requests = _Requests(arguments.model, arguments.frames, arguments.tokens)
    traffic = TrafficConfig(max_in_flight=arguments.in_flight)
    with tempfile.TemporaryDirectory(prefix="captioning-") as folder:
        client = Client(UrlsConfig(urls=(url,), traffic=traffic), Responses(Storage(folder)))
        count = arguments.requests + 2 * arguments.in_flight
        _ask(client, requests, count, lambda: None)
        contenders: dict[str, Contender] = {
            OURS: lambda answered: _ask(client, requests, count, answered),
            BARE: lambda answered: asyncio.run(_bare(url, requests, count, arguments.in_flight, answered)),
        }
        with _watched(url) as seen:
            found = _interleave(contenders, arguments.repeats, arguments.in_flight, arguments.requests)
        client.close()
    show(found)
    per_s = {name: sorted(arguments.requests / wall for wall in found[name].wall_s) for name in found}
    cpu_ms = {
        name: sorted(1000 * cpu / arguments.requests for cpu in timing.cpu_s)
        for name, timing in found.items()
    }
    figures: dict[str, object] = {
        "requests_per_s": {name: round(statistics.median(rates), 2) for name, rates in per_s.items()},
        "cpu_ms_per_request": {name: round(statistics.median(times), 3) for name, times in cpu_ms.items()},
        "cpu_ms_interval": _interval(cpu_ms[OURS]),
        "cpu_target_ms": 1000 * CPU_TARGET_S,
    }
    if capacity is not None:
        shares = [rate / capacity for rate in per_s[OURS]]
        figures |= {
            "capacity_per_s": capacity,
            "share_of_capacity": round(statistics.median(shares), 4),
            "share_interval": _interval(shares),
            "share_target": SHARE_TARGET,
        }
    else:
        figures |= {"server_running_mean": _mean(seen, 0), "server_waiting_mean": _mean(seen, 1)}
    last_line(
        benchmark="captioning",
        cores=os.cpu_count(),
        scripted=capacity is not None,
        in_flight=arguments.in_flight,
        frames=arguments.frames,
        body_bytes=body_of(next(requests.take(1))).size,
        **figures,
    )


class _Requests:
    """Requests of which no two are alike: drawn frames, a few bytes of which differ each time."""

    def __init__(self, model: str, frames: int, tokens: int) -> None:
        self._model = Model(model, "benchmark")
        self._sampling = SamplingConfig(max_tokens=tokens)
        self._frames = [_jpeg(number) for number in range(frames)]
        self._numbers = itertools.count()

    def take(self, count: int) -> Iterator[ChatRequest]:
        """So many new ones."""
        for number in itertools.islice(self._numbers, count):
            mark = number.to_bytes(8, "big")
            # What follows the end of a JPEG is not looked at.
            pictures = (Picture(jpeg + mark) for jpeg in self._frames)
            question = Text(f"Describe clip {number} in one sentence.")
            yield ChatRequest(self._model, (question, *pictures), self._sampling)


def _jpeg(number: int) -> bytes:
    rng = np.random.default_rng(number)
    small = rng.integers(0, 255, (HEIGHT_PX // 6, WIDTH_PX // 6, 3), np.uint8)
    picture = cv2.resize(small, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def _ask(client: Client, requests: _Requests, count: int, answered: Callable[[], None]) -> None:
    answers = []
    for answer in client.ask(requests.take(count), f"unit-{time.monotonic_ns()}"):
        answers.append(answer)
        answered()
    failed = [answer for answer in answers if not isinstance(answer, Answer)]
    if failed or len(answers) != count:
        raise SystemExit(
            f"{len(answers)} answers to {count} requests, of which {len(failed)} were refused: {failed[:1]}"
        )


async def _bare(
    url: str, requests: _Requests, count: int, in_flight: int, answered: Callable[[], None]
) -> None:
    source = requests.take(count)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(3600)) as session:

        async def work() -> None:
            for request in source:
                body = body_of(request)
                headers = {"Content-Type": body.content_type}
                data = b"".join(body.pieces())
                async with session.post(f"{url}/{body.path}", data=data, headers=headers) as response:
                    assert (await response.json())["choices"][0]["message"]["content"]
                answered()

        await asyncio.gather(*(work() for _ in range(in_flight)))


def _interleave(
    contenders: dict[str, Contender], repeats: int, lead: int, requests: int
) -> dict[str, Timing]:
    """Wall and CPU time of this process between the answers `lead` and `lead + requests` of each round."""
    found = {name: Timing([], []) for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            marks: list[tuple[float, float]] = []
            run(lambda marks=marks: marks.append((time.perf_counter(), time.process_time())))
            (wall, cpu), (wall_then, cpu_then) = marks[lead - 1], marks[lead + requests - 1]
            found[name].wall_s.append(wall_then - wall)
            found[name].cpu_s.append(cpu_then - cpu)
    return found


@contextmanager
def _scripted(latency_s: float, places: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.scripted_server"]
    command += ["--latency", str(latency_s), "--places", str(places)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def _watched(url: str) -> Iterator[list[tuple[float, float]]]:
    """Requests running and waiting, twice a second, by a server's /metrics page."""
    seen: list[tuple[float, float]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            try:
                with urllib.request.urlopen(f"{url.removesuffix('/v1')}/metrics", timeout=5) as page:
                    lengths = queue_lengths(page.read(8 << 20))
            except OSError:
                continue
            if lengths is not None:
                seen.append(lengths)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _mean(seen: Sequence[tuple[float, float]], which: int) -> float | None:
    return round(statistics.mean(lengths[which] for lengths in seen), 2) if seen else None


def _interval(ordered: Sequence[float]) -> list[float]:
    """The middle 80 %."""
    cut = len(ordered) // 10
    return [round(ordered[cut], 4), round(ordered[-1 - cut], 4)]


if __name__ == "__main__":
    main()
