"""The first stage: what is in a file, and whether it can be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import ClassVar

from pydantic import Field

from curation.base.config import Config
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Map, Resources
from curation.base.workspace import Workspace
from curation.media.facts import ProbeFacts, VideoFacts
from curation.media.fetch import LocalSource, fetch
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox
from curation.media.text import plain_text
from curation.records import AudioStream, Input, SourceVideo, VideoStream

_MAX_NAME_CHARS = 80
_MAX_METADATA_CHARS = 200
_LICENCE_KEYS = ("license", "licence", "copyright", "terms_of_use")
_TITLE_KEYS = ("title",)


class ProbeConfig(Config):
    """Which sources are turned down before anything is decoded."""

    limits: DecodeLimits = Field(DecodeLimits(), description="Bounds on sources and on their decoding")


class Probe(Map[Input, SourceVideo]):
    """Hashes a file, reads its streams in the sandbox, and measures its duration from packets."""

    name: ClassVar[str] = "probe"
    version: ClassVar[str] = "1"
    input: ClassVar[type[Input]] = Input
    output: ClassVar[type[SourceVideo]] = SourceVideo
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory_bytes=512 << 20)

    def __init__(self, config: ProbeConfig, workspace: Workspace) -> None:
        self.config: ProbeConfig = config
        self._workspace = workspace
        self._sandbox = Sandbox(config.limits)

    def fingerprints(self) -> Mapping[str, str]:
        """The demuxers and decoders come with av."""
        return {"av": metadata.version("av")}

    def __call__(self, batch: Sequence[Input]) -> Iterator[SourceVideo | Rejected]:
        """One source or one reject for each input."""
        for source in batch:
            try:
                yield self._probe(source)
            except DecodeError as error:
                yield Rejected(
                    rejected_id=source.input_id,
                    parent_id=source.input_id,
                    stage=self.name,
                    reason=error.reason,
                    detail=f"'{file_name(source.uri)}' {error.detail}",
                )

    def _probe(self, source: Input) -> SourceVideo:
        if source.size_bytes == 0:
            raise DecodeError(Reason.EMPTY_FILE, "has 0 bytes; copy or download it again")
        local = fetch(source.uri, self._workspace.scratch, size_bytes=source.size_bytes)
        facts = self._sandbox.probe(local.path)
        if facts.video is None:
            raise _no_video(facts)
        _check(facts.video, self.config.limits)
        return _record(source, local, facts, facts.video)


def file_name(uri: str) -> str:
    """The last part of a URI, fit for a message."""
    return plain_text(uri.rstrip("/").rsplit("/", 1)[-1], _MAX_NAME_CHARS)


def _no_video(facts: ProbeFacts) -> DecodeError:
    if facts.num_pictures:
        return DecodeError(Reason.NO_VIDEO, "holds sound and a cover picture, but no video; leave it out")
    if facts.num_audio_streams:
        return DecodeError(Reason.NO_VIDEO, "holds sound only, no video; leave it out")
    return DecodeError(Reason.NO_VIDEO, "holds no video stream; leave it out")


def _check(video: VideoFacts, limits: DecodeLimits) -> None:
    """Bounds that the measured facts must keep.

    Raises:
        DecodeError: one is exceeded.
    """
    size = f"{video.width_px}x{video.height_px}"
    if min(video.width_px, video.height_px) < limits.min_side_px:
        raise DecodeError(
            Reason.FRAME_TOO_SMALL,
            f"has frames of {size} px, under {limits.min_side_px} px on a side; "
            "lower curation.probe.limits.min_side_px to keep it",
        )
    if video.duration_s > limits.max_duration_s:
        raise DecodeError(
            Reason.TOO_LONG,
            f"lasts {video.duration_s:.0f} s, more than {limits.max_duration_s:.0f} s; "
            "cut it up, or raise curation.probe.limits.max_duration_s",
        )


def _record(source: Input, local: LocalSource, facts: ProbeFacts, video: VideoFacts) -> SourceVideo:
    audio = facts.audio
    return SourceVideo(
        video_id=local.video_id,
        input_id=source.input_id,
        uri=source.uri,
        size_bytes=local.size_bytes,
        container=facts.container,
        duration_s=round(video.duration_s, 6),
        num_video_streams=facts.num_video_streams,
        video=VideoStream(
            index=video.index,
            codec=video.codec,
            width_px=video.width_px,
            height_px=video.height_px,
            fps=video.fps,
            time_base=video.time_base,
            start_pts=video.start_pts,
            rotation_deg=video.rotation_deg,
            pixel_format=video.pixel_format,
            bit_depth=video.bit_depth,
        ),
        audio=None
        if audio is None
        else AudioStream(
            index=audio.index,
            codec=audio.codec,
            sample_rate_hz=audio.sample_rate_hz,
            channels=audio.channels,
        ),
        licence=_metadata(facts, _LICENCE_KEYS),
        title=_metadata(facts, _TITLE_KEYS),
    )


def _metadata(facts: ProbeFacts, keys: Sequence[str]) -> str | None:
    """The first of some tags that says anything, made plain: what a file says of itself is hostile."""
    tags = {key.lower(): value for key, value in facts.metadata.items()}
    texts = (plain_text(tags.get(key, ""), _MAX_METADATA_CHARS) for key in keys)
    return next((text for text in texts if text), None)
