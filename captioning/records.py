"""The records of captioning: Transcript (per source), Caption (per clip and modality), FusedCaption."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from curation.base.records import Part, Record, untracked


class Modality(StrEnum):
    """What a caption speaks of; the first letter names its lines in a fused caption (V1, A1, S1)."""

    VIDEO = "video"
    AUDIO = "audio"
    SPEECH = "speech"

    @property
    def letter(self) -> str:
        """V, A or S."""
        return self.value[0].upper()


@dataclass(frozen=True, kw_only=True)
class Span(Part):
    """A stretch of time, in seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Provenance(Part):
    """Where a text comes from, all of it deterministic, so that it may go into shards.

    `revision` is the model's version or weights hash; `prompt_sha256` and `prompt` (the prompt's
    file in the package) are None where there is no prompt; `parameters` is canonical JSON of the
    settings that shaped the text; `input_spans` are [start_s, end_s] of the clip or source that was
    looked at.
    """

    model: str
    revision: str
    prompt: str | None
    prompt_sha256: str | None
    parameters: str
    input_spans: tuple[Span, ...]
    stage: str
    stage_version: str
    stage_key: str
    code_version: str


@dataclass(frozen=True, kw_only=True)
class Segment(Part):
    """One line of a caption: a single fact or utterance with its time in the clip (seconds from the
    clip's start; in a Transcript, from the source's start) and a confidence in 0..1."""

    start_s: float
    end_s: float
    text: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Transcript(Record):
    """What is said in a source, recognised once and later sliced to its clips.

    `language` is an ISO 639-1 code, or None where nothing is said. `segments` are single words or
    short phrases in order of time.
    """

    TABLE: ClassVar[str] = "transcripts"

    video_id: str
    language: str | None
    speech_spans: tuple[Span, ...]
    segments: tuple[Segment, ...]
    provenance: Provenance = untracked()

    @property
    def record_id(self) -> str:
        return self.video_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.video_id,)


@dataclass(frozen=True, kw_only=True)
class Caption(Record):
    """What one captioner says of a clip. `text` joins the segments; both are empty where there is
    nothing to say (a silent clip has an empty speech caption)."""

    TABLE: ClassVar[str] = "captions"

    clip_id: str
    modality: Modality
    language: str | None
    text: str
    segments: tuple[Segment, ...]
    confidence: float
    provenance: Provenance = untracked()

    @property
    def record_id(self) -> str:
        return f"{self.clip_id}:{self.modality}"

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)


@dataclass(frozen=True, kw_only=True)
class SupportScore(Part):
    """How far a modality's cited lines carry a claim, in 0..1."""

    modality: Modality
    score: float


@dataclass(frozen=True, kw_only=True)
class Claim(Part):
    """A stretch of the fused text [start_char, end_char) with the source lines it rests on."""

    start_char: int
    end_char: int
    lines: tuple[str, ...]
    support: tuple[SupportScore, ...]


@dataclass(frozen=True, kw_only=True)
class SourceLine(Part):
    """A numbered line of a source caption as the fusion saw it: `line` is V1, A2, S3…"""

    line: str
    modality: Modality
    start_s: float
    end_s: float
    text: str
    confidence: float


class FusionKind(StrEnum):
    """Which modalities a fused caption draws on (InternVideo2, section 3: V, A, S, AV, AVS)."""

    V = "V"
    A = "A"
    S = "S"
    AV = "AV"
    AVS = "AVS"


@dataclass(frozen=True, kw_only=True)
class FusedCaption(Record):
    """One text from several captions, every claim of which cites numbered source lines."""

    TABLE: ClassVar[str] = "fused_captions"

    clip_id: str
    kind: FusionKind
    text: str
    sources: tuple[SourceLine, ...]
    claims: tuple[Claim, ...]
    provenance: Provenance = untracked()

    @property
    def record_id(self) -> str:
        return f"{self.clip_id}:{self.kind}"

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)
