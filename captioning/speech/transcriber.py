"""Speech of a source, written down once for all of its clips."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

from captioning.audio.vad import VoiceActivity, vad_fingerprints
from captioning.provenance import provenance
from captioning.records import Doubt, DoubtReason, Segment, Transcript
from captioning.speech.guards import judged
from captioning.speech.heard import Recognised
from captioning.speech.language import VOTING_PIECES, vote
from captioning.speech.pieces import MAX_GAP_S, MAX_PIECE_S, Piece
from captioning.speech.recogniser import Recogniser, SpeechConfig
from captioning.speech.sound import TIME_DECIMALS, SourceSound
from curation.base.records import round_score
from curation.base.rejects import Rejected
from curation.base.stages import Map
from curation.base.workspace import Workspace
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox
from curation.probe import file_name
from curation.records import SourceVideo


class Transcriber(Map[SourceVideo, Transcript]):
    """Writes down the words of a source.

    Speech is found by Silero VAD, recognised in pieces of up to 30 s, all in the language that the first of
    them vote for, and left out where it may be made up: `uncertain` says where and why. Memory does not grow
    with the source.

    Sound that breaks off, or is damaged in between, gives what could be heard; the provenance says how far
    and why. Sound of which nothing can be decoded is rejected, and the source's clips go on with empty speech
    captions. A source without sound has a transcript without words.
    """

    name: ClassVar[str] = "transcribe"
    version: ClassVar[str] = "2"
    input: ClassVar[type[SourceVideo]] = SourceVideo
    output: ClassVar[type[Transcript]] = Transcript

    config: SpeechConfig

    def __init__(
        self,
        recogniser: Recogniser,
        config: SpeechConfig,
        workspace: Workspace,
        limits: DecodeLimits = DEFAULT_LIMITS,
    ) -> None:
        self.config = config
        self.resources = recogniser.resources  # type: ignore[misc]  # the runner asks the instance
        self._recogniser = recogniser
        self._workspace = workspace
        self._sandbox = Sandbox(limits)

    def setup(self) -> None:
        """Load the recogniser and the voice activity detector."""
        self._voice = VoiceActivity()
        self._recogniser.setup()

    def fingerprints(self) -> Mapping[str, str]:
        """The recogniser with its model, the detector, the decoder of the sound."""
        packages = ("av", "numpy")
        versions = {name: importlib.metadata.version(name) for name in packages}
        return {**vad_fingerprints(), **versions, **self._recogniser.fingerprints()}

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
        sound = SourceSound(source, self._voice, self._workspace, self._sandbox)
        work = _Work(self._recogniser, self.config, source.video_id, sound.start_s)
        work.take(sound.pieces())
        notes = {} if source.audio else {"sound": "none in the file"}
        if sound.damage is not None:
            notes = {"damage": sound.damage}
        return Transcript(
            video_id=source.video_id,
            language=work.language if work.words else None,
            speech_spans=sound.speech_spans,
            segments=tuple(work.words),
            uncertain=tuple(sorted(work.doubts, key=lambda doubt: (doubt.start_s, doubt.end_s))),
            provenance=provenance(
                self,
                model=self._recogniser.model,
                revision=self._recogniser.revision,
                parameters={**self._parameters(), "languages": work.votes, **notes},
                spans=sound.heard,
            ),
        )

    def _parameters(self) -> dict[str, Any]:
        return {
            **self._recogniser.parameters(),
            "min_speech_s": self.config.min_speech_s,
            "guards": self.config.guards.semantic(),
            "max_piece_s": MAX_PIECE_S,
            "max_gap_s": MAX_GAP_S,
        }


class _Work:
    """What one source has come to so far."""

    def __init__(self, recogniser: Recogniser, config: SpeechConfig, unit: str, start_s: float) -> None:
        self.words: list[Segment] = []
        self.doubts: list[Doubt] = []
        self.votes: dict[str, float] = {}
        self.language = recogniser.language
        self._recogniser = recogniser
        self._config = config
        self._unit = unit
        self._start_s = start_s

    def take(self, pieces: Iterator[Piece]) -> None:
        """Recognise the pieces of a source, which has a language."""
        self._recogniser.forget()
        long_enough = self._long_enough(pieces)
        if self.language is None:
            voters = list(islice(long_enough, VOTING_PIECES))
            for piece, heard in zip(voters, self._in_one_language(voters), strict=True):
                self._note(piece, heard)
        while batch := list(islice(long_enough, self._recogniser.pieces_per_call)):
            for piece, heard in zip(batch, self._hear(batch, self.language), strict=True):
                self._note(piece, heard)

    def _long_enough(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if piece.speech_s >= self._config.min_speech_s:
                yield piece
            else:
                detail = f"{piece.speech_s:.2f} s of speech, less than {self._config.min_speech_s:g} s"
                self._doubt(piece, DoubtReason.TOO_SHORT, detail)

    def _in_one_language(self, pieces: Sequence[Piece]) -> list[Recognised]:
        """What is said in the first pieces: each is heard in the language it seems to be in, and again in the
        one that all vote for where that is another."""
        heard = self._hear(pieces, None)
        self.votes = vote((piece.speech_s, each.languages) for piece, each in zip(pieces, heard, strict=True))
        self.language = next(iter(self.votes), None)
        others = [
            number for number, each in enumerate(heard) if _likeliest(each) not in (None, self.language)
        ]
        again = self._hear([pieces[number] for number in others], self.language) if others else []
        for number, each in zip(others, again, strict=True):
            heard[number] = each
        return heard

    def _hear(self, pieces: Sequence[Piece], language: str | None) -> list[Recognised]:
        return (
            self._recogniser.hear(self._unit, [piece.samples for piece in pieces], language) if pieces else []
        )

    def _note(self, piece: Piece, heard: Recognised) -> None:
        """Keep what is beyond doubt, on the source's clock."""
        if heard.doubt is not None:
            self._doubt(piece, *heard.doubt)
            return
        words, doubts = judged(heard.utterances, piece.speech, self._config.guards)
        shift_s = self._start_s + piece.start_s
        self.words += [
            Segment(
                start_s=round(shift_s + word.start_s, TIME_DECIMALS),
                end_s=round(shift_s + word.end_s, TIME_DECIMALS),
                text=word.text,
                confidence=round_score(word.confidence),
            )
            for word in words
        ]
        for doubt in doubts:
            self._shifted(shift_s, doubt.start_s, doubt.end_s, doubt.reason, doubt.detail)

    def _doubt(self, piece: Piece, reason: DoubtReason, detail: str) -> None:
        shift_s = self._start_s + piece.start_s
        self._shifted(shift_s, piece.speech[0].start_s, piece.speech[-1].end_s, reason, detail)

    def _shifted(
        self, shift_s: float, start_s: float, end_s: float, reason: DoubtReason, detail: str
    ) -> None:
        self.doubts.append(
            Doubt(
                start_s=round(shift_s + start_s, TIME_DECIMALS),
                end_s=round(shift_s + end_s, TIME_DECIMALS),
                reason=reason,
                detail=detail,
            )
        )


def _likeliest(heard: Recognised) -> str | None:
    return max(heard.languages, key=lambda each: (heard.languages[each], each), default=None)
