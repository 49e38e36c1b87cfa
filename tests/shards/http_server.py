"""An HTTP server on loopback that serves a folder, or stands before a server, and misbehaves on demand."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Request:
    """What was asked, and how many bytes of content were answered."""

    method: str
    path: str
    range: str | None
    headers: dict[str, str]
    connection: int
    status: int = 0
    sent: int = 0


@dataclass
class Behaviour:
    """How the server acts. `fault` may give, for a request: a status to answer, or the number of bytes of
    the content after which the connection is cut, or goes silent; None: nothing is wrong. `extra` headers
    come with a faulty status."""

    root: Path | None = None
    upstream: str | None = None
    ranges: bool = True
    etag: Callable[[Path], str | None] = lambda path: f'"{path.stat().st_mtime_ns}-{path.stat().st_size}"'
    fault: Callable[[Request], tuple[str, int] | None] = lambda request: None
    redirect: Callable[[str], str | None] = lambda path: None
    extra: dict[str, str] = field(default_factory=dict)
    log: list[Request] = field(default_factory=list)

    def sent(self, suffix: str = "") -> int:
        return sum(request.sent for request in self.log if request.path.endswith(suffix))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(20)

    def log_message(self, *args: object) -> None:
        pass

    def _serve(self) -> None:
        request = Request(
            self.command, self.path, self.headers.get("Range"), dict(self.headers), self.client_address[1]
        )
        self.behaviour.log.append(request)
        length = int(self.headers.get("Content-Length") or 0)
        sent_by_client = self.rfile.read(length)
        fault = self.behaviour.fault(request)
        if fault is not None and fault[0] == "status":
            self._answer(request, fault[1], dict(self.behaviour.extra), b"a fault")
            return
        target = self.behaviour.redirect(self.path)
        if target is not None:
            self._answer(request, 302, {"Location": target}, b"")
            return
        if self.behaviour.upstream is not None:
            status, headers, content = self._forward(sent_by_client)
        else:
            status, headers, content = self._from_disk()
        self._answer(
            request, status, headers, content, fault[1] if fault else None, bool(fault and fault[0] == "hang")
        )

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _from_disk(self) -> tuple[int, dict[str, str], bytes]:
        assert self.behaviour.root is not None
        path = self.behaviour.root / unquote(urlsplit(self.path).path).lstrip("/")
        if not path.is_file():
            return 404, {}, b"none"
        data, tag = path.read_bytes(), self.behaviour.etag(path)
        headers = {} if tag is None else {"ETag": tag}
        wanted = self.headers.get("If-Match")
        if wanted is not None and wanted != tag:
            return 412, headers, b""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if found is None or not self.behaviour.ranges:
            return 200, headers, data
        start, end = int(found[1]), min(len(data), int(found[2] or len(data)) + (1 if found[2] else 0))
        if start >= len(data):
            return 416, {**headers, "Content-Range": f"bytes */{len(data)}"}, b""
        return 206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}, data[start:end]

    def _forward(self, content: bytes) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(self.behaviour.upstream or "")
        client = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        client.request(self.command, self.path, body=content, headers=headers)
        answer = client.getresponse()
        data = answer.read()
        kept = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server")
        }
        if self.command == "HEAD":
            kept["X-Length"] = answer.getheader("Content-Length") or "0"
        client.close()
        return answer.status, kept, data

    def _answer(
        self,
        request: Request,
        status: int,
        headers: dict[str, str],
        content: bytes,
        cut: int | None = None,
        hang: bool = False,
    ) -> None:
        request.status = status
        self.send_response(status)
        length = headers.pop("X-Length", str(len(content)))
        for name, value in {**headers, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = content if cut is None else content[:cut]
        request.sent = len(sent)
        self.wfile.write(sent)
        if hang:
            time.sleep(30)
        if cut is not None and cut < len(content):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)


@contextmanager
def http_server(behaviour: Behaviour) -> Iterator[str]:
    """Serve; gives the URL of the root."""
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
