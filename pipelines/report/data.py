"""What the report shows: counts over the whole run, and a bounded number of clips in full.

`gather` makes a `ReportData` from a run's records, `render` turns it into the page. Nothing in here
grows with the run, so that a page on 10^6 clips is as large as one on a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass

from captioning.records import FusionKind, Modality, Provenance, SupportScore


@dataclass(frozen=True, kw_only=True)
class FilterLimits:
    """A filter of the run and the scores that it lets through, both ends included."""

    name: str
    min: float | None
    max: float | None


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What is known of a run besides its records.

    `started_s` and `finished_s` are seconds since 1970 (UTC); `files` counts the inputs that were
    discovered; `stage_seconds` are (stage, seconds of work over all workers) in DAG order; `filters`
    are those in use.
    """

    run_id: str
    config_name: str
    started_s: float
    finished_s: float
    version: str
    files: int
    stage_seconds: tuple[tuple[str, float], ...] = ()
    filters: tuple[FilterLimits, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the training that followed the run went: (step, loss) in order, and its speed."""

    losses: tuple[tuple[int, float], ...]
    samples_per_s: float


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Counts over all rows of the run. `clips` passed the filters, `cut` are those and the ones that did
    not; a clip is captioned when a captioner said something of it."""

    files: int
    videos: int
    video_s: float
    shots: int
    planned: int
    cut: int
    clips: int
    clip_s: float
    captioned: int
    fused: int
    claims: int
    uncited_claims: int
    dropped_claims: int
    duplicates: int
    samples: int
    sample_s: float
    shards: int
    shard_bytes: int
    rejected: int
    dataset: str | None


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Why some records did not reach a step of the funnel."""

    why: str
    count: int


@dataclass(frozen=True, kw_only=True)
class FunnelStep:
    """A step from file to sample. Steps with the same `unit` count the same things and may be
    compared; `per` is how many of them the step before gave on average where the unit changes."""

    name: str
    unit: str
    count: int
    lost: int
    losses: tuple[Loss, ...]
    per: str | None


@dataclass(frozen=True, kw_only=True)
class RejectGroup:
    """Rejects of one stage for one reason, with the detail of one of them."""

    stage: str
    reason: str
    meaning: str
    count: int
    example_id: str
    example: str


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Values in [low, high); in [low, infinity) where it is `open_ended`; just `low` where it is
    `single`, as counts are."""

    low: float
    high: float
    count: int
    single: bool = False
    open_ended: bool = False


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How a quantity is spread: `x_label` names it with its unit, `y_label` says what is counted."""

    title: str
    x_label: str
    y_label: str
    bins: tuple[Bin, ...]
    minimum: float
    median: float
    maximum: float


@dataclass(frozen=True, kw_only=True)
class Bars:
    """How many of `whole` clips, or what else `unit` names, are of each of a few named kinds, in their
    natural order."""

    title: str
    note: str
    counts: tuple[tuple[str, int], ...]
    whole: int
    unit: str = "clips"


@dataclass(frozen=True, kw_only=True)
class FilterChart:
    """How a filter's scores are spread; `outside` counts the clips that its thresholds turn down."""

    histogram: Histogram
    limits: FilterLimits
    outside: int


@dataclass(frozen=True, kw_only=True)
class Captioner:
    """A model that wrote texts of the run: `role` is a modality or `fusion`."""

    role: str
    model: str
    revision: str
    texts: int
    embedded: bool


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A frame of a clip as a JPEG data URI, with its time from the clip's start."""

    uri: str
    width_px: int
    height_px: int
    time_s: float


@dataclass(frozen=True, kw_only=True)
class ScoreView:
    """What a filter or a gate measured of a clip: `label` and `unit` are words for the page."""

    label: str
    value: float
    unit: str
    passes: bool = True


@dataclass(frozen=True, kw_only=True)
class TurnedDown:
    """A clip that a filter turned down, with the middle one of its frames."""

    clip_id: str
    source: str
    start_s: float
    end_s: float
    thumbnail: Thumbnail | None
    scores: tuple[ScoreView, ...]


@dataclass(frozen=True)
class Citing:
    """A claim that cites a line: where it stands on the page, and the kind of the fused caption it is in."""

    anchor: str
    number: int
    kind: FusionKind


@dataclass(frozen=True, kw_only=True)
class LineView:
    """A numbered line of a source caption; `cited_by` are claims of the fullest fused caption, then of the
    others, and `left_out` says that the fullest one does not tell it."""

    anchor: str
    label: str
    modality: Modality
    start_s: float
    end_s: float
    text: str
    confidence: float
    cited_by: tuple[Citing, ...]
    left_out: bool


@dataclass(frozen=True, kw_only=True)
class DoubtView:
    """Speech that was not written down; `why` is in words, `detail` the figures behind it."""

    start_s: float
    end_s: float
    why: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class TranslationView:
    """The lines of a caption in another language: (start_s, end_s, text)."""

    modality: Modality
    language: str
    lines: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True, kw_only=True)
class CitedLine:
    """A citation in a claim: the line's label, and its anchor unless no such line is on the page."""

    label: str
    anchor: str | None


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of fused text: a claim, or words between claims (`number` 0, no anchor)."""

    text: str
    number: int = 0
    anchor: str = ""
    modalities: str = ""
    cited: tuple[CitedLine, ...] = ()
    support: tuple[SupportScore, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DroppedView:
    """A claim that the checks removed from a draft, and why."""

    text: str
    cited: tuple[CitedLine, ...]
    problems: tuple[str, ...]
    score: float
    draft: int


@dataclass(frozen=True, kw_only=True)
class FusedView:
    """A fused caption cut into its claims; `how` says in words how it came to be. `hidden_dropped` counts
    dropped claims that are not shown."""

    kind: FusionKind
    pieces: tuple[Piece, ...]
    how: str
    support_rate: float
    of_first_draft: bool
    coverage: float
    omitted: tuple[CitedLine, ...]
    dropped: tuple[DroppedView, ...]
    hidden_dropped: int


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where texts of a clip come from."""

    role: str
    provenance: Provenance


@dataclass(frozen=True, kw_only=True)
class ClipView:
    """A clip as the page shows it. `fate` says in words what became of it, `fate_kind` is `packed`,
    `rejected`, `duplicate` or `open`; `hidden_lines` counts lines left out of an endless caption, `failures`
    say why a modality has no caption. `fused` has the fullest caption first; `scores` are those of the
    filters, `gates` those of its fused caption."""

    number: int
    clip_id: str
    video_id: str
    source: str
    uri: str
    title: str | None
    licence: str | None
    start_s: float
    end_s: float
    width_px: int
    height_px: int
    fps: float
    thumbnails: tuple[Thumbnail, ...]
    lines: tuple[LineView, ...]
    hidden_lines: int
    failures: tuple[tuple[Modality, str], ...]
    uncertain: tuple[DoubtView, ...]
    translations: tuple[TranslationView, ...]
    fused: tuple[FusedView, ...]
    fate_kind: str
    fate: str
    scores: tuple[ScoreView, ...]
    gates: tuple[ScoreView, ...]
    origins: tuple[Origin, ...]

    @property
    def letters(self) -> str:
        """The modalities that have lines: "VAS", "V"…"""
        return "".join(m.letter for m in Modality if any(line.modality is m for line in self.lines))


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything on the page. `clips` are `totals.clips` or fewer; equal data gives equal bytes."""

    facts: RunFacts
    totals: Totals
    funnel: tuple[FunnelStep, ...]
    rejects: tuple[RejectGroup, ...]
    turned_down: tuple[TurnedDown, ...]
    num_turned_down: int
    filters: tuple[FilterChart, ...]
    histograms: tuple[Histogram, ...]
    bars: tuple[Bars, ...]
    captioners: tuple[Captioner, ...]
    training: Training | None
    clips: tuple[ClipView, ...]
