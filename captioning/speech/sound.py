"""The sound of a source as pieces of speech, as far as it can be decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from captioning.audio.silero import Floats
from captioning.audio.vad import VoiceActivity
from captioning.records import Span
from captioning.speech.pieces import Piece, PieceCutter
from curation.base.rejects import Reason
from curation.base.workspace import Workspace
from curation.media.fetch import fetch
from curation.media.sandbox import DecodeError, MediaStream, Sandbox
from curation.records import AudioStream, SourceVideo

OUT_OF_TIME = {Reason.DECODE_LIMIT, Reason.DECODE_TIMEOUT}
"""Ends of decoding that say something of the machine: what came before them is not kept, since another
machine would hear more."""
TIME_DECIMALS = 3
_LOUDEST = 4.0


class SourceSound:
    """Decodes and cuts the sound of one source, in memory that does not grow.

    After `pieces` has ended, `damage` says how far the sound could be decoded, None where all of it was.
    """

    def __init__(
        self, source: SourceVideo, voice: VoiceActivity, workspace: Workspace, sandbox: Sandbox
    ) -> None:
        self.start_s = first_frame_s(source) if source.audio else 0.0
        self.damage: str | None = None
        self._source = source
        self._workspace = workspace
        self._sandbox = sandbox
        self._cutter = PieceCutter(voice.spans)

    def pieces(self) -> Iterator[Piece]:
        """The pieces of speech, in order of time; what was heard before the sound breaks off counts.

        Raises:
            DecodeError: nothing of the sound can be decoded, or it took longer than this machine allows.
        """
        if self._source.audio is None:
            return
        try:
            stream = self._open(self._source.audio)
            yield from self._cutter.cut(_sane(stream))
            self.damage = stream.damage
        except DecodeError as error:
            if error.reason in OUT_OF_TIME or not self._cutter.heard_s:
                raise
            self.damage = error.detail
            yield from self._cutter.rest()

    @property
    def speech_spans(self) -> tuple[Span, ...]:
        """Where somebody speaks, on the source's clock, as far as the pieces were taken."""
        return tuple(
            Span(
                start_s=round(self.start_s + span.start_s, TIME_DECIMALS),
                end_s=round(self.start_s + span.end_s, TIME_DECIMALS),
            )
            for span in self._cutter.spans
        )

    @property
    def heard(self) -> list[tuple[float, float]]:
        """What of the source was decoded, as (start_s, end_s) on its clock; empty without sound."""
        if not self._cutter.heard_s:
            return []
        end_s = self.start_s + self._cutter.heard_s
        return [(round(self.start_s, TIME_DECIMALS), round(end_s, TIME_DECIMALS))]

    def _open(self, audio: AudioStream) -> MediaStream[np.ndarray]:
        source = self._source
        local = fetch(
            source.uri, self._workspace.scratch, size_bytes=source.size_bytes, video_id=source.video_id
        )
        return self._sandbox.audio(local.path, source.container, audio.index, start_s=self.start_s)


def first_frame_s(source: SourceVideo) -> float:
    """Where the first clip can begin, on the source's clock: sound before it is in no clip."""
    return float(source.video.start_pts * Fraction(source.video.time_base))


def _sane(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Samples of a hostile file made finite: one NaN would silence the detector for good."""
    for block in blocks:
        finite = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        yield np.clip(finite, -_LOUDEST, _LOUDEST)
