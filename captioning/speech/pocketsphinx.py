"""Speech recognition without weights to download: rough English, labelled so."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field

from captioning.audio.silero import Floats
from captioning.audio.vad import VoiceActivity, vad_fingerprints
from captioning.provenance import provenance
from captioning.records import Segment, Span, Transcript
from captioning.speech.decoder import LEVEL_RMS, MAX_ACTIVE_HMMS, Word, WordDecoder
from captioning.speech.pieces import MAX_GAP_S, MAX_PIECE_S, Piece, PieceCutter
from curation.base.config import Config
from curation.base.records import round_score
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Map, Resources
from curation.base.workspace import Workspace
from curation.media.fetch import fetch
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError, MediaStream, Sandbox
from curation.probe import file_name
from curation.records import AudioStream, SourceVideo

MODEL = "pocketsphinx en-us"
LANGUAGE = "en"
MIN_WORDS_PER_S, MAX_WORDS_PER_S = 0.3, 6.0
"""Nobody speaks slower or faster for long; text outside is invented (on music, rain, engines)."""
OUT_OF_TIME = {Reason.DECODE_LIMIT, Reason.DECODE_TIMEOUT}
"""Ends of decoding that say something of the machine: what came before them is not kept, since another
machine would hear more."""
TIME_DECIMALS = 3
Notes: TypeAlias = Mapping[str, str]
_LOUDEST = 4.0


class PocketsphinxConfig(Config):
    """Rough English speech recognition, offline, behind voice activity detection."""

    kind: Literal["pocketsphinx"] = Field(
        "pocketsphinx", description="Rough English; its model is inside the pocketsphinx package"
    )
    min_confidence: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Least mean word confidence of a piece of speech (up to 30 s); less is not text",
    )
    min_speech_s: float = Field(
        1.0, ge=0, le=30, description="Least speech in a piece, in seconds; less is not recognised"
    )


class PocketsphinxTranscriber(Map[SourceVideo, Transcript]):
    """Writes down the words of a source, once, for all of its clips.

    Speech is found by Silero VAD, recognised in pieces of up to 30 s, and dropped where the recogniser
    itself doubts: `speech_spans` still tell that somebody spoke. Memory does not grow with the source.

    Sound that breaks off, or is damaged in between, gives what could be heard; the provenance says how
    far and why. Sound of which nothing can be decoded is rejected, and the source's clips go on with
    empty speech captions. A source without sound has a transcript without words.
    """

    name: ClassVar[str] = "transcribe"
    version: ClassVar[str] = "1"
    input: ClassVar[type[SourceVideo]] = SourceVideo
    output: ClassVar[type[Transcript]] = Transcript
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory_bytes=768 << 20, batch_size=1)

    def __init__(
        self, config: PocketsphinxConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
    ) -> None:
        self.config: PocketsphinxConfig = config
        self._workspace = workspace
        self._sandbox = Sandbox(limits)

    def setup(self) -> None:
        """Load the acoustic and language models and the voice activity detector."""
        self._voice = VoiceActivity()
        self._decode = WordDecoder()

    def fingerprints(self) -> Mapping[str, str]:
        """The recogniser with its model, the detector, the decoder of the sound."""
        packages = ("av", "numpy", "pocketsphinx")
        return {**vad_fingerprints(), **{name: importlib.metadata.version(name) for name in packages}}

    def __call__(self, batch: Sequence[SourceVideo]) -> Iterator[Transcript | Rejected]:
        """Yield one transcript, or one reject, per source."""
        for source in batch:
            try:
                yield self._transcript(source)
            except DecodeError as error:
                yield Rejected(
                    rejected_id=source.video_id,
                    parent_id=source.video_id,
                    stage=self.name,
                    reason=error.reason,
                    detail=f"'{file_name(source.uri)}' {error.detail}; "
                    "its speech is not recognised, its clips go on without it",
                )

    def _transcript(self, source: SourceVideo) -> Transcript:
        if source.audio is None:
            return self._record(
                source, PieceCutter(self._voice.spans), [], 0.0, {"sound": "none in the file"}
            )
        start_s = first_frame_s(source)
        self._decode.forget()
        cutter = PieceCutter(self._voice.spans)
        words: list[Segment] = []
        damage = None
        try:
            stream = self._open(source, source.audio, start_s)
            for piece in cutter.cut(_sane(stream)):
                words += self._words(piece, start_s)
            damage = stream.damage
        except DecodeError as error:
            if error.reason in OUT_OF_TIME or not cutter.heard_s:
                raise
            for piece in cutter.rest():
                words += self._words(piece, start_s)
            damage = error.detail
        return self._record(source, cutter, words, start_s, {} if damage is None else {"damage": damage})

    def _open(self, source: SourceVideo, audio: AudioStream, start_s: float) -> MediaStream[np.ndarray]:
        local = fetch(
            source.uri, self._workspace.scratch, size_bytes=source.size_bytes, video_id=source.video_id
        )
        return self._sandbox.audio(local.path, source.container, audio.index, start_s=start_s)

    def _words(self, piece: Piece, start_s: float) -> list[Segment]:
        """What is said in a piece, on the source's clock; nothing where it is doubtful."""
        if piece.speech_s < self.config.min_speech_s:
            return []
        words = self._decode(piece.samples)
        if not is_speech(words, piece.speech_s, self.config.min_confidence):
            return []
        shift_s = start_s + piece.start_s
        return [
            Segment(
                start_s=round(shift_s + word.start_s, TIME_DECIMALS),
                end_s=round(shift_s + word.end_s, TIME_DECIMALS),
                text=word.text,
                confidence=round_score(word.confidence),
            )
            for word in words
        ]

    def _record(
        self, source: SourceVideo, sound: PieceCutter, words: Sequence[Segment], start_s: float, notes: Notes
    ) -> Transcript:
        end_s = round(start_s + sound.heard_s, TIME_DECIMALS)
        return Transcript(
            video_id=source.video_id,
            language=LANGUAGE if words else None,
            speech_spans=tuple(
                Span(
                    start_s=round(start_s + span.start_s, TIME_DECIMALS),
                    end_s=round(start_s + span.end_s, TIME_DECIMALS),
                )
                for span in sound.spans
            ),
            segments=tuple(words),
            provenance=provenance(
                self,
                model=MODEL,
                revision=importlib.metadata.version("pocketsphinx"),
                parameters={**self._parameters(), **notes},
                spans=[(round(start_s, TIME_DECIMALS), end_s)] if sound.heard_s else [],
            ),
        )

    def _parameters(self) -> dict[str, Any]:
        return {
            "min_confidence": self.config.min_confidence,
            "min_speech_s": self.config.min_speech_s,
            "words_per_s": [MIN_WORDS_PER_S, MAX_WORDS_PER_S],
            "max_piece_s": MAX_PIECE_S,
            "max_gap_s": MAX_GAP_S,
            "level_rms": LEVEL_RMS,
            "max_active_hmms": MAX_ACTIVE_HMMS,
        }


def first_frame_s(source: SourceVideo) -> float:
    """Where the first clip can begin, on the source's clock: sound before it is in no clip."""
    return float(source.video.start_pts * Fraction(source.video.time_base))


def is_speech(words: Sequence[Word], speech_s: float, min_confidence: float) -> bool:
    """Whether words look like what somebody said, rather than like a recogniser fed with something else.

    Real speech that came out readable had a mean confidence of 0.42 to 0.69, whole pieces of wrong words
    0.04 to 0.27.
    """
    if not words or not MIN_WORDS_PER_S <= len(words) / speech_s <= MAX_WORDS_PER_S:
        return False
    return round_score(sum(word.confidence for word in words) / len(words)) >= min_confidence


def _sane(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Samples of a hostile file made finite: one NaN would silence the detector for good."""
    for block in blocks:
        finite = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        yield np.clip(finite, -_LOUDEST, _LOUDEST)
