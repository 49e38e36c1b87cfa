"""The records of curation: Input -> SourceVideo -> Shot -> PlannedClip -> CutClip -> Score, Clip; and
DuplicateOf beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from curation.base.media_store import MediaRef
from curation.base.records import Part, Record, untracked


@dataclass(frozen=True, kw_only=True)
class Input(Record):
    """A file found at discovery, known by its URI. `fingerprint` is its mtime in ns, or its etag: a
    changed one calls for another look, which redoes nothing if the content is the same. `batch`
    counts the discoveries of the run, so that the order of arrival is known for ever."""

    TABLE: ClassVar[str] = "inputs"

    input_id: str
    uri: str
    size_bytes: int
    fingerprint: str
    batch: int = untracked()

    @property
    def record_id(self) -> str:
        return self.input_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, kw_only=True)
class VideoStream(Part):
    """The video stream that Cliploom uses. Width and height are as displayed (rotation applied);
    `time_base` is "num/den" seconds per pts unit; `fps` is the average rate, 0 if unknown."""

    index: int
    codec: str
    width_px: int
    height_px: int
    fps: float
    time_base: str
    start_pts: int
    rotation_deg: int
    pixel_format: str
    bit_depth: int


@dataclass(frozen=True, kw_only=True)
class AudioStream(Part):
    """The audio stream that Cliploom uses."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class SourceVideo(Record):
    """A readable source. `video_id` is a hash of its content, so a renamed copy is the same video.

    `container` is the demuxer that the magic bytes call for, the only one ever used on the file.
    `duration_s` is measured from packets where the header says nothing or nonsense.
    """

    TABLE: ClassVar[str] = "sources"

    video_id: str
    input_id: str = untracked()
    uri: str = untracked()
    size_bytes: int
    container: str
    duration_s: float
    num_video_streams: int
    video: VideoStream
    audio: AudioStream | None
    licence: str | None
    title: str | None

    @property
    def record_id(self) -> str:
        return self.video_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.input_id,)


@dataclass(frozen=True, kw_only=True)
class Extent(Part):
    """A stretch of a stream: pts of its first frame and the first pts after its last, in the stream's time
    base; `start_frame` and `last_frame` count decoded frames from 0."""

    start_pts: int
    end_pts: int
    start_frame: int
    last_frame: int


@dataclass(frozen=True, kw_only=True)
class Shot(Record):
    """A stretch of a source without a transition.

    `start_pts` is the pts of its first frame, `end_pts` the first pts after its last frame, in units
    of `time_base` of the stream; `start_frame` and `last_frame` count decoded frames from 0.
    `opened_by` is the kind of transition before it: `start`, `cut` or `gradual`.

    What the detector saw on the way: `lit` is the shot without black frames at its edges, None where
    all are black; `motion` the mean absolute difference of its neighbouring frames (0..255); `first_image`
    and `last_image` are the first and last frame, RGB bytes of [27, 48, 3].
    """

    TABLE: ClassVar[str] = "shots"

    shot_id: str
    video_id: str
    stream: int
    start_pts: int
    end_pts: int
    time_base: str
    start_s: float
    end_s: float
    start_frame: int
    last_frame: int
    opened_by: str
    score: float
    lit: Extent | None
    motion: float
    first_image: bytes
    last_image: bytes

    @property
    def record_id(self) -> str:
        return self.shot_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.video_id,)


@dataclass(frozen=True, kw_only=True)
class PlannedClip(Record):
    """A stretch of a source that is to become a clip: one shot, several stitched, or a piece.

    `start_frame` and `last_frame` count decoded frames of the source from 0, both included. `motion` is
    that of its shots, weighted by their length; of a piece of a long scene, that of its own frames.
    `shot_start_pts` are the pts at which its shots begin in it.
    """

    TABLE: ClassVar[str] = "planned_clips"

    clip_id: str
    video_id: str
    shot_ids: tuple[str, ...]
    shot_start_pts: tuple[int, ...]
    stream: int
    start_pts: int
    end_pts: int
    time_base: str
    start_s: float
    end_s: float
    start_frame: int
    last_frame: int
    motion: float

    @property
    def record_id(self) -> str:
        return self.clip_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return self.shot_ids


@dataclass(frozen=True, kw_only=True)
class Frame(Part):
    """A frame of the source kept for captioners: JPEG, time in seconds from the clip's start."""

    time_s: float
    width_px: int
    height_px: int
    media: MediaRef


@dataclass(frozen=True, kw_only=True)
class Form(Part):
    """One encoded video of a clip. `frame_times_s` are presentation times of its frames from its own start,
    `keyframes` the indexes of those that decode alone. `start_pts` and `end_pts` are where it begins and
    ends in the source, in the stream's time base: those of the clip, but for a stream copy, which must
    begin at a keyframe."""

    name: str
    mode: str
    start_pts: int
    end_pts: int
    width_px: int
    height_px: int
    frame_times_s: tuple[float, ...]
    keyframes: tuple[int, ...]
    media: MediaRef


@dataclass(frozen=True, kw_only=True)
class Crop(Part):
    """What is cut off the picture as it is shown upright, in pixels."""

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int


@dataclass(frozen=True, kw_only=True)
class CutClip(Record):
    """A clip as it was cut, with its media, before the filters.

    Times in `start_s`, `end_s` are those of the source (pts times time base). `video` is the first form,
    which the fields from `num_frames` to `keyframes` describe: `frame_times_s` are the presentation times
    of its frames from the clip's start, `keyframes` the indexes of those that decode alone; `mode` is exact
    if it was encoded anew, keyframe if it is a stream copy, whose packets are the source's and no more to be
    trusted. `other_forms` are the rest of the forms. `audio` is 16 kHz mono FLAC, None where the source has
    no sound there. `frames` were taken from the source in the decode that cut the clip. `crop` are black
    bars that `frames` and encoded forms are without, None where there are none; stream copies keep theirs.

    `shot_starts_s` are the times from the clip's start at which its shots begin, the first at 0.

    `plan_id` is the planned clip that this one was cut for. Both ids are the same but where the first form
    is a stream copy: such a clip begins and ends where the copy does.
    """

    TABLE: ClassVar[str] = "cut_clips"

    clip_id: str
    plan_id: str
    video_id: str
    shot_ids: tuple[str, ...]
    shot_starts_s: tuple[float, ...]
    stream: int
    start_pts: int
    end_pts: int
    time_base: str
    start_s: float
    end_s: float
    duration_s: float
    num_frames: int
    fps: float
    width_px: int
    height_px: int
    frame_times_s: tuple[float, ...]
    keyframes: tuple[int, ...]
    mode: str
    video: MediaRef
    audio: MediaRef | None
    frames: tuple[Frame, ...]
    other_forms: tuple[Form, ...]
    crop: Crop | None

    @property
    def record_id(self) -> str:
        return self.clip_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.plan_id,)


@dataclass(frozen=True, kw_only=True)
class Score(Record):
    """What a filter measured of a clip; `passes` says whether it lies within the filter's thresholds."""

    TABLE: ClassVar[str] = "scores"

    clip_id: str
    filter: str
    value: float
    passes: bool

    @property
    def record_id(self) -> str:
        return self.clip_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)


@dataclass(frozen=True, kw_only=True)
class NamedScore(Part):
    """A filter's name and what it measured."""

    filter: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Clip(CutClip):
    """A clip that passed every filter, with what they measured."""

    TABLE: ClassVar[str] = "clips"

    scores: tuple[NamedScore, ...]

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)


@dataclass(frozen=True, kw_only=True)
class DuplicateOf(Record):
    """A clip with the same content as an older one; read only at selection and packing. `kind` says how the
    two were found to be the same."""

    TABLE: ClassVar[str] = "duplicates"

    clip_id: str
    duplicate_of: str
    kind: str

    @property
    def record_id(self) -> str:
        return self.clip_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)
