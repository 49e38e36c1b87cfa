"""Finds and writes stream copies of a source's clips."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from curation.base.rejects import Reason
from curation.cut.copies import COPIED_CODECS, PacketCopy, PacketList, choose_copy, copy_command
from curation.cut.rules import Span
from curation.cut.source import SourceFile
from curation.cut.written import WrittenVideo
from curation.media.cutting import CuttingSandbox
from curation.media.sandbox import DecodeError

_TELL_OF_THE_MEDIA = frozenset({Reason.DECODE_FAILED, Reason.ENCODE_FAILED, Reason.UNREADABLE})
"""Reasons that come out the same on every machine, however busy it is."""


class Copier:
    """Copies packets of one source."""

    def __init__(self, sandbox: CuttingSandbox, source: SourceFile) -> None:
        self._sandbox = sandbox
        self._source = source

    def find(self, spans: Sequence[Span]) -> list[PacketCopy | None]:
        """What can be copied for each of some neighbouring spans, None where there is no keyframe.

        Raises:
            DecodeError: the source cannot be read there, or its codec not be put into an mp4.
        """
        record = self._source.record
        if record.video.codec not in COPIED_CODECS:
            raise DecodeError(
                Reason.UNSUPPORTED_FORMAT,
                f"has video in codec '{record.video.codec}', of which packets are not copied (those of "
                f"{', '.join(sorted(COPIED_CODECS))} are); make a form with mode = exact the first of "
                "curation.cut.forms",
            )
        packets = list(
            self._sandbox.packets(
                self._source.path,
                record.container,
                record.video.index,
                start_pts=min(span.start_pts for span in spans),
                end_pts=max(span.end_pts for span in spans),
            )
        )
        listed = PacketList(packets)
        return [choose_copy(listed.around(span), span) for span in spans]

    @contextlib.contextmanager
    def written(
        self, copies: Sequence[PacketCopy | None], scratch: Path
    ) -> Iterator[list[WrittenVideo | DecodeError | None]]:
        """Files with the packets of each copy, None where there is none or it cannot be written, an error
        where that exceeds a limit."""
        with tempfile.TemporaryDirectory(prefix="cut-copies-", dir=scratch) as folder:
            yield [
                None if copy is None else self._write(copy, Path(folder, f"{number}.mp4"))
                for number, copy in enumerate(copies)
            ]

    def _write(self, copy: PacketCopy, path: Path) -> WrittenVideo | DecodeError | None:
        first = copy.frame_pts[0]
        try:
            self._sandbox.ffmpeg(copy_command(self._source, copy, path), wall_s=self._wall_s(copy))
            written = self._read(path, copy.frame_pts[-1] - first)
        except DecodeError as error:
            return None if error.reason in _TELL_OF_THE_MEDIA else error
        expected = tuple(pts - first for pts in copy.frame_pts)
        return written if written is not None and written.frame_pts == expected else None

    def _wall_s(self, copy: PacketCopy) -> float:
        """Time to copy in: what a decode of the stretch would be given, for ffmpeg tells no progress."""
        limits = self._source.limits
        end_s = float(copy.span.end_pts * self._source.time_base)
        start_s = self._source.seek_s(copy.span.start_pts) or self._source.start_s
        return limits.wall_s + limits.wall_s_per_source_s * max(0.0, end_s - start_s)

    def _read(self, path: Path, last_pts: int) -> WrittenVideo | None:
        """What is in a copy, None if it has other times; its packets are the source's, so in the sandbox.

        Raises:
            DecodeError: it cannot be read.
        """
        unit = self._source.time_base.numerator
        packets = list(self._sandbox.packets(path, "mov", 0, start_pts=0, end_pts=last_pts * unit + 1))
        timed = sorted((packet.pts, packet.key) for packet in packets if packet.pts is not None)
        if any(pts % unit for pts, _ in timed):
            return None
        return WrittenVideo(
            path=path,
            frame_pts=tuple(pts // unit for pts, _ in timed),
            keyframes=tuple(number for number, (_, key) in enumerate(timed) if key),
        )
