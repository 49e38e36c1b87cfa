"""Sources made of sound files, and what is heard in them."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg

from captioning.records import Transcript
from captioning.speech.transcriber import Transcriber
from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox
from curation.media.sniff import sniff_file
from curation.records import AudioStream, SourceVideo
from tests.sources import source_video, video_stream


def source_of(path: Path, *, audio: bool = True, start_pts: int = 0) -> SourceVideo:
    """The record of a file whose first audio stream is to be heard."""
    data = path.read_bytes()
    stream = AudioStream(index=0, codec="any", sample_rate_hz=16000, channels=1)
    if audio and (found := Sandbox(DecodeLimits()).probe(path).audio) is not None:
        stream = replace(stream, index=found.index)
    return source_video(
        video_id=hashlib.sha256(data).hexdigest()[:32],
        uri=str(path),
        size_bytes=len(data),
        container=sniff_file(path) or "mov",
        video=video_stream(start_pts=start_pts),
        audio=stream if audio else None,
    )


def transcribe(stage: Transcriber, source: SourceVideo) -> Transcript:
    [transcript] = stage([source])
    assert isinstance(transcript, Transcript), transcript
    return transcript


def text_of(transcript: Transcript) -> str:
    return " ".join(word.text for word in transcript.segments)


def word_errors(reference: str, heard: str) -> int:
    """Levenshtein distance in words."""
    theirs, ours = reference.split(), heard.split()
    row = list(range(len(ours) + 1))
    for number, word in enumerate(theirs, start=1):
        above, row = row, [number]
        for index, other in enumerate(ours):
            row.append(min(above[index] + (word != other), above[index + 1] + 1, row[index] + 1))
    return row[-1]


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *map(str, arguments)], check=True)
