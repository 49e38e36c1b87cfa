"""What the tests of served captioners share: their config, and what a scripted server makes of a request."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.scripted_server import MODEL, Act, Asked, Say, ScriptedServer
from captioning.fence import fenced

TRAFFIC = {"timeout_s": 20.0, "patience_s": 2.0, "max_tries": 2, "retry_share": 1.0}
_LINE = re.compile(r"^([VAS]\d+) \[[^]]*\] (.*)$", re.MULTILINE)


def served(url: str, **traffic: Any) -> dict[str, Any]:
    """The fields of a served model's section."""
    server = {"kind": "urls", "urls": [url], "traffic": {**TRAFFIC, **traffic}}
    return {"model": MODEL, "revision": "1", "server": server}


@contextmanager
def recorded(script: Callable[[Asked], Act]) -> Iterator[tuple[ScriptedServer, list[Asked]]]:
    """A server, and every request that it was asked, in order."""
    asked: list[Asked] = []

    def record(request: Asked) -> Act:
        asked.append(request)
        return script(request)

    with ScriptedServer(record) as server:
        yield server, asked


def lines(*texts: str, start_s: float = 0.0, end_s: float = 1.0) -> Say:
    """An answer of lines."""
    told = [{"start_s": start_s, "end_s": end_s, "text": text} for text in texts]
    return Say(json.dumps({"lines": told}))


def claims(*pairs: tuple[str, list[str]]) -> Say:
    """An answer of claims with the lines they cite."""
    return Say(json.dumps({"claims": [{"text": text, "cites": cites} for text, cites in pairs]}))


def content(asked: Asked) -> list[dict[str, Any]]:
    """The parts of a request's last message."""
    parts: list[dict[str, Any]] = asked.body["messages"][-1]["content"]
    return parts


def pictures(asked: Asked) -> list[np.ndarray]:
    """The pictures in a request, as RGB."""
    found = []
    for part in content(asked):
        if part["type"] == "image_url":
            head, data = part["image_url"]["url"].split(",", 1)
            assert head == "data:image/jpeg;base64"
            with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
                found.append(np.asarray(picture))
    return found


def evidence(asked: Asked) -> dict[str, str]:
    """The numbered lines that a request for fusion shows, as a reader of lines takes them."""
    shown = asked.texts[0].split("\n")
    assert asked.texts[0] == fenced("\n".join(shown[1:-1]))
    found = dict(_LINE.findall(asked.texts[0]))
    assert len(found) == len(shown) - 2, "each line of the evidence is one numbered line"
    return found


def is_fusion(asked: Asked) -> bool:
    """Whether a request asks for claims."""
    if asked.path != "chat/completions":
        return False
    schema = asked.body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    return "claims" in schema.get("properties", {})
