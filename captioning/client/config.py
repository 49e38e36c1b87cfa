"""Which servers are asked, and how hard."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from curation.base.config import Config, operational


class TrafficConfig(Config):
    """How many requests are on their way, and what happens to those that fail."""

    max_in_flight: int = operational(
        64, ge=1, le=4096, description="Most requests on their way to one server at a time"
    )
    timeout_s: float = operational(300.0, gt=0, description="Longest wait for an answer, in seconds")
    max_tries: int = operational(
        4,
        ge=1,
        le=20,
        description="Times that one request may fail until it is refused, if others are answered; a server "
        "that is not there, or wants it later (429, 503), is waited for and not counted",
    )
    retry_share: float = operational(
        0.1, ge=0, le=1, description="Most retries per request over all, so that a crowd of them ends"
    )
    patience_s: float = operational(
        120.0,
        ge=0,
        description="How long servers may all be gone, in seconds, until what waits is left for later",
    )


class UrlsConfig(Config):
    """Servers that run already."""

    kind: Literal["urls"] = Field("urls", description="OpenAI-compatible servers that run already")
    urls: tuple[str, ...] = operational(
        ..., min_length=1, description="Base URLs of like servers, e.g. http://127.0.0.1:8000/v1"
    )
    api_key_env: str | None = operational(
        None, description="Name of the environment variable that holds the servers' API key"
    )
    traffic: TrafficConfig = operational(TrafficConfig(), description="How hard the servers are asked")

    @field_validator("urls")
    @classmethod
    def _plain(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"{url}: want a URL such as http://127.0.0.1:8000/v1")
            _check_port(url)
            if parts.username or parts.password:
                raise ValueError(f"{parts.hostname}: a URL must hold no password; use api_key_env")
            if parts.query or parts.fragment:
                raise ValueError(f"{url}: a base URL has no ? and no #")
        return tuple(url.rstrip("/") for url in urls)


def _check_port(url: str) -> None:
    try:
        port = urlsplit(url).port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"{url}: a port is a number from 1 to 65535")
