"""The reader of a child's messages takes nothing on trust."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.media.checked import measure, pts, whole
from curation.media.facts import parse_facts
from curation.media.wire import MAX_HEADER_BYTES, ProtocolError, Sender, receive


def reader(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]


def message(header: bytes, payload: bytes = b"") -> bytes:
    return struct.pack("!II", len(header), len(payload)) + header + payload


def test_what_is_sent_is_received() -> None:
    ours, theirs = socket.socketpair()
    sender = Sender(theirs)
    sent = [({"n": 1}, b""), ({"n": 2}, b"abc"), ({"n": 3}, bytes(1 << 17))]
    for header, payload in sent[:2]:
        sender.send(header, payload)
    sender.flush()
    stream = ours.makefile("rb")
    assert [receive(stream, 1 << 17) for _ in range(2)] == sent[:2]
    theirs.close()
    assert receive(stream, 10) is None


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!II", MAX_HEADER_BYTES + 1, 0),
        message(b"{}", bytes(101)),
        message(b"[1]"),
        message(b"not json"),
        message(b"[" * 5000),
        message(b"\xff\xfe"),
    ],
)
def test_a_message_out_of_bounds_is_refused_before_it_is_read(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        receive(reader(data), 100)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_an_end_or_refused(data: bytes) -> None:
    stream = reader(data)
    try:
        while receive(stream, 64) is not None:
            pass
    except ProtocolError:
        pass


VIDEO = {
    "index": 0,
    "codec": "h264",
    "width_px": 64,
    "height_px": 48,
    "fps": 25.0,
    "time_base": "1/25",
    "start_pts": 0,
    "duration_s": 2.0,
    "rotation_deg": 0,
    "pixel_format": "yuv420p",
    "bit_depth": 8,
}
FACTS = {"num_video_streams": 1, "num_pictures": 0, "num_audio_streams": 0, "audio": None, "metadata": {}}


def test_honest_facts_are_parsed() -> None:
    facts = parse_facts("mov", {**FACTS, "video": VIDEO})
    assert facts.video is not None
    assert facts.video.width_px == 64


@pytest.mark.parametrize(
    "change",
    [
        {"width_px": 0},
        {"width_px": 1 << 40},
        {"width_px": "64"},
        {"fps": float("nan")},
        {"duration_s": float("inf")},
        {"duration_s": -1.0},
        {"time_base": "1/0"},
        {"time_base": "__import__('os')"},
        {"start_pts": 1 << 70},
        {"start_pts": 0.5},
    ],
)
def test_facts_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        parse_facts("mov", json.loads(json.dumps({**FACTS, "video": {**VIDEO, **change}})))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), st.lists))
def test_checks_give_a_number_or_refuse(value: object) -> None:
    for check in (whole, pts, measure):
        with contextlib.suppress(ValueError):
            assert isinstance(check(value), int | float)
