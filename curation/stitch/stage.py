"""The stitching: shots of one scene become one clip, and the clip rules are applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from importlib.metadata import version
from typing import ClassVar

from curation.base import ids
from curation.base.records import Record, round_score
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group, Join
from curation.base.workspace import Workspace
from curation.embedding.choice import image_embedder
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox
from curation.probe import file_name
from curation.records import Extent, PlannedClip, Shot, SourceVideo
from curation.stitch.config import StitchConfig
from curation.stitch.footage import Footage
from curation.stitch.matching import similarities
from curation.stitch.pieces import duration, equal_pieces, random_piece
from curation.stitch.scenes import Scene, lit_extent, motion_of, scenes, shots_in
from curation.stitch.verdict import fault

_TIME_DECIMALS = 6


class Stitch(Join[PlannedClip]):
    """Joins neighbouring shots that show the same scene, trims black frames at the edges, turns down what is
    too short, still or extremely dynamic, and divides what is too long.

    Only scenes that are too long, and cuts that a model is to compare, are decoded again.
    """

    name: ClassVar[str] = "stitch"
    version: ClassVar[str] = "3"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"shots": Shot, "source": SourceVideo}
    on: ClassVar[str] = "video_id"
    output: ClassVar[type[PlannedClip]] = PlannedClip

    def __init__(
        self, config: StitchConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
    ) -> None:
        self.config: StitchConfig = config
        self._workspace = workspace
        self._sandbox = Sandbox(limits)
        self._embedder = None if config.embedding is None else image_embedder(config.embedding)

    def setup(self) -> None:
        """Load the embedding."""
        if self._embedder is not None:
            self._embedder.setup()

    def fingerprints(self) -> Mapping[str, str]:
        """The decoder, the arithmetic and the embedding."""
        embedding = {} if self._embedder is None else self._embedder.fingerprint()
        return {"av": version("av"), "numpy": version("numpy"), **embedding}

    def __call__(self, batch: Sequence[Group]) -> Iterator[PlannedClip | Rejected]:
        """Planned clips of each source in order of time."""
        for group in batch:
            record: SourceVideo = group.one("source")
            shots = sorted(group.all("shots"), key=lambda shot: shot.start_pts)
            footage = Footage(record, self._workspace, self._sandbox)
            try:
                found = scenes(shots, self._joined(shots, footage))
            except DecodeError as error:
                yield from self._rejects(record, shots, error.reason, error.detail)
                continue
            for scene in found:
                yield from self._of_scene(record, scene, footage)

    def _joined(self, shots: Sequence[Shot], footage: Footage) -> set[str]:
        """The shots that continue the one before."""
        if self._embedder is None:
            return set()
        alike = similarities(shots, footage, self._embedder)
        return {shot_id for shot_id, value in alike.items() if value >= self.config.similarity_bound}

    def _of_scene(
        self, record: SourceVideo, scene: Scene, footage: Footage
    ) -> Iterator[PlannedClip | Rejected]:
        extent = lit_extent(scene)
        if extent is None:
            detail = f"shows nothing but black from {scene[0].start_s:.2f} s to {scene[-1].end_s:.2f} s"
            yield from self._rejects(record, scene, Reason.ALL_BLACK, f"{detail}; nothing is lost")
            return
        if duration(extent, scene[0].time_base) <= Fraction(self.config.max_s):
            yield from self._of_stretch(record, scene, extent, motion_of(scene))
            return
        try:
            timeline = footage.timeline(extent)
        except DecodeError as error:
            yield from self._rejects(record, scene, error.reason, error.detail)
            return
        opening = {shot.start_frame for shot in scene}
        pieces = self._pieces(scene, extent, timeline.frame_pts)
        for piece in pieces:
            motion = timeline.motion(piece, opening)
            yield from self._of_stretch(record, shots_in(scene, piece), piece, motion)
        if self.config.long == "random":
            yield from self._not_chosen(record, scene, extent, pieces[0])

    def _pieces(self, scene: Scene, extent: Extent, frame_pts: Sequence[int]) -> list[Extent]:
        max_pts = max(1, int(Fraction(self.config.max_s) / Fraction(scene[0].time_base)))
        if self.config.long == "split":
            return equal_pieces(extent, frame_pts, max_pts)
        shot_ids = [shot.shot_id for shot in scene]
        draw = int(ids.hash_id("random piece", self.config.seed, scene[0].video_id, shot_ids), 16)
        return [random_piece(extent, frame_pts, max_pts, draw)]

    def _of_stretch(
        self, record: SourceVideo, shots: Scene, extent: Extent, motion: float
    ) -> Iterator[PlannedClip | Rejected]:
        clip = _planned(shots, extent, round_score(motion))
        found = fault(extent, clip.time_base, clip.motion, self.config)
        if found is None:
            yield clip
        else:
            yield from self._rejects(record, shots, *found, rejected_id=clip.clip_id)

    def _not_chosen(
        self, record: SourceVideo, scene: Scene, extent: Extent, piece: Extent
    ) -> Iterator[Rejected]:
        """A reject for each shot of which something is left out."""
        tick = Fraction(scene[0].time_base)
        start_s, end_s = float(piece.start_pts * tick), float(piece.end_pts * tick)
        left_out = [
            shot
            for shot in scene
            if max(shot.start_pts, extent.start_pts) < piece.start_pts
            or piece.end_pts < min(shot.end_pts, extent.end_pts)
        ]
        detail = (
            f"has a scene of {float(duration(extent, scene[0].time_base)):.2f} s, of which only "
            f"{start_s:.2f} s to {end_s:.2f} s were drawn; set long to split to keep all of it"
        )
        yield from self._rejects(record, left_out, Reason.NOT_CHOSEN, detail)

    def _rejects(
        self,
        record: SourceVideo,
        shots: Sequence[Shot],
        reason: Reason,
        detail: str,
        rejected_id: str | None = None,
    ) -> Iterator[Rejected]:
        """A reject per shot; what is turned down is the shot itself, or the clip planned of it."""
        for shot in shots:
            yield Rejected(
                rejected_id=rejected_id or shot.shot_id,
                parent_id=shot.shot_id,
                stage=self.name,
                reason=reason,
                detail=f"'{file_name(record.uri)}' {detail}",
            )


def _planned(shots: Scene, extent: Extent, motion: float) -> PlannedClip:
    first = shots[0]
    tick = Fraction(first.time_base)
    return PlannedClip(
        clip_id=ids.clip_id(first.video_id, first.stream, extent.start_pts, extent.end_pts, first.time_base),
        video_id=first.video_id,
        shot_ids=tuple(shot.shot_id for shot in shots),
        shot_start_pts=tuple(max(shot.start_pts, extent.start_pts) for shot in shots),
        stream=first.stream,
        start_pts=extent.start_pts,
        end_pts=extent.end_pts,
        time_base=first.time_base,
        start_s=round(float(extent.start_pts * tick), _TIME_DECIMALS),
        end_s=round(float(extent.end_pts * tick), _TIME_DECIMALS),
        start_frame=extent.start_frame,
        last_frame=extent.last_frame,
        motion=motion,
    )
