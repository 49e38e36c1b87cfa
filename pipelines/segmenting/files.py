"""Finds the shots of files, one after another."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.base.rejects import Rejected
from curation.base.stages import Retry
from curation.base.workspace import Workspace
from curation.cut.source import SourceFile
from curation.detect.kinds import detector
from curation.discover import NoInput, find_inputs
from curation.media.fetch import fetch
from curation.probe import Probe
from curation.records import Input, Shot, SourceVideo
from pipelines.config import CurationConfig

MISSING, FAULT = "missing", "passing_fault"
"""Why a file is unreadable, beside the reasons of `curation.base.rejects.Reason`."""


@dataclass(frozen=True)
class Segmented:
    """A file and its shots in order of time, at least one."""

    source: SourceFile
    shots: tuple[Shot, ...]

    @property
    def uri(self) -> str:
        """Where the file is."""
        return self.source.record.uri

    @property
    def num_frames(self) -> int:
        """Decoded frames of the file."""
        return self.shots[-1].last_frame + 1


@dataclass(frozen=True)
class Unreadable:
    """A file without shots: the name of the reason, and a sentence for a person."""

    uri: str
    reason: str
    detail: str


def find_files(paths: Sequence[str]) -> list[Input | Unreadable]:
    """The files at or below some paths or URLs, each once, in the order of the paths.

    A path that is not there comes as `Unreadable`.
    """
    found: dict[str, Input | Unreadable] = {}
    for path in paths:
        try:
            here: Sequence[Input | Unreadable] = find_inputs([path])
        except NoInput as error:
            why = str(error).removeprefix(f"--input {path}: ")
            here = [Unreadable(path, MISSING, why)]
        for item in here:
            found.setdefault(item.uri, item)
    return list(found.values())


def segment(files: Sequence[Input | Unreadable], config: CurationConfig) -> Iterator[Segmented | Unreadable]:
    """The shots of each file, or why it has none.

    A file behind a URL is kept on this machine until the next one is asked for.

    Raises:
        ValueError: the detector's weights cannot be loaded.
    """
    folder = tempfile.mkdtemp(prefix="cliploom-segment-")
    try:
        segmenter = _Segmenter(config, Workspace.open(folder, folder))
        for item in files:
            yield item if isinstance(item, Unreadable) else segmenter(item)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Segmenter:
    """Probes files and finds their shots."""

    def __init__(self, config: CurationConfig, workspace: Workspace) -> None:
        self._limits = config.probe.limits
        self._workspace = workspace
        self._probe = Probe(config.probe, workspace)
        self._detect = detector(config.detect, workspace, self._limits)
        self._detect.setup()

    def __call__(self, record: Input) -> Segmented | Unreadable:
        try:
            return self._segment(record)
        except Retry as fault:
            return Unreadable(record.uri, FAULT, f"{fault}; run the same command again")

    def _segment(self, record: Input) -> Segmented | Unreadable:
        source = next(self._probe([record]))
        if isinstance(source, Rejected):
            return Unreadable(record.uri, source.reason, source.detail)
        shots: list[Shot] = []
        for item in self._detect([source]):
            if isinstance(item, Rejected):
                return Unreadable(record.uri, item.reason, item.detail)
            shots.append(item)
        return Segmented(SourceFile(source, self._local(source), self._limits), tuple(shots))

    def _local(self, source: SourceVideo) -> Path:
        scratch = self._workspace.scratch
        return fetch(source.uri, scratch, size_bytes=source.size_bytes, video_id=source.video_id).path
