"""The client of model servers: requests per second, how full it keeps a server, and its CPU time per request.

Each request shows frames of a clip of its own (JPEGs of real size) and asks for a caption; answers are kept,
as in a run. Without --url the server is scripted, in another process: every answer takes --latency seconds,
and --places of them run at once, so that places / latency requests per second is the physical limit. Beside
ours runs the barest client that can be written, which sends the same bodies over the same HTTP library,
without retries, limits, order or memory.

The time of a round is taken from when the server has been full once until it begins to run empty; before the
first round, ours finds out how much the server takes. By default more requests are in flight than run, as a
server that never waits for its client has a queue.

With --vllm the server is a real one: vLLM on the CPU, started for the benchmark as a run would start it, for
a model in a folder, such as a tiny one with random weights. With --url it is any that runs already. What its
/metrics page says while ours asks is shown for each server; where the capacity is not known, ours is compared
to the barest client.

    python -m benchmarks.captioning
    .venv-vllm/bin/python -m tests.vllm.tiny_models vision /tmp/vision
    python -m benchmarks.captioning --vllm .venv-vllm/bin/python --model /tmp/vision --frames 4 --places 32
    python -m benchmarks.captioning --vllm .venv-vllm/bin/python --model /tmp/text --frames 0
    python -m benchmarks.captioning --url http://127.0.0.1:8000/v1 --model NAME --api-key-env KEY
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
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import cv2
import numpy as np

from benchmarks.interleaved import Timing, last_line, show
from benchmarks.scripted_server import MODEL
from benchmarks.server_use import Watch
from captioning.client.answers import Answer
from captioning.client.bodies import body_of
from captioning.client.client import Client
from captioning.client.config import TrafficConfig, UrlsConfig
from captioning.client.requests import ChatRequest, Model, Picture, SamplingConfig, Text
from captioning.client.responses import Responses
from captioning.serve.config import EngineConfig, VllmConfig
from captioning.serve.starting import served
from curation.base.storage import Storage

Contender = Callable[[Callable[[], None]], None]
"""Asks, and calls what it is given after each answer."""

OURS, BARE = "cliploom", "bare aiohttp"
WIDTH_PX, HEIGHT_PX = 480, 270
CPU_TARGET_S, SHARE_TARGET = 0.003, 0.95


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    with _server(arguments) as urls:
        _measure(arguments, urls)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    real = parser.add_mutually_exclusive_group()
    real.add_argument("--url", help="base URL of a server that runs")
    real.add_argument("--vllm", metavar="PYTHON", help="serve --model, a folder, by this environment's vLLM")
    parser.add_argument("--model", default=MODEL, help="the model's name")
    parser.add_argument("--api-key-env", help="with --url: the environment variable that holds its key")
    parser.add_argument("--latency", type=float, default=2.0, help="seconds of a scripted answer")
    parser.add_argument("--places", type=int, default=192, help="answers at the same time (not with --url)")
    parser.add_argument("--in-flight", type=int, default=256, help="most requests on their way")
    parser.add_argument("--requests", type=int, default=1152, help="requests of a round")
    parser.add_argument("--frames", type=int, default=8, help="frames of a request; 0 asks with words alone")
    parser.add_argument("--tokens", type=int, default=64, help="most tokens of an answer")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of each (default 7)")
    return parser.parse_args()


@contextmanager
def _server(arguments: argparse.Namespace) -> Iterator[UrlsConfig]:
    traffic = TrafficConfig(max_in_flight=arguments.in_flight)
    if arguments.url is not None:
        yield UrlsConfig(urls=(arguments.url,), api_key_env=arguments.api_key_env, traffic=traffic)
    elif arguments.vllm is not None:
        engine = EngineConfig(gpus_per_replica=0, max_model_len=4096, max_num_seqs=arguments.places)
        config = VllmConfig(python=arguments.vllm, engine=engine, traffic=traffic)
        model = Model(arguments.model, "benchmark")
        with (
            tempfile.TemporaryDirectory(prefix="vllm-") as logs,
            served(config, model, Path(logs), say=_say) as urls,
        ):
            yield urls
    else:
        with _scripted(arguments.latency, arguments.places) as url:
            yield UrlsConfig(urls=(url,), traffic=traffic)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _measure(arguments: argparse.Namespace, urls: UrlsConfig) -> None:
    requests = _Requests(arguments.model, arguments.frames, arguments.tokens)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="captioning-") as folder:
        client = Client(urls, Responses(Storage(folder)))
        count = arguments.requests + 2 * arguments.in_flight
        _ask(client, requests, count, lambda: None)
        contenders: dict[str, Contender] = {
            OURS: lambda answered: _ask(client, requests, count, answered),
            BARE: lambda answered: asyncio.run(_bare(urls, requests, count, arguments.in_flight, answered)),
        }
        with Watch(urls.urls[0].removesuffix("/v1")) as watch:
            found = _interleave(contenders, watch, arguments)
        client.close()
    show(found)
    per_s = {name: sorted(arguments.requests / wall for wall in found[name].wall_s) for name in found}
    cpu_ms = {
        name: sorted(1000 * cpu / arguments.requests for cpu in timing.cpu_s)
        for name, timing in found.items()
    }
    scripted = arguments.url is None and arguments.vllm is None
    figures: dict[str, object] = {
        "requests_per_s": {name: round(statistics.median(rates), 2) for name, rates in per_s.items()},
        "cpu_ms_per_request": {name: round(statistics.median(times), 3) for name, times in cpu_ms.items()},
        "cpu_ms_interval": _interval(cpu_ms[OURS]),
        "cpu_target_ms": 1000 * CPU_TARGET_S,
        "server_running_mean": watch.mean(OURS, "running"),
        "server_waiting_mean": watch.mean(OURS, "waiting"),
    }
    if scripted:
        capacity = arguments.places / arguments.latency
        shares = [rate / capacity for rate in per_s[OURS]]
        figures |= {
            "capacity_per_s": capacity,
            "share_of_capacity": round(statistics.median(shares), 4),
            "share_interval": _interval(shares),
            "share_target": SHARE_TARGET,
        }
    else:
        ratios = sorted(
            bare / ours for ours, bare in zip(found[OURS].wall_s, found[BARE].wall_s, strict=True)
        )
        figures |= {
            "share_of_bare_client": round(statistics.median(ratios), 4),
            "share_interval": _interval(ratios),
        }
    if arguments.url is None:
        figures["places"] = arguments.places
    last_line(
        benchmark="captioning",
        cores=os.cpu_count(),
        load_average_before=round(load_before, 2),
        scripted=scripted,
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
    urls: UrlsConfig, requests: _Requests, count: int, in_flight: int, answered: Callable[[], None]
) -> None:
    source = requests.take(count)
    connector = aiohttp.TCPConnector(limit=0)
    key = {} if urls.api_key_env is None else {"Authorization": f"Bearer {os.environ[urls.api_key_env]}"}
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(3600)) as session:

        async def work() -> None:
            for request in source:
                body = body_of(request)
                headers = {**key, "Content-Type": body.content_type}
                data = b"".join(body.pieces())
                async with session.post(f"{urls.urls[0]}/{body.path}", data=data, headers=headers) as reply:
                    assert (await reply.json())["choices"][0]["message"]["content"]
                answered()

        await asyncio.gather(*(work() for _ in range(in_flight)))


def _interleave(
    contenders: dict[str, Contender], watch: Watch, arguments: argparse.Namespace
) -> dict[str, Timing]:
    """Wall and CPU time of this process between the answers `in_flight` and `in_flight + requests` of each
    round."""
    found = {name: Timing([], []) for name in contenders}
    first, last = arguments.in_flight - 1, arguments.in_flight + arguments.requests - 1
    for _ in range(arguments.repeats):
        for name, run in contenders.items():
            marks: list[tuple[float, float]] = []
            run(lambda marks=marks: marks.append((time.perf_counter(), time.process_time() - watch.cpu_s)))
            (wall, cpu), (wall_then, cpu_then) = marks[first], marks[last]
            found[name].wall_s.append(wall_then - wall)
            found[name].cpu_s.append(cpu_then - cpu)
            watch.note(name, wall, wall_then)
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


def _interval(ordered: Sequence[float]) -> list[float]:
    """The middle 80 %."""
    cut = len(ordered) // 10
    return [round(ordered[cut], 4), round(ordered[-1 - cut], 4)]


if __name__ == "__main__":
    main()
