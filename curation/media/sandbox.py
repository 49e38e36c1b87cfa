"""Decoding of untrusted media in limited child processes, one per operation."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from curation.base.rejects import Reason
from curation.media.allowed import input_options
from curation.media.checked import measure, pts
from curation.media.client import OverdueError, Request
from curation.media.facts import ProbeFacts, parse_facts
from curation.media.ffmpeg import ffmpeg_binary
from curation.media.limits import DecodeLimits
from curation.media.outcome import DecodeError, bad_end, nonsense, overdue, refusal
from curation.media.sniff import looks_like, sniff_file
from curation.media.text import plain_text
from curation.media.wire import ProtocolError, receive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["DecodeError", "DecodedFrame", "MediaStream", "Sandbox", "input_arguments"]

_STDERR_TAIL_BYTES = 16 << 10
_MAX_CHUNK_BYTES = 4 << 16
_SLOWEST_READ_BYTES_PER_S = 16 << 20
T = TypeVar("T")
Message = tuple[dict[str, Any], bytes]


@dataclass(frozen=True)
class DecodedFrame:
    """A decoded frame: `image` is uint8 [H, W, 3] (RGB) or [H, W] (gray), `pts` in the stream's time base,
    `key` says whether it decodes alone."""

    pts: int
    image: npt.NDArray[np.uint8]
    key: bool


class MediaStream(Iterator[T], Generic[T]):
    """What an operation puts out, one by one.

    `damage`, once the stream ended, says what could not be decoded, None if everything could. Closing
    the stream (or dropping it) kills the child.
    """

    def __init__(self, items: Generator[T, None, str | None]) -> None:
        self._items = items
        self.damage: str | None = None

    def __next__(self) -> T:
        try:
            return next(self._items)
        except StopIteration as end:
            self.damage = end.value or self.damage
            raise StopIteration from None

    def close(self) -> None:
        """End the operation and its child."""
        self._items.close()


class Sandbox:
    """Runs each operation in a child process within limits; several may be open at a time.

    Bad media raise `DecodeError`; a fault of the machine or of the sandbox itself raises
    `curation.base.stages.Retry`.
    """

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._open: weakref.WeakSet[Request] = weakref.WeakSet()

    def probe(self, path: Path, container: str | None = None) -> ProbeFacts:
        """What a file holds, its duration measured from packets.

        The demuxer is that of its first bytes, unless the caller, who has looked at them, names one (as for
        images, which are no sources of video).

        Raises:
            DecodeError: it is no media, cannot be opened or decoded, or exceeds a limit.
        """
        try:
            container = container or sniff_file(path)
            kind = looks_like(path) if container is None else ""
            reading_s = path.stat().st_size / _SLOWEST_READ_BYTES_PER_S
        except FileNotFoundError:
            raise DecodeError(Reason.UNREADABLE, f"is no longer at {path}; put it back and retry") from None
        if container is None:
            raise DecodeError(
                Reason.NOT_MEDIA, f"{kind}, whatever its name says; download it again or leave it out"
            )
        arguments = {"path": str(path), "container": container}
        with contextlib.closing(self._messages("probe", arguments, 0, more_wall_s=reading_s)) as messages:
            header, _ = next(messages)
        try:
            return parse_facts(container, header["facts"])
        except (KeyError, TypeError, ValueError) as error:
            raise nonsense(error) from None

    def frames(
        self,
        path: Path,
        container: str,
        stream: int,
        *,
        width_px: int,
        height_px: int,
        gray: bool = False,
        start_pts: int | None = None,
        end_pts: int | None = None,
        threads: int = 1,
    ) -> MediaStream[DecodedFrame]:
        """Every decoded frame with start_pts <= pts < end_pts in presentation order, scaled.

        Frames are upright (rotation and mirroring applied) and their pts strictly increase: one that is
        missing is the previous plus the previous duration, one not above the previous is the previous plus
        one. A packet that cannot be decoded is skipped; the stream's `damage` tells. With more than one
        thread the frames of an undamaged stream are the same, those of a damaged one may not be.

        Raises:
            DecodeError: while iterating; not one frame can be decoded, or a limit is exceeded.
        """
        shape = (height_px, width_px) if gray else (height_px, width_px, 3)
        arguments = {
            "path": str(path),
            "container": container,
            "stream": stream,
            "width_px": width_px,
            "height_px": height_px,
            "gray": gray,
            "start_pts": start_pts,
            "end_pts": end_pts,
            "threads": threads,
        }
        return MediaStream(self._frames(arguments, shape))

    def audio(
        self,
        path: Path,
        container: str,
        stream: int,
        *,
        sample_rate_hz: int = 16000,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> MediaStream[npt.NDArray[np.float32]]:
        """Mono samples in chunks; sample i lies at start_s + i / sample_rate_hz on the source's clock (pts
        times time base). Gaps are zeros, overlaps are dropped, nothing is added after the last sample.

        Raises:
            DecodeError: while iterating; the stream cannot be decoded, or a limit is exceeded.
        """
        arguments = {
            "path": str(path),
            "container": container,
            "stream": stream,
            "sample_rate_hz": sample_rate_hz,
            "start_s": start_s,
            "end_s": end_s,
        }
        return MediaStream(self._audio(arguments))

    def ffmpeg(self, arguments: Sequence[str], *, wall_s: float | None = None) -> str:
        """Run the ffmpeg binary within the limits and return the end of its stderr (errors only).

        Output files are overwritten.

        Raises:
            DecodeError: it failed (ENCODE_FAILED) or exceeded a limit.
        """
        argv = ["-hide_banner", "-nostdin", "-y", "-loglevel", "error", *arguments]
        wall_s = self._limits.wall_s if wall_s is None else wall_s
        request = self._start("ffmpeg", {"binary": ffmpeg_binary(), "argv": argv}, wall_s, 0.0)
        with contextlib.closing(request):
            tail = b""
            try:
                while block := request.stream.read1(1 << 16):
                    tail = (tail + block)[-_STDERR_TAIL_BYTES:]
                ending = request.ending()
            except OverdueError:
                raise overdue(request.allowed_s, 0.0) from None
        stderr = tail.decode(errors="replace").strip()
        if ending.code != 0:
            raise bad_end(ending, self._limits, stderr)
        return stderr

    def close(self) -> None:
        """End every operation that is still open."""
        for request in list(self._open):
            request.close()

    def _start(
        self, operation: str, arguments: Mapping[str, Any], wall_s: float, wall_s_per_source_s: float
    ) -> Request:
        limits = self._limits.model_dump(mode="json")
        request = Request(
            operation, limits, arguments, wall_s=wall_s, wall_s_per_source_s=wall_s_per_source_s
        )
        self._open.add(request)
        return request

    def _messages(
        self,
        operation: str,
        arguments: Mapping[str, Any],
        payload_bytes: int,
        *,
        more_wall_s: float = 0.0,
    ) -> Generator[Message, float | None, None]:
        """What the child sends, up to its last message. `send` the seconds of the source that came so far."""
        wall_s = self._limits.wall_s + more_wall_s
        request = self._start(operation, arguments, wall_s, self._limits.wall_s_per_source_s)
        with contextlib.closing(request):
            kind = None
            while kind != "end":
                message = self._receive(request, payload_bytes)
                kind = message[0].get("kind")
                if kind == "refused":
                    raise refusal(message[0])
                if kind == "bug":
                    raise RuntimeError(f"in the decoding child: {message[0].get('traceback')}")
                progress_s = _progress(message[0]) if kind == "progress" else (yield message)
                request.progress_s = min(progress_s or 0.0, self._limits.max_duration_s)

    def _receive(self, request: Request, payload_bytes: int) -> Message:
        try:
            message = receive(request.stream, payload_bytes)
            if message is not None:
                return message
            ending = request.ending()
        except OverdueError:
            raise overdue(request.allowed_s, request.progress_s) from None
        except ProtocolError as error:
            raise nonsense(error) from None
        raise bad_end(ending, self._limits)

    def _frames(
        self, arguments: Mapping[str, Any], shape: tuple[int, ...]
    ) -> Generator[DecodedFrame, None, str | None]:
        import numpy as np

        with contextlib.closing(self._messages("frames", arguments, int(np.prod(shape)))) as messages:
            header, payload = next(messages)
            while header.get("kind") == "frame":
                try:
                    image = np.frombuffer(payload, np.uint8).reshape(shape)
                    frame = DecodedFrame(pts(header["pts"]), image, bool(header["key"]))
                    progress_s = measure(header["s"])
                except (KeyError, ValueError) as error:
                    raise nonsense(error) from None
                yield frame
                header, payload = messages.send(progress_s)
            return _damage(header)

    def _audio(self, arguments: Mapping[str, Any]) -> Generator[npt.NDArray[np.float32], None, str | None]:
        import numpy as np

        taken = 0
        with contextlib.closing(self._messages("audio", arguments, _MAX_CHUNK_BYTES)) as messages:
            header, payload = next(messages)
            while header.get("kind") == "samples":
                try:
                    samples = np.frombuffer(payload, "<f4").astype(np.float32, copy=False)
                except ValueError as error:
                    raise nonsense(error) from None
                taken += len(samples)
                yield samples
                header, payload = messages.send(taken / arguments["sample_rate_hz"])
            return _damage(header)


def input_arguments(path: Path, container: str, limits: DecodeLimits) -> list[str]:
    """Options of the ffmpeg command that open an untrusted file, up to and with `-i`."""
    options = input_options(container, limits.max_pixels)
    return [
        "-nostdin",
        *("-max_alloc", str(limits.address_space_bytes)),
        *(text for name, value in options.items() for text in (f"-{name}", value)),
        *("-f", container),
        *("-i", f"file:{path}"),
    ]


def _progress(header: Mapping[str, Any]) -> float:
    try:
        return measure(header.get("s"))
    except ValueError as error:
        raise nonsense(error) from None


def _damage(header: Mapping[str, Any]) -> str | None:
    """What the last message says of the stream."""
    if header.get("kind") != "end":
        raise nonsense("a message of an unknown kind")
    damage = header.get("damage")
    return None if damage is None else plain_text(str(damage), 500)
