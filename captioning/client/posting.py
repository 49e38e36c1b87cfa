"""One HTTP exchange with a server: bounded in time and size, without redirects, cookies or compression."""

from __future__ import annotations

import asyncio
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from captioning.client.bodies import Body
from captioning.client.faults import Fault, FaultKind, ServerConfigError

if TYPE_CHECKING:
    import aiohttp

MAX_ANSWER_BYTES = 8 << 20
"""An answer of 32768 tokens with their probabilities is below, and so is vLLM's /metrics page."""
CONNECT_S = 10.0
IDLE_S = 4.0
"""Idle connections are closed before the server does (uvicorn's default is 5 s), or a request may meet a
closing one."""
MOST_AT_ONCE_BYTES = 64 << 10


@dataclass(frozen=True)
class Reply:
    """A server's status and body; `cut` if the body was longer than an answer may be."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    location: str = ""
    cut: bool = False


def open_session(url: str, api_key: str | None) -> aiohttp.ClientSession:
    """A pool of connections to one server; call it where the event loop runs.

    Only to https servers a proxy of the environment is used: what goes over http is meant for a near machine.
    The library's own way of reading the environment would read passwords of ~/.netrc too.
    """
    import aiohttp

    headers = {"Accept-Encoding": "identity", "User-Agent": "cliploom"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key}"
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        auto_decompress=False,
        trust_env=False,
        proxy=_https_proxy(url),
    )


async def post(session: aiohttp.ClientSession, url: str, body: Body, timeout_s: float) -> Reply:
    """Send a request and read the reply.

    Raises:
        Fault: the server could not be reached, hung up or took too long.
        ServerConfigError: it is not who it says (TLS).
    """
    headers = {"Content-Type": body.content_type, "Content-Length": str(body.size)}
    data = _stream(body) if body.size > MOST_AT_ONCE_BYTES else b"".join(body.pieces())
    return await _exchange(session, "POST", url, timeout_s, headers, data)


async def get(session: aiohttp.ClientSession, url: str, timeout_s: float) -> Reply:
    """Read a page; raises what `post` does."""
    return await _exchange(session, "GET", url, timeout_s, {}, None)


async def _exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    timeout_s: float,
    headers: dict[str, str],
    data: bytes | AsyncIterator[bytes] | None,
) -> Reply:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s))
    try:
        async with session.request(
            method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            return await _read(response)
    except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as error:
        raise ServerConfigError(f"{url}: its certificate is not valid here: {error}") from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Fault(FaultKind.UNREACHABLE, f"{url}: {error}") from None
    except TimeoutError:
        raise Fault(FaultKind.TIMED_OUT, f"{url}: no answer within {timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
        raise Fault(FaultKind.BROKEN, f"{url}: {type(error).__name__}: {error}") from None


async def _stream(body: Body) -> AsyncIterator[bytes]:
    for piece in body.pieces():
        yield piece


async def _read(response: aiohttp.ClientResponse) -> Reply:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            # Closed, not released: the rest is never read.
            response.close()
            break
        pieces.append(piece)
    return Reply(
        status=response.status,
        body=b"".join(pieces),
        retry_after_s=_retry_after_s(response.headers.get("Retry-After")),
        location=response.headers.get("Location", ""),
        cut=size > MAX_ANSWER_BYTES,
    )


def _retry_after_s(value: str | None) -> float | None:
    """Seconds from now, of a header that holds seconds or a date (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _https_proxy(url: str) -> str | None:
    host = url.split("://", 1)[1].split("/", 1)[0]
    if not url.startswith("https://") or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get("https")
