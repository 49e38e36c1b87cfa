"""An HTTP server on loopback that serves parts of files and counts the bytes that it gives."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Counts:
    """Bytes and requests, by the ending of the file's name."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.lock = threading.Lock()


@contextmanager
def counting_server(root: Path) -> Iterator[tuple[str, Counts]]:
    """Serve a folder; gives the URL, and what was asked and sent so far."""
    counts = Counts()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = root / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            size = path.stat().st_size
            found = _RANGE.fullmatch(self.headers.get("Range") or "")
            start = int(found[1]) if found else 0
            end = min(size, int(found[2]) + 1) if found and found[2] else size
            self.send_response(206 if found else 200)
            if found:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.send_header("Content-Length", str(end - start))
            self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
            self.end_headers()
            with open(path, "rb") as file:
                file.seek(start)
                while start < end:
                    block = file.read(min(1 << 20, end - start))
                    self.wfile.write(block)
                    start += len(block)
                    with counts.lock:
                        counts.sent[path.suffix] += len(block)
            with counts.lock:
                counts.requests[path.suffix] += 1

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", counts
    finally:
        server.shutdown()
        server.server_close()
