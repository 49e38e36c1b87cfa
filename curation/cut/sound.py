"""The sound of a source's clips, decoded once: 16 kHz mono FLAC."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from curation.base.rejects import Reason
from curation.cut.rules import Span
from curation.cut.source import SourceFile
from curation.media.sandbox import DecodeError, Sandbox

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RATE_HZ = 16000
_BLOCK_SAMPLES = 4096
_BYTES_PER_SAMPLE = 2
_MUXER = {"fflags": "+bitexact", "metadata_header_padding": "0"}


class Sound:
    """The sound of one source up to a pts, in a scratch file from `open` to `close`.

    Gaps are silence, and so is what lies before the first sample; a clip beyond the last one has no sound.
    Sound that cannot be decoded counts as none.
    """

    def __init__(self, sandbox: Sandbox, source: SourceFile, end_pts: int, scratch: Path) -> None:
        self._sandbox = sandbox
        self._source = source
        self._end_s = float(end_pts * source.time_base)
        self._scratch = scratch
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        """Decode it.

        Raises:
            DecodeError: a limit is exceeded.
        """
        if self._source.record.audio is not None:
            self._file = tempfile.TemporaryFile(prefix="cut-sound-", dir=self._scratch)  # noqa: SIM115
            try:
                self._decode(self._file, self._source.record.audio.index)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give the scratch file back."""
        if self._file is not None:
            self._file.close()

    def _decode(self, file: IO[bytes], stream: int) -> None:
        import numpy as np

        chunks = self._sandbox.audio(
            self._source.path,
            self._source.record.container,
            stream,
            sample_rate_hz=RATE_HZ,
            start_s=self._source.start_s,
            end_s=self._end_s,
        )
        try:
            for chunk in chunks:
                file.write(np.clip(np.rint(chunk * 32768.0), -32768, 32767).astype("<i2").tobytes())
        except DecodeError as error:
            if error.reason is not Reason.DECODE_FAILED:
                raise

    def flac(self, span: Span) -> bytes | None:
        """The sound of a stretch, None if no sample falls in it."""
        import numpy as np

        if self._file is None:
            return None
        first, end = (self._sample_at(pts) for pts in (span.start_pts, span.end_pts))
        self._file.seek(first * _BYTES_PER_SAMPLE)
        samples = np.frombuffer(self._file.read((end - first) * _BYTES_PER_SAMPLE), "<i2")
        return encoded(samples.astype(np.int16)) if len(samples) else None

    def _sample_at(self, pts: int) -> int:
        start_pts = self._source.record.video.start_pts
        return max(0, round((pts - start_pts) * self._source.time_base * RATE_HZ))


def encoded(samples: npt.NDArray[np.int16]) -> bytes:
    """Mono samples at 16 kHz as FLAC."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="flac", options=_MUXER) as media:
        stream = media.add_stream("flac", rate=RATE_HZ, layout="mono", options={"flags": "+bitexact"})
        stream.codec_context.thread_count = 1
        for first in range(0, len(samples), _BLOCK_SAMPLES):
            block = samples[None, first : first + _BLOCK_SAMPLES]
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, first
            media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
    return out.getvalue()
