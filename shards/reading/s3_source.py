"""Objects of S3, by botocore itself: plain calls that any thread and any forked process may make."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from curation.base.storage import storage_options
from shards.reading.errors import ShardError
from shards.reading.sources import BusyError, Patience, ReplacedError, ShortError, read_runs, retry_after_s

MAX_CONNECTIONS = 32
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
BLOCK_BYTES = 256 << 10
"""The most that is lost of what came before a cut: botocore gives a block whole or not at all."""
_NOT_THERE = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}
_FORBIDDEN = {"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
_REPLACED = {"412", "PreconditionFailed"}
_BUSY = {"429", "503", "SlowDown", "ServiceUnavailable"}
_BEYOND = {"416", "InvalidRange"}


class S3Source:
    """Reads by range requests that name the version of the object. Credentials are found as every AWS tool
    finds them; where there are none, requests are not signed, which suits public buckets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Any = None

    def size(self, url: str) -> int:
        """Length of an object."""
        return int(self._call(url, "head_object")["ContentLength"])

    def open(self, url: str, start: int, end: int | None, tag: str | None) -> S3Body:
        """An object, or a part of it."""
        options: dict[str, str] = {}
        if start or end is not None:
            options["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        if tag is not None:
            options["IfMatch"] = tag
        body = S3Body(url, self._call(url, "get_object", **options))
        if tag is not None and body.tag != tag:
            body.close()
            raise ReplacedError(f"{url}: was replaced while it was read")
        return body

    def read(self, url: str, ranges: Sequence[tuple[int, int]], patience: Patience) -> list[bytes]:
        """The bytes of some ranges."""
        return read_runs(self, url, ranges, patience)

    def _call(self, url: str, method: str, **options: str) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            found: dict[str, Any] = getattr(self._client(), method)(Bucket=bucket, Key=key, **options)
        except ClientError as error:
            raise _error(url, error.response) from None
        except BotoCoreError as error:
            raise _fault(url, error) from None
        return found

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = _client()
            return self._made


class S3Body:
    """An object's content."""

    def __init__(self, url: str, answer: dict[str, Any]) -> None:
        self._url = url
        self._stream = answer["Body"]
        self._left = int(answer["ContentLength"])
        self.tag: str | None = answer.get("ETag")
        total = answer.get("ContentRange", "").rpartition("/")[2]
        self.size: int | None = int(total) if total.isdigit() else self._left

    def read(self, size: int) -> bytes:
        """The next bytes."""
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        try:
            data: bytes = self._stream.read(min(size, BLOCK_BYTES))
        except (BotoCoreError, HTTPError) as error:
            raise ConnectionError(f"{self._url}: the connection broke ({type(error).__name__})") from None
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Give the connection back, or end it if more is coming than is wanted."""
        if self._left > 0:
            self._stream.close()
        else:
            # A read at the end gives the connection back to its pool.
            self._stream.read(1)


def _client() -> Any:
    import botocore.session
    from botocore import UNSIGNED
    from botocore.config import Config

    session = botocore.session.get_session()
    settings: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "max_pool_connections": MAX_CONNECTIONS,
        # Faults are waited out by us, who know how much has arrived.
        "retries": {"total_max_attempts": 1},
    }
    if session.get_credentials() is None:
        settings["signature_version"] = UNSIGNED
    return session.create_client("s3", config=Config(**settings), **storage_options("s3://"))


def _error(url: str, answer: dict[str, Any]) -> OSError | EOFError:
    code = str(answer.get("Error", {}).get("Code", ""))
    status = str(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    codes = {code, status}
    message = f"{url}: S3 answered {status} {code}"
    if codes & _REPLACED:
        return ReplacedError(f"{url}: was replaced while it was read")
    if codes & _BEYOND:
        total = str(answer.get("Error", {}).get("ActualObjectSize", ""))
        return ShortError(f"{url}: ends before the bytes asked for", int(total) if total.isdigit() else 0)
    if codes & _NOT_THERE:
        return FileNotFoundError(message)
    if codes & _FORBIDDEN:
        return PermissionError(message)
    if codes & _BUSY:
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return BusyError(message, retry_after_s(headers.get("retry-after")))
    return OSError(message)


def _fault(url: str, error: Exception) -> Exception:
    from botocore.exceptions import ConnectionError as NoConnectionError
    from botocore.exceptions import HTTPClientError, NoCredentialsError, PartialCredentialsError

    if isinstance(error, HTTPClientError | NoConnectionError):
        # Its text may hold a signed URL.
        return ConnectionError(f"{url}: no connection ({type(error).__name__})")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return PermissionError(f"{url}: {error}")
    return ShardError(f"{url}: {error}")
