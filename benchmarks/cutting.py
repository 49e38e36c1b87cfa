"""Segmenting and exact cutting beside `scenedetect split-video`, in seconds of the source per wall second.

Both find shots and write every shot as an mp4 of one size, with the same encoder settings, and its sound
as 16 kHz mono FLAC (the peer inside of its mp4). Each run starts from nothing and ends with all files on
disk; what the peer takes to start and import is measured too, and reported apart. PySceneDetect and the
ffmpeg that it calls decode and encode with as many threads as they like; ours decodes in two and encodes in
one. The clips of both are decoded afterwards and their frames counted: the first begins and the last ends
with the source, so what is missing or too many was lost or doubled at the cuts. CPU seconds in the table
are without those of our decoding children.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install "scenedetect[opencv-headless]==0.7.2"
    python -m benchmarks.cutting --scenedetect /tmp/peer/bin/scenedetect film.mp4
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av

from benchmarks.interleaved import interleave, last_line, show
from curation.base.ids import clip_id
from curation.base.stages import Group
from curation.base.workspace import Workspace
from curation.cut.config import CutConfig
from curation.cut.rules import fitted_size
from curation.cut.stage import Cut
from curation.detect.content import ContentDetector, ContentDetectorConfig
from curation.media.ffmpeg import ffmpeg_binary
from curation.probe import Probe, ProbeConfig
from curation.records import CutClip, Input, PlannedClip, Shot, SourceVideo

OURS, PEER, PEER_START = "cliploom", "scenedetect", "scenedetect --help"
SHORT_SIDE_PX = 256


@dataclass(frozen=True)
class Count:
    """Clips and their frames, beside the frames of the source."""

    clips: int
    frames: int
    source_frames: int

    @property
    def lost(self) -> int:
        """Frames that no clip has; negative if some are in two."""
        return self.source_frames - self.frames


def main() -> None:
    """Run the benchmark on each film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path, help="videos to segment and cut")
    parser.add_argument("--scenedetect", required=True, help="the scenedetect program")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each (default 7)")
    arguments = parser.parse_args()
    figures = [_compare(film.resolve(), arguments.scenedetect, arguments.repeats) for film in arguments.films]
    last_line(benchmark="cutting", cores=os.cpu_count(), films=figures)


def _compare(film: Path, program: str, repeats: int) -> dict[str, object]:
    with _workspace() as (workspace, _):
        source = _probed(film, workspace)
    with av.open(str(film)) as media:
        source_frames = sum(1 for _ in media.decode(media.streams[source.video.index]))
    found = interleave(
        {
            OURS: partial(_cut_by_us, film),
            PEER: partial(_cut_by_peer, film, program, source),
            PEER_START: partial(_run, [program, "--help"]),
        },
        repeats,
    )
    counts = {OURS: _count_ours(film, source_frames), PEER: _count_peer(film, program, source, source_frames)}
    print(f"\n{film.name}: {source.duration_s:.1f} s, {source.video.width_px}x{source.video.height_px}")
    show(found)
    for name, count in counts.items():
        print(f"{name}: {count.clips} clips, {count.frames} of {count.source_frames} frames")
    pairs = zip(found[PEER].wall_s, found[OURS].wall_s, strict=True)
    ratios = sorted(peer / ours for peer, ours in pairs)
    steady = found[PEER].median_s - found[PEER_START].median_s
    cut = len(ratios) // 10
    return {
        "film": film.name,
        "source_s": source.duration_s,
        "clips": {name: count.clips for name, count in counts.items()},
        "frames_lost": {name: count.lost for name, count in counts.items()},
        "source_s_per_wall_s": {
            name: round(source.duration_s / found[name].median_s, 2) for name in (OURS, PEER)
        },
        "wall_s": {name: round(found[name].median_s, 3) for name in found},
        "ratio": round(statistics.median(ratios), 2),
        "ratio_interval": [round(ratios[cut], 2), round(ratios[-1 - cut], 2)],
        "ratio_without_start": round(steady / found[OURS].median_s, 2),
    }


@contextmanager
def _workspace() -> Iterator[tuple[Workspace, Path]]:
    with tempfile.TemporaryDirectory(prefix="cutting-") as name:
        yield Workspace.open(f"{name}/run", f"{name}/scratch"), Path(name)


def _probed(film: Path, workspace: Workspace) -> SourceVideo:
    found = Input(input_id=film.name, uri=str(film), size_bytes=film.stat().st_size, fingerprint="", batch=0)
    (source,) = Probe(ProbeConfig(), workspace)([found])
    if not isinstance(source, SourceVideo):
        raise SystemExit(f"{film}: {source.detail}")
    return source


def _cut_by_us(film: Path) -> None:
    with _workspace() as (workspace, _):
        _clips(film, workspace)


def _clips(film: Path, workspace: Workspace) -> list[CutClip]:
    """Probe, detect and cut; a clip reaches from the first frame of a shot to the first of the next, so
    that all frames are in one, as in the peer's."""
    source = _probed(film, workspace)
    shots = [
        shot
        for shot in ContentDetector(ContentDetectorConfig(), workspace)([source])
        if isinstance(shot, Shot)
    ]
    plans = [
        _plan(source, shot, following) for shot, following in zip(shots, [*shots[1:], None], strict=True)
    ]
    config = CutConfig(trim_bars=False, min_frames=1, max_frames=1)
    group = Group(source.video_id, {"plans": plans, "source": (source,)})
    found = list(Cut(config, workspace)([group]))
    clips = [clip for clip in found if isinstance(clip, CutClip)]
    if len(clips) != len(found):
        raise SystemExit(f"{film}: {len(found) - len(clips)} clips were rejected")
    return clips


def _plan(source: SourceVideo, shot: Shot, following: Shot | None) -> PlannedClip:
    end_pts = following.start_pts if following else shot.end_pts
    last_frame = following.start_frame - 1 if following else shot.last_frame
    name = clip_id(source.video_id, shot.stream, shot.start_pts, end_pts, shot.time_base)
    return PlannedClip(
        clip_id=name, video_id=source.video_id, shot_ids=(shot.shot_id,), shot_start_pts=(shot.start_pts,),
        stream=shot.stream,
        start_pts=shot.start_pts, end_pts=end_pts, time_base=shot.time_base, start_s=shot.start_s,
        end_s=shot.end_s, start_frame=shot.start_frame, last_frame=last_frame, motion=shot.motion,
    )  # fmt: skip


def _cut_by_peer(film: Path, program: str, source: SourceVideo) -> None:
    with _workspace() as (_, folder):
        _split(film, program, source, folder)


def _split(film: Path, program: str, source: SourceVideo, folder: Path) -> list[Path]:
    """`scenedetect split-video` with our encoder settings; a keyframe every half second, as in our clips."""
    size = fitted_size(source.video.width_px, source.video.height_px, SHORT_SIDE_PX)
    gop = max(1, round(source.video.fps / 2))
    settings = (
        f"-map 0:{source.video.index} -c:v libx264 -preset veryfast -tune fastdecode -crf 23 -g {gop} "
        f"-keyint_min {gop} -sc_threshold 0 -bf 0 -vf scale={size[0]}:{size[1]} -pix_fmt yuv420p"
    )
    if source.audio is not None:
        settings += f" -map 0:{source.audio.index} -c:a flac -ar 16000 -ac 1"
    (folder / "ffmpeg").symlink_to(ffmpeg_binary())
    out = folder / "clips"
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    command = [
        program,
        "-q",
        "-i",
        str(film),
        "detect-content",
        "split-video",
        "-o",
        str(out),
        "-a",
        settings,
    ]
    _run(command, {**os.environ, "PATH": path})
    return sorted(out.iterdir())


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _count_ours(film: Path, source_frames: int) -> Count:
    with _workspace() as (workspace, folder):
        clips = _clips(film, workspace)
        frames = 0
        for clip in clips:
            path = folder / "clip.mp4"
            path.write_bytes(workspace.media.read(clip.video))
            frames += _num_frames(path)
        return Count(len(clips), frames, source_frames)


def _count_peer(film: Path, program: str, source: SourceVideo, source_frames: int) -> Count:
    with _workspace() as (_, folder):
        paths = _split(film, program, source, folder)
        return Count(len(paths), sum(map(_num_frames, paths)), source_frames)


def _num_frames(path: Path) -> int:
    with av.open(str(path)) as media:
        return sum(1 for _ in media.decode(video=0))


if __name__ == "__main__":
    main()
