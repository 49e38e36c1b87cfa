"""What is written beside weights: where they came from and what they can do."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from curation.detect.evaluation import Tally
from curation.detect.learning.assess import Assessment
from curation.detect.learning.building import PoolReport
from curation.detect.learning.fit import FitConfig
from curation.detect.learning.scores import SEED, VIDEO_FRAMES, weights
from curation.detect.models.loom import Loom


@dataclass(frozen=True)
class Training:
    """A training: its settings, how long it took with building the pools, what it saw, how it did."""

    config: FitConfig
    seconds: float
    pool: PoolReport
    held_out: PoolReport
    score: Assessment


def write_card(folder: Path, model: Loom, training: Training) -> None:
    """Write loom.safetensors and card.json into a folder."""
    content = weights(model)
    (folder / "loom.safetensors").write_bytes(content)
    card = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "num_parameters": sum(each.numel() for each in model.parameters()),
        "machine": f"{platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads",
        "seconds": round(training.seconds),
        "settings": training.config.model_dump(),
        "score_on_composed_videos": _scores(training.score),
        "trained_on": _data(training.pool),
        "measured_on": _data(training.held_out),
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n")


def _scores(score: Assessment) -> dict[str, Any]:
    return {
        "videos": f"{score.num_frames // VIDEO_FRAMES} of {VIDEO_FRAMES} frames, seed {SEED}",
        **_tally(score.tally),
        "f1_interval_95": [round(each, 4) for each in score.f1_interval],
        "recall_by_kind": {
            kind: f"{tally.recall:.3f} of {tally.hits + tally.misses}"
            for kind, tally in score.by_kind.items()
        },
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "precision": round(tally.precision, 4),
        "recall": round(tally.recall, 4),
        "f1": round(tally.f1, 4),
        **asdict(tally),
    }


def _data(report: PoolReport) -> dict[str, Any]:
    return {
        "num_shots": report.num_shots,
        "num_frames": report.num_frames,
        "sources": [asdict(each) for each in report.sources],
        "skipped": list(report.skipped),
    }
