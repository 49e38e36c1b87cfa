"""The frames that the encoders are given, byte for byte as the detector would see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from curation.cut import rules
from curation.cut.rules import Span
from curation.cut.source import SourceFile
from curation.media.limits import DecodeLimits
from curation.media.operations import frames, pictures
from curation.records import PlannedClip, SourceVideo

Seen = tuple[int, bytes]
"""The pts of a frame, and its pixels, RGB [27, 48, 3]."""


class _Collector:
    """Takes the place of the connection to the worker."""

    def __init__(self, clips: Sequence[list[Seen]]) -> None:
        self._clips = clips

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        if header["kind"] == "picture":
            for number in header["clips"]:
                self._clips[number].append((header["pts"], payload))

    def flush(self) -> None:
        pass


def frames_for_encoders(
    source: SourceVideo, plans: Sequence[PlannedClip], monkeypatch: pytest.MonkeyPatch
) -> list[list[Seen]]:
    """What the decode of a cut gives for each plan, with the detector's scaler in place of the cut's."""

    def scaler(_: object, __: str, time_base: Fraction, ___: object) -> frames._Scaler:
        return frames._Scaler(48, 27, "rgb24", time_base)

    monkeypatch.setattr(pictures, "Scaler", scaler)
    file = SourceFile(source, Path(source.uri), DecodeLimits())
    spans = [Span(plan.start_pts, plan.end_pts) for plan in plans]
    found: list[list[Seen]] = [[] for _ in plans]
    for numbers in rules.grouped(spans, file.max_gap_pts):
        clips = [
            {"start_pts": spans[n].start_pts, "end_pts": spans[n].end_pts, "stills": []} for n in numbers
        ]
        for search in (True, False):
            pictures.run(
                _Collector([found[number] for number in numbers]),  # type: ignore[arg-type]
                DecodeLimits().model_dump(mode="json"),
                path=source.uri,
                container=source.container,
                stream=source.video.index,
                clips=clips,
                sizes_px=[(48, 27)],
                still_size_px=(48, 27),
                shown_size_px=(source.video.width_px, source.video.height_px),
                crop=(0, 0, 0, 0),
                search=search,
                threads=1,
            )
            if any(found[number] for number in numbers):
                break
    return found
