"""Runs the commands of a split in the sandbox and checks that the clips have the frames of their shots."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.base.stages import Retry
from curation.cut.copies import PacketCopy
from curation.cut.source import SourceFile
from curation.cut.written import read_video
from curation.media.cutting import CuttingSandbox
from curation.media.sandbox import DecodeError
from pipelines.segmenting.split_copies import copy_command, is_whole
from pipelines.segmenting.split_graph import split_command
from pipelines.segmenting.split_groups import SplitClip, SplitGroup

_SOUND_TOLERANCE_S = 0.2
"""How much longer than the clip the sound may be: AAC comes in frames of up to 0.13 s (8 kHz)."""


@dataclass(frozen=True)
class NotWritten:
    """A clip that could not be written; `detail` continues a sentence that starts with the source's name."""

    path: Path
    detail: str


class Writer:
    """Writes clips of one source, by way of files in `scratch`, a folder on the disk of the clips."""

    def __init__(self, sandbox: CuttingSandbox, source: SourceFile, scratch: Path) -> None:
        self._sandbox = sandbox
        self._source = source
        self._scratch = scratch
        self._stopped = False

    def stop(self) -> None:
        """End what is running, and start nothing more."""
        self._stopped = True
        self._sandbox.close()

    def copy(self, group: SplitGroup, copies: Mapping[SplitClip, PacketCopy]) -> list[Path | NotWritten]:
        """The files of a group whose pictures are copied; a clip whose copy is not whole is encoded."""
        clips = group.clips
        with self._files(clips) as files:
            wanted = [(copies[clip], files[clip]) for clip in clips]
            try:
                seek_s = self._seek_s(clips[0])
                self._run(clips, copy_command(self._source, wanted, seek_s=seek_s), seek_s)
            except (DecodeError, Retry):
                whole: list[SplitClip] = []
            else:
                whole = [clip for clip in clips if self._is_whole_copy(clip, copies[clip], files[clip])]
            self._keep(whole, files)
        return [clip.path if clip in whole else self._alone(clip, group.threads) for clip in clips]

    def encode(self, group: SplitGroup) -> list[Path | NotWritten]:
        """The files of a group, encoded in one decode.

        A clip that does not come out whole is encoded by itself, with a seek and then by decoding from the
        source's start.
        """
        missing = self._attempt(group.clips, group.threads, self._seek_s(group.clips[0]))
        return [self._alone(clip, group.threads) if clip in missing else clip.path for clip in group.clips]

    def _alone(self, clip: SplitClip, threads: int) -> Path | NotWritten:
        seek_s = self._seek_s(clip)
        missing = self._attempt([clip], threads, seek_s)
        if missing and seek_s is not None:
            missing = self._attempt([clip], threads, None)
        return NotWritten(clip.path, missing[clip]) if missing else clip.path

    def _attempt(
        self, clips: Sequence[SplitClip], threads: int, seek_s: float | None
    ) -> dict[SplitClip, str]:
        """Encode some clips; returns those that did not come out whole, with the reason."""
        with self._files(clips) as files:
            wanted = [(clip.span, files[clip]) for clip in clips]
            try:
                self._run(clips, split_command(self._source, wanted, seek_s=seek_s, threads=threads), seek_s)
            except DecodeError as error:
                return dict.fromkeys(clips, error.detail)
            except Retry as fault:
                return dict.fromkeys(clips, f"meets a passing fault: {fault}; run the same command again")
            problems = {clip: self._problem(clip, files[clip]) for clip in clips}
            self._keep([clip for clip in clips if problems[clip] is None], files)
        return {clip: problem for clip, problem in problems.items() if problem is not None}

    @contextlib.contextmanager
    def _files(self, clips: Sequence[SplitClip]) -> Iterator[dict[SplitClip, Path]]:
        """A file for each clip, under a neutral name, to be moved or dropped."""
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            yield {clip: Path(folder) / f"{number}.mp4" for number, clip in enumerate(clips)}

    def _keep(self, clips: Sequence[SplitClip], files: Mapping[SplitClip, Path]) -> None:
        for clip in clips:
            files[clip].replace(clip.path)

    def _run(self, clips: Sequence[SplitClip], command: Sequence[str], seek_s: float | None) -> None:
        if self._stopped:
            raise Retry("the command was interrupted")
        source, limits = self._source, self._source.limits
        start_s = source.start_s if seek_s is None else seek_s
        length_s = float(max(clip.span.end_pts for clip in clips) * source.time_base) - start_s
        self._sandbox.ffmpeg(command, wall_s=limits.wall_s + limits.wall_s_per_source_s * max(0.0, length_s))

    def _is_whole_copy(self, clip: SplitClip, copy: PacketCopy, file: Path) -> bool:
        return file.exists() and is_whole(self._sandbox, self._source, clip, copy, file)

    def _problem(self, clip: SplitClip, file: Path) -> str | None:
        frame_pts = read_video(file, self._source.time_base).frame_pts if file.exists() else ()
        if len(frame_pts) != clip.num_frames or frame_pts[0] != 0:
            return (
                f"gave {len(frame_pts)} frames when it was split, not the {clip.num_frames} that the "
                "detector saw; the stream is probably damaged there, re-encode the source"
            )
        length_s = float((clip.span.end_pts - clip.span.start_pts) * self._source.time_base)
        sound_s = _sound_s(file)
        if sound_s > length_s + _SOUND_TOLERANCE_S:
            return (
                f"gave {sound_s:.2f} s of sound for a clip of {length_s:.2f} s; the sound changes its format "
                "there, re-encode the source"
            )
        return None

    def _seek_s(self, clip: SplitClip) -> float | None:
        return self._source.seek_s(clip.span.start_pts)


def _sound_s(path: Path) -> float:
    """Length of the sound of a clip that was written, 0 where it has none."""
    import av

    with av.open(str(path), format="mp4") as media:
        if not media.streams.audio:
            return 0.0
        stream = media.streams.audio[0]
        assert stream.time_base is not None, "mp4 always has a timescale"
        return float((stream.duration or 0) * stream.time_base)
