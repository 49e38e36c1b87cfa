"""Shots of single files, without a run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from curation.base.rejects import Rejected
from curation.base.workspace import Workspace
from curation.detect.content import ContentDetector
from curation.discover import find_inputs
from curation.probe import Probe
from curation.records import Shot, SourceVideo
from pipelines.config import CurationConfig


class Unreadable(ValueError):
    """A file without a usable video; the message says why."""


def segment(paths: Sequence[str], config: CurationConfig) -> Iterator[dict[str, Any] | Unreadable]:
    """What `cliploom segment --json` prints for each file: its transitions and the shots between.

    A transition's `start` is the last frame of the outgoing shot, its `end` the first of the incoming
    one; a shot's `end_frame` is its last frame. Files without a usable video come as `Unreadable`.

    Raises:
        NoInput: a path is not there.
    """
    folder = tempfile.mkdtemp(prefix="cliploom-segment-")
    workspace = Workspace.open(folder, folder)
    probe = Probe(config.probe, workspace)
    detector = ContentDetector(config.detect, workspace, config.probe.limits)
    try:
        detector.setup()
        for record in find_inputs(paths):
            source = next(probe([record]))
            found = [source] if isinstance(source, Rejected) else list(detector([source]))
            rejected = next((item for item in found if isinstance(item, Rejected)), None)
            if rejected is not None or isinstance(source, Rejected):
                yield Unreadable(f"{record.uri}: {rejected.detail if rejected else ''}")
            else:
                yield _describe(source, [item for item in found if isinstance(item, Shot)])
    finally:
        shutil.rmtree(Path(folder), ignore_errors=True)


def _describe(source: SourceVideo, shots: Sequence[Shot]) -> dict[str, Any]:
    return {
        "file": source.uri,
        "fps": source.video.fps,
        "num_frames": max((shot.last_frame for shot in shots), default=-1) + 1,
        "transitions": [
            {
                "start": left.last_frame,
                "end": right.start_frame,
                "type": right.opened_by,
                "score": right.score,
            }
            for left, right in pairwise(shots)
        ],
        "clips": [
            {
                "start_s": round(shot.start_s, 4),
                "end_s": round(shot.end_s, 4),
                "start_frame": shot.start_frame,
                "end_frame": shot.last_frame,
            }
            for shot in shots
        ],
    }
