"""What the columns of a table mean: as the user says, as known shapes of tables have it, or by name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.base.ids import hash_id
from shards.reading.errors import ShardError

FIELDS = (
    "key", "media", "caption", "audio_caption", "speech", "language", "licence", "title", "source", "start",
    "end", "split",
)  # fmt: skip
"""What a column can stand for; beside these there is score.NAME."""
_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
_BY_NAME = {
    "key": ("key", "id", "clip_id", "sample_id", "uid"),
    "media": ("media", "path", "file", "file_name", "filename", "filepath", "video", "video_path", "image",
              "image_path", "clip", "clip_path"),
    "caption": ("caption", "text", "TEXT", "Caption", "description", "prompt"),
    "audio_caption": ("audio_caption",),
    "speech": ("speech", "transcript", "asr"),
    "language": ("language", "lang", "LANGUAGE"),
    "licence": ("licence", "license", "LICENSE"),
    "title": ("title",),
    "source": ("video_id", "source_id", "youtube_id", "url", "URL"),
    "start": ("start_s", "start"),
    "end": ("end_s", "end"),
    "split": ("split",),
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A kind of table: the columns that it is known by, what they mean, and where media lie below their
    folder. `{column}` in a name stands for the row's value."""

    name: str
    known_by: frozenset[str]
    columns: Mapping[str, str]
    media_names: tuple[str, ...]


SHAPES = (
    Shape(
        "webvid",
        frozenset({"videoid", "name"}),
        {"key": "videoid", "caption": "name", "source": "videoid"},
        ("{page_dir}/{videoid}.mp4", "{videoid}.mp4"),
    ),
    Shape(
        "internvid",
        frozenset({"YoutubeID", "Start_timestamp", "End_timestamp", "Caption"}),
        {
            "caption": "Caption", "source": "YoutubeID", "start": "Start_timestamp", "end": "End_timestamp",
            "score.aesthetic": "Aesthetic_Score", "score.umt": "UMT_Score",
        },
        ("{YoutubeID}_{Start_timestamp}_{End_timestamp}.mp4",),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What a row says, by meaning; times in seconds."""

    key: str
    media_names: tuple[str, ...]
    captions: Mapping[str, str]
    language: str | None
    licence: str | None
    title: str | None
    source: str | None
    start_s: float | None
    end_s: float | None
    split: str | None
    scores: Mapping[str, float]
    others: Mapping[str, Any]


class Columns:
    """The meaning of the columns of a table with these names.

    Raises:
        ShardError: the user names a column that is not there, or a field that does not exist; or no column
            holds captions, or leads to media.
    """

    def __init__(
        self,
        names: Sequence[str],
        given: Mapping[str, str],
        media_name: str | None,
        *,
        media_known: bool = False,
    ) -> None:
        there = ", ".join(names)
        for field, column in given.items():
            if field not in FIELDS and not field.startswith("score."):
                raise ShardError(
                    f"--columns {field}={column}: there is no '{field}'; {', '.join(FIELDS)}, score.NAME are"
                )
            if column not in names:
                raise ShardError(
                    f"--columns {field}={column}: the table has no column '{column}'; it has: {there}"
                )
        self.shape = next((shape for shape in SHAPES if shape.known_by <= set(names)), None)
        guessed = {
            field: next(name for name in options if name in names)
            for field, options in _BY_NAME.items()
            if set(options) & set(names)
        }
        known = self.shape.columns if self.shape else {}
        known = {field: column for field, column in known.items() if column in names}
        self.meaning: dict[str, str] = {**guessed, **known, **given}
        named = (media_name,) if media_name else self.shape.media_names if self.shape else ()
        self._media_names = tuple(each for each in named if set(re.findall(r"\{(\w+)\}", each)) <= set(names))
        if media_name and not self._media_names:
            raise ShardError(
                f"--media-name {media_name!r} speaks of a column that is not there; there are: {there}"
            )
        if not {"caption", "audio_caption", "speech"} & self.meaning.keys():
            raise ShardError(f"no column holds captions. Name it: --columns caption=NAME; there are: {there}")
        if not (media_known or self._media_names or {"media", "key"} & self.meaning.keys()):
            raise ShardError(f"no column leads to media. Name it: --columns media=NAME; there are: {there}")

    def facts(self, values: Mapping[str, Any], key: str | None = None) -> Facts:
        """What a row says.

        Raises:
            ValueError: a value cannot be what it should; the message continues a sentence about the row.
        """
        texts = {field: _text(values.get(column)) for field, column in self.meaning.items()}
        names = [
            each.format_map({name: _text(value) for name, value in values.items()})
            for each in self._media_names
        ]
        media = texts.get("media") or ""
        key = texts.get("key") or key or hash_id("row", media, names, sorted(texts.items()))
        captions = {
            modality: texts[field]
            for modality, field in (("video", "caption"), ("audio", "audio_caption"), ("speech", "speech"))
            if texts.get(field)
        }
        scores = {
            field.removeprefix("score."): self._number(field, text)
            for field, text in texts.items()
            if field.startswith("score.") and text
        }
        start, end = texts.get("start"), texts.get("end")
        return Facts(
            key=key if _KEY.fullmatch(key) else hash_id("key", key),
            media_names=(media,) if media else (*names, *([key] if texts.get("key") else [])),
            captions=captions,
            language=texts.get("language") or None,
            licence=texts.get("licence") or None,
            title=texts.get("title") or None,
            source=texts.get("source") or None,
            start_s=self._seconds("start", start) if start else None,
            end_s=self._seconds("end", end) if end else None,
            split=texts.get("split") or None,
            scores=scores,
            others={name: value for name, value in sorted(values.items()) if value not in (None, "", [], {})},
        )

    def _number(self, field: str, text: str) -> float:
        said = f"its column '{self.meaning[field]}' ({field}) is {text[:40]!r}"
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{said}, which is no number") from None
        if not math.isfinite(value):
            raise ValueError(f"{said}, which is no finite number")
        return value

    def _seconds(self, field: str, text: str) -> float:
        """Seconds, or hours:minutes:seconds."""
        clock = _CLOCK.fullmatch(text)
        if clock is not None:
            return round(int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3]), 6)
        return self._number(field, text)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return " ".join(value.split()) if "\n" in value else value.strip()
    return str(value)
