"""Requests as HTTP bodies: JSON for chat, a multipart form for transcription.

Fields are those of vLLM's OpenAI-compatible server (its docs: "Multimodal inputs", "Structured outputs"
from 0.12 on, "Transcriptions API"). A body is a sequence of pieces that are encoded while they are sent, so
that of a request with many pictures only one is held twice.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from captioning.client.requests import ChatRequest, Part, Picture, Request, Sound, Text, TranscriptionRequest


@dataclass(frozen=True)
class _Encoded:
    """Bytes that are sent as base64."""

    data: bytes

    @property
    def size(self) -> int:
        return (len(self.data) + 2) // 3 * 4


@dataclass(frozen=True)
class Body:
    """What is posted, and to which path below the base URL."""

    path: str
    content_type: str
    parts: tuple[bytes | _Encoded, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(part.size if isinstance(part, _Encoded) else len(part) for part in self.parts)

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes in order."""
        for part in self.parts:
            yield base64.b64encode(part.data) if isinstance(part, _Encoded) else part


def body_of(request: Request, *, timed: bool = True) -> Body:
    """What is sent for a request; of a transcription without `timed`, only the text is asked for."""
    return _chat(request) if isinstance(request, ChatRequest) else _transcription(request, timed=timed)


def _chat(request: ChatRequest) -> Body:
    sampling = request.sampling
    rest: dict[str, Any] = {
        "model": request.model.name,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "logprobs": True,
        "stream": False,
    }
    if request.schema is not None:
        rest["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": request.schema},
        }
    system = [] if request.system is None else [{"role": "system", "content": request.system}]
    messages = "".join(f"{json.dumps(message)}," for message in system)
    parts: list[bytes | _Encoded] = [b'{"messages":[%s{"role":"user","content":' % messages.encode()]
    if len(request.parts) == 1 and isinstance(request.parts[0], Text):
        # Chat templates of models without eyes and ears take a string, and not all take a list.
        parts.append(json.dumps(request.parts[0].text).encode())
    else:
        for number, part in enumerate(request.parts):
            parts += [b"," if number else b"[", *_content(part)]
        parts.append(b"]")
    parts.append(b"}],%s" % json.dumps(rest)[1:].encode())
    return Body("chat/completions", "application/json", tuple(_joined(parts)))


def _content(part: Part) -> list[bytes | _Encoded]:
    if isinstance(part, Text):
        return [json.dumps({"type": "text", "text": part.text}).encode()]
    if isinstance(part, Picture):
        return [
            b'{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,',
            _Encoded(part.jpeg),
            b'"}}',
        ]
    return [
        b'{"type":"input_audio","input_audio":{"format":"%s","data":"' % part.format.encode(),
        _Encoded(part.data),
        b'"}}',
    ]


def _joined(parts: list[bytes | _Encoded]) -> Iterator[bytes | _Encoded]:
    """The same bytes in fewer parts."""
    plain = b""
    for part in parts:
        if isinstance(part, bytes):
            plain += part
        else:
            yield from (plain, part)
            plain = b""
    yield plain


def _transcription(request: TranscriptionRequest, *, timed: bool) -> Body:
    boundary = os.urandom(16).hex()
    fields = {"model": request.model.name, "temperature": str(request.temperature)}
    if timed:
        fields |= {"response_format": "verbose_json", "timestamp_granularities[]": "segment"}
    else:
        fields["response_format"] = "json"
    if request.language is not None:
        fields["language"] = request.language
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f"--{boundary}\r\n{_file_headers(request.sound)}\r\n\r\n"
    return Body(
        "audio/transcriptions",
        f"multipart/form-data; boundary={boundary}",
        (head.encode(), request.sound.data, f"\r\n--{boundary}--\r\n".encode()),
    )


def _file_headers(sound: Sound) -> str:
    kind = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}[sound.format]
    disposition = f'form-data; name="file"; filename="sound.{sound.format}"'
    return f"Content-Disposition: {disposition}\r\nContent-Type: {kind}"
