"""The records of curation: Input -> SourceVideo -> Shot -> Clip, and DuplicateOf beside them."""

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
class Shot(Record):
    """A stretch of a source without a transition.

    `start_pts` is the pts of its first frame, `end_pts` the first pts after its last frame, in units
    of `time_base` of the stream; `start_frame` and `last_frame` count decoded frames from 0.
    `opened_by` is the kind of transition before it: `start`, `cut` or `gradual`.
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

    @property
    def record_id(self) -> str:
        return self.shot_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.video_id,)


@dataclass(frozen=True, kw_only=True)
class Frame(Part):
    """A frame of the source kept for captioners: JPEG, time in seconds from the clip's start."""

    time_s: float
    width_px: int
    height_px: int
    media: MediaRef


@dataclass(frozen=True, kw_only=True)
class Clip(Record):
    """A semantic clip with its media.

    Times in `start_s`, `end_s` are those of the source (pts times time base). `frame_times_s` are
    the presentation times of the encoded frames from the clip's start, `keyframes` the indexes of
    those that decode alone. `audio` is 16 kHz mono FLAC, None where the source has no sound there.
    `frames` were taken from the source in the decode that cut the clip.
    """

    TABLE: ClassVar[str] = "clips"

    clip_id: str
    video_id: str
    shot_ids: tuple[str, ...]
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
    video: MediaRef
    audio: MediaRef | None
    frames: tuple[Frame, ...]

    @property
    def record_id(self) -> str:
        return self.clip_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return self.shot_ids


@dataclass(frozen=True, kw_only=True)
class DuplicateOf(Record):
    """A clip with the same content as an older one; read only at selection and packing."""

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
