"""Files whose shots are known, without a detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curation.base.workspace import Workspace
from curation.cut.source import SourceFile
from curation.detect.shots import shots_between
from curation.detect.transitions import Transition
from curation.media.limits import DEFAULT_LIMITS
from pipelines.segmenting.files import Segmented
from tests.curation.cutting import probed, source_frames
from tests.curation.media.made import make, moving_picture, tone

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "50")
CUT_AND_DISSOLVE = (Transition(29, 30, "cut", 0.9), Transition(69, 80, "gradual", 0.7))


def film(path: Path, *options: str, rate: str = "25", seconds: float = 4.0) -> Path:
    """A moving picture with a tone."""
    return make(path, *moving_picture(rate=rate, seconds=seconds), *tone(seconds), *X264, *options)


def with_shots(
    path: Path, workspace: Workspace, transitions: Sequence[Transition] = CUT_AND_DISSOLVE
) -> Segmented:
    """A file as if a detector had found these transitions."""
    record = probed(path, workspace)
    shots = shots_between(record, transitions, source_frames(record))
    return Segmented(SourceFile(record, path, DEFAULT_LIMITS), tuple(shots))
