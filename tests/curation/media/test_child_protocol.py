"""What a worker makes of what its child sends, in particular of one that was taken over: DecodeError or
Retry, and soon."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.base.stages import Retry
from curation.media import client
from curation.media.client import _Server
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox
from curation.media.zygote import STATUS

FILM = Path("film.mp4")
GOOD = {"kind": "frame", "pts": 0, "key": True, "s": 0.0}
PIXELS = bytes(4 * 3 * 3)


def message(header: object, payload: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("!II", len(text), len(payload)) + text + payload


@contextlib.contextmanager
def child_that_sends(data: bytes, ending: bytes, times: int = 1, pause_s: float = 0.0) -> Iterator[None]:
    """Requests reach a thread that ignores them, sends what it likes, and is reported as ended."""
    original = client._hand_over

    def take(data_socket: socket.socket, control_socket: socket.socket) -> _Server:
        ours = [socket.socket(fileno=os.dup(s.fileno())) for s in (data_socket, control_socket)]

        def act() -> None:
            with ours[0], ours[1], contextlib.suppress(OSError):
                ours[0].recv(1 << 16)
                for _ in range(times):
                    ours[0].sendall(data)
                    time.sleep(pause_s)
                ours[0].shutdown(socket.SHUT_WR)
                ours[1].sendall(ending)

        threading.Thread(target=act, daemon=True).start()
        return client._running_server()

    client._hand_over = take
    try:
        yield
    finally:
        client._hand_over = original


def frames(sandbox: Sandbox) -> object:
    return list(sandbox.frames(FILM, "mov", 0, width_px=4, height_px=3))


def sound(sandbox: Sandbox) -> object:
    return list(sandbox.audio(FILM, "mov", 0))


def use(data: bytes, operation: Callable[[Sandbox], object], ending: tuple[int, float] = (0, 0.1)) -> object:
    with child_that_sends(data, STATUS.pack(*ending)):
        return operation(Sandbox(DecodeLimits(wall_s=5)))


def test_the_stand_in_can_be_honest() -> None:
    decoded = use(message(GOOD, PIXELS) + message({"kind": "end", "damage": None}), frames)
    assert isinstance(decoded, list)
    assert decoded[0].image.shape == (3, 4, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 100,
        message(GOOD, PIXELS),
        message(GOOD, PIXELS[:-1]) + message({"kind": "end"}),
        message(GOOD, PIXELS + b"x") + message({"kind": "end"}),
        message({**GOOD, "pts": 1 << 80}, PIXELS) + message({"kind": "end"}),
        message({**GOOD, "pts": "0"}, PIXELS) + message({"kind": "end"}),
        message({**GOOD, "s": float("nan")}, PIXELS) + message({"kind": "end"}),
        message({**GOOD, "s": -1}, PIXELS) + message({"kind": "end"}),
        message({"kind": "progress", "s": float("inf")}) + message({"kind": "end"}),
        message({"kind": "pickle"}, b"cos\nsystem\n"),
        message({"kind": ["end"]}),
        message({"kind": "refused", "reason": "no such reason", "detail": {"a": "\x1b[2J"}}),
    ],
)
def test_frames_out_of_the_protocol_are_bad_data(data: bytes) -> None:
    with pytest.raises(DecodeError) as error:
        use(data, frames)
    assert error.value.detail.isprintable()


def test_sound_out_of_the_protocol_is_bad_data() -> None:
    with pytest.raises(DecodeError):
        use(message({"kind": "samples"}, b"123") + message({"kind": "end"}), sound)
    with pytest.raises(DecodeError):
        use(message({"kind": "samples"}, bytes(1 << 20)) + message({"kind": "end"}), sound)


def test_damage_is_text_whatever_was_sent() -> None:
    with child_that_sends(message(GOOD, PIXELS) + message({"kind": "end", "damage": ["\n"] * 999}), b""):
        stream = Sandbox(DecodeLimits()).frames(FILM, "mov", 0, width_px=4, height_px=3)
        assert len(list(stream)) == 1
    assert stream.damage is not None
    assert len(stream.damage) <= 500
    assert stream.damage.isprintable()


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGBUS, 40, 63])
def test_any_signal_has_a_name(number: int) -> None:
    with pytest.raises(DecodeError, match="crashes the decoder"):
        use(b"", frames, (-number, 0.1))


def test_a_kill_at_the_cpu_limit_is_the_medias_fault_and_otherwise_a_passing_one() -> None:
    with pytest.raises(DecodeError, match="CPU"):
        use(b"", frames, (-signal.SIGKILL, 1e9))
    with pytest.raises(Retry):
        use(b"", frames, (-signal.SIGKILL, 1.0))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=300) | st.dictionaries(st.text(), st.integers() | st.text() | st.floats()).map(message)
)
def test_any_bytes_are_bad_data(data: bytes) -> None:
    for operation in (frames, sound):
        with pytest.raises(DecodeError):
            use(data, operation)


def test_progress_earns_time() -> None:
    frame = message({**GOOD, "s": 100.0}, PIXELS)
    limits = {"wall_s": 0.5, "wall_s_per_source_s": 1.0}
    with child_that_sends(frame, STATUS.pack(0, 0.1), times=5, pause_s=0.3):
        with pytest.raises(DecodeError, match="nothing"):
            frames(Sandbox(DecodeLimits.model_validate(limits)))
        limits["wall_s_per_source_s"] = 0.0
        with pytest.raises(DecodeError, match="wall clock"):
            frames(Sandbox(DecodeLimits.model_validate(limits)))


def test_time_that_the_reader_takes_is_not_the_childs() -> None:
    with child_that_sends(message(GOOD, PIXELS), STATUS.pack(0, 0.1), times=3):
        stream = Sandbox(DecodeLimits(wall_s=0.5)).frames(FILM, "mov", 0, width_px=4, height_px=3)
        for _ in range(3):
            next(stream)
            time.sleep(0.4)
