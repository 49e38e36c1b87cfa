"""Looks at a server from outside: whether it is well, and how busy it is."""

from __future__ import annotations

import http.client
import math
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_MAX_PAGE_BYTES = 8 << 20
_METRIC = re.compile(
    r"^vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc)(?:\{.*\})? (\S+)$", re.MULTILINE
)


@dataclass(frozen=True)
class Load:
    """Requests that a server works on and that wait, and the share of its cache in use (0..1)."""

    running: int
    waiting: int
    kv_cache_share: float

    def __str__(self) -> str:
        return (
            f"{self.running} running, {self.waiting} waiting, {self.kv_cache_share:.0%} of the cache in use"
        )


def answers(url: str, timeout_s: float) -> bool:
    """Whether a page is answered with 200."""
    return _get(url, timeout_s) is not None


def read_load(url: str, timeout_s: float) -> Load | None:
    """What a vLLM server's /metrics says, over all its engines; None if it does not."""
    page = _get(f"{url}/metrics", timeout_s)
    if page is None:
        return None
    found: dict[str, list[float]] = {}
    for name, value in _METRIC.findall(page):
        try:
            number = float(value)
        except ValueError:
            return None
        if not math.isfinite(number):
            return None
        found.setdefault(name, []).append(number)
    if len(found) < 3:
        return None
    return Load(
        int(sum(found["num_requests_running"])),
        int(sum(found["num_requests_waiting"])),
        max(found["kv_cache_usage_perc"]),
    )


def _get(url: str, timeout_s: float) -> str | None:
    """A page's text if its status is 200. Neither proxies nor redirects are followed."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path)
        reply = connection.getresponse()
        body = reply.read(_MAX_PAGE_BYTES)
        return body.decode(errors="replace") if reply.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
