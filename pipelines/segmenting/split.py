"""Writes the clips of files as mp4s: every frame of a clip, and no other."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from curation.cut.rules import Span
from curation.cut.source import SourceFile
from curation.media.cutting import CuttingSandbox
from curation.probe import file_name
from curation.records import Shot
from pipelines.segmenting.files import Segmented
from pipelines.segmenting.split_copies import whole_copies
from pipelines.segmenting.split_groups import SplitClip, grouped
from pipelines.segmenting.split_writer import NotWritten, Writer

_MAX_GROUPS_AT_ONCE = 16
Job = Callable[[], list[Path | NotWritten]]


class Splitter:
    """Writes clips into a folder as `<stem of the file>-001.mp4` and so on.

    Clips that need no encoding are copied, the others decoded and encoded one by one, several side by side.
    `kept` are files that are never overwritten, and others only with `overwrite`.
    """

    def __init__(self, folder: Path, *, kept: Sequence[str], overwrite: bool) -> None:
        self._folder = folder
        self._kept = {os.path.realpath(path) for path in kept}
        self._overwrite = overwrite
        self._stems: set[str] = set()
        self._cores = len(os.sched_getaffinity(0))

    def split(self, found: Segmented) -> list[Path | NotWritten]:
        """Write the clips of a file, in order of time.

        A clip that cannot be written leaves no file under its name, not even one to be overwritten.

        Raises:
            ValueError: a file is there that has the name of a clip and is not to be overwritten; or clips
                are, but there are more of them than this file has.
        """
        paths = self._paths(found)
        clips = [_clip(shot, path) for shot, path in zip(found.shots, paths, strict=True)]
        sandbox = CuttingSandbox(found.source.limits)
        with (
            tempfile.TemporaryDirectory(prefix=".cliploom-", dir=self._folder.absolute()) as scratch,
            ThreadPoolExecutor(min(self._cores, _MAX_GROUPS_AT_ONCE)) as pool,
        ):
            writer = Writer(sandbox, found.source, Path(scratch))
            try:
                jobs = self._jobs(writer, sandbox, found.source, clips)
                written = [each for files in pool.map(_call, jobs) for each in files]
            finally:
                # The pool waits for its threads, and when this is interrupted they have much to do yet.
                pool.shutdown(wait=False, cancel_futures=True)
                writer.stop()
        for each in written:
            if isinstance(each, NotWritten):
                each.path.unlink(missing_ok=True)
        order = {path: number for number, path in enumerate(paths)}
        return sorted(written, key=lambda each: order[each.path if isinstance(each, NotWritten) else each])

    def _jobs(
        self, writer: Writer, sandbox: CuttingSandbox, source: SourceFile, clips: Sequence[SplitClip]
    ) -> list[Job]:
        """Calls that write all clips; what is encoded comes first, since it takes longest."""
        copies = whole_copies(sandbox, source, clips)
        encoded = grouped([clip for clip in clips if clip not in copies], cores=self._cores)
        copied = grouped([clip for clip in clips if clip in copies], cores=self._cores)
        return [
            *(partial(writer.encode, group) for group in encoded),
            *(partial(writer.copy, group, copies) for group in copied),
        ]

    def _paths(self, found: Segmented) -> list[Path]:
        stem = Path(file_name(found.uri)).stem
        if stem in self._stems:
            raise ValueError(
                f"--split {self._folder}: the clips of another file named '{stem}' are there. "
                "Give this file a folder of its own."
            )
        self._stems.add(stem)
        paths = [self._folder / f"{stem}-{number:03d}.mp4" for number in range(1, len(found.shots) + 1)]
        for path in paths:
            if os.path.realpath(path) in self._kept:
                raise ValueError(f"--split: {path} is one of the files to segment. Give another folder.")
            if path.exists() and not self._overwrite:
                raise ValueError(f"--split: {path} is already there. Give another folder, or --overwrite.")
        if self._overwrite and (left := self._beyond(stem, len(paths))):
            raise ValueError(
                f"--split: {left[0]} would look like a clip of this file, which has {len(paths)}; "
                f"{len(left)} such files are there, probably of an earlier call. Remove them, or give "
                "another folder."
            )
        return paths

    def _beyond(self, stem: str, count: int) -> list[Path]:
        """Files named like clips of higher numbers. Who wrote them is not known, so they are not removed."""
        pattern = re.compile(re.escape(stem) + r"-([0-9]{3}|[1-9][0-9]{3,})\.mp4")
        named = ((path, pattern.fullmatch(path.name)) for path in sorted(self._folder.iterdir()))
        return [
            path
            for path, match in named
            if match and int(match[1]) > count and os.path.realpath(path) not in self._kept
        ]


def _call(job: Job) -> list[Path | NotWritten]:
    return job()


def _clip(shot: Shot, path: Path) -> SplitClip:
    num_frames = shot.last_frame - shot.start_frame + 1
    return SplitClip(Span(shot.start_pts, shot.end_pts), num_frames, shot.first_image, path)
