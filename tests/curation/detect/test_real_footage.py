"""The default detector on real footage whose shot changes were marked by eye."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from curation.base.workspace import Workspace
from curation.detect.detector import Detector
from curation.detect.evaluation import Tally, match
from curation.detect.kinds import detector
from curation.detect.loom import LoomConfig
from curation.media.limits import DEFAULT_LIMITS
from curation.media.sandbox import Sandbox
from curation.records import Shot
from tests.curation.cutting import probed


@pytest.fixture
def loom(workspace: Workspace) -> Detector:
    stage = detector(LoomConfig(), workspace)
    stage.setup()
    return stage


def shots_of(path: Path, loom: Detector, workspace: Workspace) -> list[Shot]:
    found = list(loom([probed(path, workspace)]))
    assert all(isinstance(each, Shot) for each in found), found
    return [each for each in found if isinstance(each, Shot)]


def test_marked_transitions_are_found(shared_media: Path, workspace: Workspace, loom: Detector) -> None:
    marks = json.loads((shared_media / "ground_truth.json").read_text())
    total = Tally()
    for name, entry in marks.items():
        if name.startswith("_"):
            continue
        shots = shots_of(shared_media / name, loom, workspace)
        found = [(a.last_frame, b.start_frame) for a, b in itertools.pairwise(shots)]
        true = sorted((each["start"], each["end"]) for each in entry["transitions"])
        tally = match(true, found).tally
        print(f"{name}: {tally}")
        total += tally
    print(f"precision {total.precision:.3f}, recall {total.recall:.3f}, F1 {total.f1:.3f}")
    assert total.f1 >= 0.92


def test_a_single_shot_stays_one(shared_media: Path, workspace: Workspace, loom: Detector) -> None:
    false = {
        path.name: len(shots_of(path, loom, workspace)) - 1
        for path in sorted((shared_media / "single_shot").iterdir())
    }
    print(false)
    assert sum(false.values()) <= 1


def test_shots_keep_the_pictures_that_the_decoder_gave(
    shared_media: Path, workspace: Workspace, loom: Detector
) -> None:
    path = shared_media / "multi_shot" / "sintel.mp4"
    source = probed(path, workspace)
    frames = list(
        Sandbox(DEFAULT_LIMITS).frames(path, source.container, source.video.index, width_px=48, height_px=27)
    )
    shots = shots_of(path, loom, workspace)
    assert len(shots) > 5
    for shot in shots:
        assert shot.first_image == frames[shot.start_frame].image.tobytes()
        assert shot.last_image == frames[shot.last_frame].image.tobytes()
        assert shot.start_pts == frames[shot.start_frame].pts
        changes = [
            np.abs(a.image.astype(np.int16) - b.image).mean()
            for a, b in itertools.pairwise(frames[shot.start_frame : shot.last_frame + 1])
        ]
        if (
            shot.lit is not None
            and shot.lit.last_frame - shot.lit.start_frame == shot.last_frame - shot.start_frame
        ):
            assert shot.motion == pytest.approx(np.mean(changes) if changes else 0.0, abs=1e-3)
    assert shots[-1].last_frame == len(frames) - 1


def test_the_same_source_gives_the_same_shots(
    shared_media: Path, workspace: Workspace, loom: Detector
) -> None:
    path = shared_media / "multi_shot" / "nasa_13013.mp4"
    assert shots_of(path, loom, workspace) == shots_of(path, loom, workspace)
