"""Precision, recall and false alarms on clips with transitions marked by eye."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.shot_boundaries_contenders import Contender
from benchmarks.shot_boundaries_media import Clip
from curation.detect.evaluation import Tally, match


@dataclass
class Score:
    """What a detector found on all clips. `by_kind` holds hits and misses of each kind of transition;
    `mistakes` has a line for each."""

    tally: Tally = field(default_factory=Tally)
    by_kind: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    false_on_single_shots: int = 0
    duration_s: float = 0.0
    mistakes: list[str] = field(default_factory=list)

    @property
    def false_per_hour(self) -> float:
        """False alarms per hour of footage."""
        return self.tally.false_alarms / self.duration_s * 3600 if self.duration_s else 0.0

    def figures(self) -> dict[str, object]:
        """For the line of JSON."""
        return {
            "precision": round(self.tally.precision, 4),
            "recall": round(self.tally.recall, 4),
            "f1": round(self.tally.f1, 4),
            "hits": self.tally.hits,
            "false_alarms": self.tally.false_alarms,
            "misses": self.tally.misses,
            "cut_recall": round(self.by_kind["cut"].recall, 4),
            "recall_by_kind": {kind: round(each.recall, 4) for kind, each in sorted(self.by_kind.items())},
            "false_on_single_shots": self.false_on_single_shots,
            "false_per_hour": round(self.false_per_hour, 1),
        }


def score(contender: Contender, clips: Sequence[Clip]) -> Score:
    """What a detector finds in clips."""
    total = Score()
    for clip in clips:
        found = contender.in_file(clip.path)
        truth = clip.truth(found.stream)
        matching = match([each.interval for each in truth], found.transitions)
        total.tally += matching.tally
        total.duration_s += found.duration_s
        if clip.single_shot:
            total.false_on_single_shots += matching.tally.false_alarms
        for index, _ in matching.pairs:
            total.by_kind[truth[index].kind] += Tally(hits=1)
        for index in matching.missed:
            missed = truth[index]
            total.by_kind[missed.kind] += Tally(misses=1)
            total.mistakes.append(f"{clip.name} {missed.start}-{missed.end}: {missed.kind} missed")
        for index in matching.false:
            start, end = found.transitions[index]
            total.mistakes.append(f"{clip.name} {start}-{end}: false alarm")
    return total


def show_scores(scores: Mapping[str, Score]) -> None:
    """A table, then the mistakes of the first detector."""
    print(
        f"{'':<12}{'hits':>6}{'false':>7}{'missed':>8}{'P':>8}{'R':>8}{'F1':>8}{'cuts':>10}"
        f"{'single shots':>14}{'false/h':>9}"
    )
    for name, each in scores.items():
        tally, cuts = each.tally, each.by_kind["cut"]
        print(
            f"{name:<12}{tally.hits:>6}{tally.false_alarms:>7}{tally.misses:>8}{tally.precision:>8.3f}"
            f"{tally.recall:>8.3f}{tally.f1:>8.3f}{f'{cuts.hits}/{cuts.hits + cuts.misses}':>10}"
            f"{each.false_on_single_shots:>14}{each.false_per_hour:>9.0f}"
        )
    name, first = next(iter(scores.items()))
    print(f"\nmistakes of {name}:", *(first.mistakes or ["none"]), sep="\n  ")
