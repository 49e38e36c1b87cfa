"""Files of HTTP servers: parts of files, connections kept open, versions watched, redirects kept in."""

from __future__ import annotations

import base64
import netrc
import os
import re
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError

from shards.reading.errors import ShardError
from shards.reading.sources import (
    BusyError,
    LastingError,
    NoRangesError,
    Patience,
    ReplacedError,
    ShortError,
    read_runs,
    retry_after_s,
)

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
MAX_CONNECTIONS = 16
MAX_REDIRECTS = 5
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_REDIRECTS = {301, 302, 303, 307, 308}
_BUSY = {429, 503}
_PASSING = {408, 425}
_NOT_THERE = {404, 410}
_FORBIDDEN = {401, 402, 403, 407, 451}


class HttpSource:
    """Reads by `Range` requests. Login and password come from `~/.netrc` (or `NETRC`), never from a URL,
    and are sent to the host that they are for, and to no other that it points at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[str, urllib3.PoolManager] = {}

    def size(self, url: str) -> int:
        """Length of a file.

        Raises:
            OSError: the server does not tell.
        """
        response, _ = self._request("HEAD", url, {})
        response.release_conn()
        length = response.headers.get("Content-Length", "")
        if not length.isdigit():
            raise LastingError(f"{url}: the server does not tell the file's length")
        return int(length)

    def open(self, url: str, start: int, end: int | None, tag: str | None) -> HttpBody:
        """A file, or a part of it."""
        headers = {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        if tag is not None and tag.startswith('"'):
            # Other tags are dates or weak ones, which a server does not compare; we do.
            headers["If-Match"] = tag
        response, where = self._request("GET", url, headers)
        body = HttpBody(where, response)
        try:
            self._check(url, body, start, "Range" in headers, tag)
        except BaseException:
            body.close()
            raise
        return body

    def read(self, url: str, ranges: Sequence[tuple[int, int]], patience: Patience) -> list[bytes]:
        """The bytes of some ranges."""
        return read_runs(self, url, ranges, patience)

    def _check(self, url: str, body: HttpBody, start: int, ranged: bool, tag: str | None) -> None:
        if ranged and body.start is None:
            raise NoRangesError(
                f"{url}: the server gives no parts of files (it answered a Range request with the whole "
                "file). Give the reader a cache, which fetches whole shards, or use another server."
            )
        if ranged and body.start != start:
            raise OSError(f"{url}: asked for byte {start}, the server began at {body.start}")
        if tag is not None and body.tag != tag:
            raise ReplacedError(f"{url}: was replaced while it was read")

    def _request(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> tuple[urllib3.BaseHTTPResponse, str]:
        """An answer with content, and whose it is, in words that hold no secret."""
        at, shown = url, url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._ask(method, at, shown, {**headers, **_login(url, at)})
            if response.status in (200, 206):
                return response, shown
            response.drain_conn()
            response.release_conn()
            if response.status not in _REDIRECTS:
                raise _error(shown, response)
            at = _target(url, at, response.headers.get("Location", ""))
            parts = urlsplit(at)
            # What follows the path is often a signature.
            shown = f"{url} (redirected to {parts.hostname})"
        raise LastingError(f"{url}: more than {MAX_REDIRECTS} redirects")

    def _ask(self, method: str, at: str, shown: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool(at).request(
                method,
                at,
                headers={"Accept-Encoding": "identity", "User-Agent": "cliploom", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except LocationParseError:
            raise ShardError(f"{shown}: not a URL that can be asked") from None
        except HTTPError as error:
            # Its text holds the whole URL that was asked, which may be a signed one.
            raise ConnectionError(f"{shown}: no connection ({type(error).__name__})") from None

    def _pool(self, at: str) -> urllib3.PoolManager:
        parts = urlsplit(at)
        proxy = ""
        if not urllib.request.proxy_bypass(parts.hostname or ""):
            proxy = urllib.request.getproxies().get(parts.scheme, "")
        with self._lock:
            if proxy not in self._pools:
                timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S)
                made = urllib3.ProxyManager if proxy else urllib3.PoolManager
                arguments = (proxy,) if proxy else ()
                self._pools[proxy] = made(*arguments, maxsize=MAX_CONNECTIONS, timeout=timeout)
            return self._pools[proxy]


class HttpBody:
    """An answer's content."""

    def __init__(self, where: str, response: urllib3.BaseHTTPResponse) -> None:
        self._where = where
        self._response = response
        headers = response.headers
        self.tag: str | None = headers.get("ETag") or headers.get("Last-Modified")
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "")) if response.status == 206 else None
        self.start = int(found[1]) if found else None
        length = headers.get("Content-Length", "")
        self._left = int(length) if length.isdigit() else -1
        if found:
            self.size = None if found[3] == "*" else int(found[3])
        else:
            self.size = int(length) if length.isdigit() else None

    def read(self, size: int) -> bytes:
        """The next bytes."""
        try:
            # One read of the socket: what came before a cut is not lost in a buffer.
            data = self._response.read1(size)
        except HTTPError as error:
            raise ConnectionError(f"{self._where}: the connection broke ({type(error).__name__})") from None
        self._left = 0 if not data else self._left - len(data)
        return data

    def close(self) -> None:
        """Give the connection back, or end it if more is coming than is wanted."""
        if self._left:
            self._response.close()
        self._response.release_conn()


def _error(shown: str, response: urllib3.BaseHTTPResponse) -> OSError | EOFError:
    status = response.status
    message = f"{shown}: HTTP {status}"
    if status in _NOT_THERE:
        return FileNotFoundError(message)
    if status in _FORBIDDEN:
        return PermissionError(message)
    if status in _BUSY:
        return BusyError(message, retry_after_s(response.headers.get("Retry-After")))
    if status == 412:
        return ReplacedError(f"{shown}: was replaced while it was read")
    if status == 416:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        return ShortError(f"{shown}: ends before the bytes asked for", int(total) if total.isdigit() else 0)
    if 400 <= status < 500 and status not in _PASSING:
        return LastingError(message)
    return OSError(message)


def _target(url: str, at: str, location: str) -> str:
    target = urljoin(at, location)
    before, after = urlsplit(at), urlsplit(target)
    if not location or after.scheme != before.scheme or not after.hostname:
        raise ShardError(
            f"{url}: redirects to '{after.scheme}://{after.hostname or ''}'; only redirects that stay "
            f"with {before.scheme}:// are followed. Give the final URL."
        )
    return target


def _login(url: str, at: str) -> dict[str, str]:
    if urlsplit(url).netloc != urlsplit(at).netloc:
        return {}
    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return {}
    if found is None:
        return {}
    token = base64.b64encode(f"{found[0]}:{found[2]}".encode()).decode()
    return {"Authorization": f"Basic {token}"}
