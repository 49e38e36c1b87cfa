"""Transitions composed over single shots that no detector was trained on, by kind, with bootstrap intervals.

What joins the shots is what joins those that our network is trained on, which is to its advantage; a shot may
be as short as three frames, where PySceneDetect's detectors by default let 15 pass between two cuts.

Every detector is given the same frames of 48x27 pixels, PySceneDetect's as BGR and by their own calls
(`process_frame`, `post_process`), without a file between. In files they look at pictures about 256 pixels
wide: on clips marked by eye, frames of 48x27 instead changed their F1 by 0.00 (content), +0.06 (adaptive),
-0.02 (hash) and -0.10 (histogram).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.shot_boundaries_contenders import Contender
from curation.detect.evaluation import Tally
from curation.detect.learning.assess import Assessment, assess, composed_videos, f1_interval
from curation.detect.learning.building import build_pool
from curation.detect.learning.compose import Composed
from curation.detect.learning.pool import ShotPool

NUM_FRAMES = 600
POOL_SEED, SEED = 20_240_117, 0
"""Training takes small seeds for its procedural scenes."""

_RESAMPLES = 1000
_INTERVAL = (0.025, 0.975)


@dataclass
class ComposedScore:
    """What a detector found, a tally per video and, of hits and misses only, per kind and video."""

    videos: list[Tally] = field(default_factory=list)
    kinds: dict[str, dict[int, Tally]] = field(default_factory=lambda: defaultdict(dict))
    num_frames: int = 0

    def add(self, assessment: Assessment) -> None:
        """Take in one video."""
        for kind, tally in assessment.by_kind.items():
            self.kinds[kind][len(self.videos)] = tally
        self.videos.append(assessment.tally)
        self.num_frames += assessment.num_frames

    @property
    def tally(self) -> Tally:
        """Over all videos."""
        return sum(self.videos, Tally())

    def recall_interval(self, kind: str) -> tuple[float, float]:
        """Bootstrap interval (95 %) of the recall of a kind, over videos drawn with replacement."""
        counts = np.zeros((len(self.videos), 2))
        for video, tally in self.kinds[kind].items():
            counts[video] = tally.hits, tally.misses
        drawn = np.random.default_rng(0).integers(len(counts), size=(_RESAMPLES, len(counts)))
        recalls = _shares(counts[drawn].sum(1))
        low, high = np.quantile(recalls, _INTERVAL) if len(recalls) else (0.0, 1.0)
        return float(low), float(high)

    def figures(self) -> dict[str, object]:
        """For the line of JSON."""
        tally = self.tally
        return {
            "transitions": tally.hits + tally.misses,
            "videos": len(self.videos),
            "frames": self.num_frames,
            "precision": round(tally.precision, 4),
            "recall": round(tally.recall, 4),
            "f1": round(tally.f1, 4),
            "f1_interval": [round(each, 4) for each in f1_interval(self.videos)],
            "kinds": {kind: self._kind(kind) for kind in sorted(self.kinds)},
        }

    def _kind(self, kind: str) -> dict[str, object]:
        tally = self.of_kind(kind)
        interval = [round(each, 4) for each in self.recall_interval(kind)]
        return {
            "number": tally.hits + tally.misses,
            "recall": round(tally.recall, 4),
            "recall_interval": interval,
        }

    def of_kind(self, kind: str) -> Tally:
        """Hits and misses of a kind."""
        return sum(self.kinds[kind].values(), Tally())


def held_out_pool(folder: Path, scenes: int, footage: Sequence[Path], pictures: Sequence[Path]) -> ShotPool:
    """Procedural scenes of a seed of their own, and the footage and pictures that were kept from training."""
    build_pool(folder, scenes=scenes, footage=footage, pictures=pictures, seed=POOL_SEED, processes=2)
    return ShotPool.open(folder)


def score_composed(
    contenders: Mapping[str, Contender], pool: ShotPool, transitions: int
) -> dict[str, ComposedScore]:
    """What each detector finds in videos that hold at least so many transitions together."""
    scores = {name: ComposedScore() for name in contenders}
    for video in _videos(pool, transitions):
        for name, contender in contenders.items():
            scores[name].add(assess(contender.in_frames, [video]))
    return scores


def _videos(pool: ShotPool, transitions: int) -> Iterator[Composed]:
    """Transitions that an end of their video cuts do not count."""
    counted = 0
    for video in composed_videos(pool, transitions, NUM_FRAMES, SEED):
        yield video
        last = len(video.frames) - 1
        counted += sum(each.start_frame >= 0 and each.end_frame <= last for each in video.transitions)
        if counted >= transitions:
            return


def show_composed(scores: Mapping[str, ComposedScore], num_shots: int) -> None:
    """Precision, recall and F1 of each detector; the recall of each by kind."""
    some = next(iter(scores.values()))
    print(f"\n{len(some.videos)} videos composed over {num_shots} single shots, {some.num_frames} frames")
    print(f"{'':<12}{'hits':>6}{'false':>7}{'missed':>8}{'P':>8}{'R':>8}{'F1':>8}{'95 %':>16}")
    for name, each in scores.items():
        tally, (low, high) = each.tally, f1_interval(each.videos)
        print(
            f"{name:<12}{tally.hits:>6}{tally.false_alarms:>7}{tally.misses:>8}{tally.precision:>8.3f}"
            f"{tally.recall:>8.3f}{tally.f1:>8.3f}{f'{low:.3f}-{high:.3f}':>16}"
        )
    print(f"\n{'recall by kind':<20}{'number':>8}" + "".join(f"{name:>20}" for name in scores))
    for kind in sorted(some.kinds, key=lambda kind: -_number(some.of_kind(kind))):
        cells = [
            f"{each.of_kind(kind).recall:.2f} ({low:.2f}-{high:.2f})"
            for each in scores.values()
            for low, high in [each.recall_interval(kind)]
        ]
        print(f"{kind:<20}{_number(some.of_kind(kind)):>8}" + "".join(f"{cell:>20}" for cell in cells))


def _number(tally: Tally) -> int:
    return tally.hits + tally.misses


def _shares(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of the first of two counts, of draws that have any."""
    totals = counts.sum(1)
    shares: npt.NDArray[np.float64] = counts[totals > 0, 0] / totals[totals > 0]
    return shares
