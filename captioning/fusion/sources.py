"""Numbers the lines of captions (V1, A2, S3) and makes them safe to quote."""

from __future__ import annotations

from collections.abc import Iterable

from captioning.records import Caption, Modality, SourceLine
from curation.media.text import plain_text

MAX_LINE_CHARS = 300
"""Longest source line; the rest is cut with an ellipsis."""


def source_lines(captions: Iterable[Caption]) -> tuple[SourceLine, ...]:
    """The lines of some captions of one clip: video first, then audio, then speech, each from 1; translated
    ones where there is a translation, as all lines of a text must be of one language.

    Captions come from models that looked at hostile media, so their text is data: each line is one line
    of visible characters, of bounded length, whatever it says. Lines without a letter or digit are left
    out.
    """
    captions = list(captions)
    return tuple(
        line
        for modality in Modality
        for line in _numbered(modality, [caption for caption in captions if caption.modality == modality])
    )


def _numbered(modality: Modality, captions: Iterable[Caption]) -> list[SourceLine]:
    lines: list[SourceLine] = []
    for caption in captions:
        told = caption.translation or caption
        for segment, first in zip(told.segments, caption.segments, strict=True):
            text = plain_text(segment.text, MAX_LINE_CHARS)
            if any(char.isalnum() for char in text):
                lines.append(
                    SourceLine(
                        line=f"{modality.letter}{len(lines) + 1}",
                        modality=modality,
                        start_s=segment.start_s,
                        end_s=segment.end_s,
                        text=text,
                        confidence=segment.confidence,
                        original=None if told is caption else plain_text(first.text, MAX_LINE_CHARS),
                    )
                )
    return lines
