"""The records of captioning: Transcript (per source), Caption (per clip and modality), FusedCaption."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from curation.base.records import Part, Record, untracked
from curation.records import NamedScore


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


class DoubtReason(StrEnum):
    """Why speech was not written down."""

    TOO_SHORT = "too_short"
    NO_WORDS = "no_words"
    FEW_WORDS = "few_words"
    MANY_WORDS = "many_words"
    LITTLE_SPEECH = "little_speech"
    UNLIKELY = "unlikely"
    NO_SPEECH = "no_speech"
    COMPRESSIBLE = "compressible"
    LOOP = "loop"
    KNOWN_PHRASE = "known_phrase"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Doubt(Part):
    """A stretch in which somebody seems to speak, and whose words are not told since they may be made up.

    Times are those of the segments beside it. `detail` holds the figures behind the reason, never words.
    """

    start_s: float
    end_s: float
    reason: DoubtReason
    detail: str


@dataclass(frozen=True, kw_only=True)
class Transcript(Record):
    """What is said in a source, recognised once and later sliced to its clips.

    `language` is an ISO 639-1 code, or None where nothing is said or nobody knows. `segments` are single
    words or short phrases in order of time; `uncertain` is the speech that was left out.
    """

    TABLE: ClassVar[str] = "transcripts"

    video_id: str
    language: str | None
    speech_spans: tuple[Span, ...]
    segments: tuple[Segment, ...]
    uncertain: tuple[Doubt, ...]
    provenance: Provenance = untracked()

    @property
    def record_id(self) -> str:
        return self.video_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.video_id,)


@dataclass(frozen=True, kw_only=True)
class Translation(Part):
    """The lines of a caption in another language, one for each line and with its time and confidence."""

    language: str
    segments: tuple[Segment, ...]
    provenance: Provenance = untracked()


@dataclass(frozen=True, kw_only=True)
class Caption(Record):
    """What one captioner says of a clip. `text` joins the segments; both are empty where there is
    nothing to say (a silent clip has an empty speech caption). `text` and `segments` are always in
    `language`; `translation` stands beside them where one was asked for. `uncertain` is speech of the
    clip that was left out."""

    TABLE: ClassVar[str] = "captions"

    clip_id: str
    modality: Modality
    language: str | None
    text: str
    segments: tuple[Segment, ...]
    confidence: float
    uncertain: tuple[Doubt, ...] = ()
    translation: Translation | None = None
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
    """A numbered line of a source caption as the fusion saw it: `line` is V1, A2, S3… Where `text` is a
    translation, `original` is what was said."""

    line: str
    modality: Modality
    start_s: float
    end_s: float
    text: str
    confidence: float
    original: str | None = None


class FusionKind(StrEnum):
    """Which modalities a fused caption draws on (InternVideo2, section 3: V, A, S, AV, AVS)."""

    V = "V"
    A = "A"
    S = "S"
    AV = "AV"
    AVS = "AVS"


FULLEST_FIRST = (FusionKind.AVS, FusionKind.AV, FusionKind.V, FusionKind.A, FusionKind.S)
"""The order in which readers take fused captions."""


@dataclass(frozen=True, kw_only=True)
class Dropped(Part):
    """A sentence that a model wrote and that is not in the text: the lines it cited, what the checks found
    wrong with it, the score (0..1) that they left it, and the draft (1 or 2) it stood in."""

    text: str
    lines: tuple[str, ...]
    problems: tuple[str, ...]
    score: float
    draft: int


class Wording(StrEnum):
    """How a fused text came to be: `joined` from its lines without a model; `written` by a model, every
    claim supported; `rewritten` by it once, after claims were dropped; `joined_instead`, as the second draft
    was not supported either, or no answer could be used."""

    JOINED = "joined"
    WRITTEN = "written"
    REWRITTEN = "rewritten"
    JOINED_INSTEAD = "joined_instead"


@dataclass(frozen=True, kw_only=True)
class FusedCaption(Record):
    """One text from several captions, every claim of which cites numbered source lines.

    `support_rate` is the share (0..1) of the first draft's claims that the checks let pass, `coverage` the
    share of the source lines whose facts are in the text; `omitted` are the others. `dropped` is what drafts
    said beyond the evidence; `fallback_reason` is why lines were joined instead (None where they were not).
    """

    TABLE: ClassVar[str] = "fused_captions"

    clip_id: str
    kind: FusionKind
    text: str
    sources: tuple[SourceLine, ...]
    claims: tuple[Claim, ...]
    wording: Wording
    support_rate: float
    coverage: float
    omitted: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    fallback_reason: str | None = None
    provenance: Provenance = untracked()

    @property
    def record_id(self) -> str:
        return f"{self.clip_id}:{self.kind}"

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)


@dataclass(frozen=True, kw_only=True)
class CaptionGate(Record):
    """What was measured of a clip's fullest fused caption, and which gates it did not pass (none: it may be
    packed). `kinds` are the clip's fused captions, the fullest first."""

    TABLE: ClassVar[str] = "caption_gates"

    clip_id: str
    kinds: tuple[FusionKind, ...]
    scores: tuple[NamedScore, ...]
    failed: tuple[str, ...]

    @property
    def record_id(self) -> str:
        return self.clip_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return tuple(f"{self.clip_id}:{kind}" for kind in self.kinds)
