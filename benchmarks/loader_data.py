"""Clips of some films in two forms, and shards of each, written by our own packing."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from curation.base.media_store import MediaRef
from curation.base.records import from_arrow, to_arrow
from curation.base.stages import Snapshot
from curation.base.workspace import Workspace
from curation.media.ffmpeg import ffmpeg_binary
from shards.format import canonical_json
from shards.records import DatasetManifest, Sample, SampleMember, ShardFile
from shards.writing.manifest import Manifest, ManifestConfig
from shards.writing.pack import Pack, PackConfig

TRAINING, ORIGINAL = "training", "original"
SIZES = {TRAINING: (456, 256), ORIGINAL: (1280, 720)}
GENERATION = "0" * 16


@dataclass(frozen=True)
class Dataset:
    """Shards, and the bytes of their distinct clips."""

    url: str
    tars: tuple[str, ...]
    clips: tuple[Path, ...]


def make_clips(
    films: Sequence[Path], folder: Path, *, clip_s: float, max_clips: int
) -> dict[str, list[Path]]:
    """Each film cut into clips of `clip_s`, in both forms: 16:9, without sound. `original` is what the web
    has, 720p of x264's medium preset; `training` is encoded as the cut stage does."""
    folder.mkdir(parents=True, exist_ok=True)
    clips: dict[str, list[Path]] = {ORIGINAL: [], TRAINING: []}
    for film in films:
        with av.open(str(film)) as media:
            duration_s = float(media.duration or 0) / 1_000_000
            rate = media.streams.video[0].average_rate or Fraction(25)
        for number in range(int(duration_s // clip_s)):
            if len(clips[ORIGINAL]) == max_clips:
                return clips
            for form in clips:
                path = folder / f"{film.stem}-{number}.{form}.mp4"
                if not path.exists():
                    _encode(film, path, form, number * clip_s, clip_s, rate)
                clips[form].append(path)
    return clips


def _encode(film: Path, path: Path, form: str, start_s: float, clip_s: float, rate: Fraction) -> None:
    width, height = SIZES[form]
    gop = str(max(1, round(rate / 2)))
    settings = {
        ORIGINAL: ["-preset", "medium", "-crf", "20", "-g", "250"],
        TRAINING: ["-preset", "veryfast", "-tune", "fastdecode", "-crf", "23", "-g", gop, "-keyint_min", gop,
                   "-sc_threshold", "0", "-bf", "0", "-x264-params", "cpu-independent=1", "-threads", "1"],
    }  # fmt: skip
    scale = f"scale={width}:{height}:force_original_aspect_ratio=increase:flags=bicubic,crop={width}:{height}"
    span = ["-ss", str(start_s), "-t", str(clip_s), "-i", str(film)]
    video = ["-map", "0:v:0", "-vf", scale, "-c:v", "libx264", "-pix_fmt", "yuv420p", *settings[form]]
    repeatable = ["-flags", "+bitexact", "-fflags", "+bitexact", "-movflags", "+faststart"]
    subprocess.run([ffmpeg_binary(), "-v", "error", "-y", *span, *video, *repeatable, str(path)], check=True)


def make_dataset(clips: Sequence[Path], folder: Path, *, num_samples: int, num_shards: int) -> Dataset:
    """`num_samples` samples of the clips, over and over, in `num_shards` shards."""
    workspace = Workspace.open(str(folder / "run"), str(folder / "scratch"))
    samples = make_samples([path.read_bytes() for path in clips], workspace, num_samples, num_shards)
    files: list[ShardFile] = []
    for number in range(num_shards):
        shard = [sample for sample in samples if sample.shard_id == _shard_id(number)]
        files += [item for item in Pack(PackConfig(), workspace)(shard) if isinstance(item, ShardFile)]
    (made,) = Manifest(ManifestConfig(), workspace)(_Files(files))
    if not isinstance(made, DatasetManifest):
        raise SystemExit(f"no manifest: {made}")
    root = workspace.storage.uri("shards")
    return Dataset(root, tuple(f"{root}/{file.path}" for file in files), tuple(clips))


def make_samples(
    contents: Sequence[bytes], workspace: Workspace, num_samples: int, num_shards: int
) -> list[Sample]:
    """Samples whose videos are those contents, in turn, out of one media tar."""
    refs: list[MediaRef] = []
    with workspace.media.new_tar("cut") as tar:
        refs += [tar.add(f"{number}.mp4", "mp4", data) for number, data in enumerate(contents)]
    samples = []
    for number in range(num_samples):
        key = hashlib.sha256(str(number).encode()).hexdigest()[:32]
        metadata = canonical_json({"key": key, "caption": "A description of what is seen. " * 20})
        samples.append(
            Sample(
                sample_id=key, clip_id=key, facts_digest=key, generation=GENERATION, split="train",
                shard_id=_shard_id(number % num_shards), position=number // num_shards, duration_s=1.0,
                caption_chars=600, members=(SampleMember(extension="mp4", media=refs[number % len(refs)]),),
                metadata=metadata,
            )
        )  # fmt: skip
    # Through Arrow, as records travel between stages.
    return list(from_arrow(Sample, to_arrow(Sample, samples)))


def _shard_id(number: int) -> str:
    return f"{GENERATION}/train/{number:06d}"


class _Files(Snapshot):
    def __init__(self, files: Sequence[ShardFile]) -> None:
        self._table = to_arrow(ShardFile, list(files))

    def table(self, name: str) -> object:
        return self._table

    def arrival(self, name: str) -> object:
        import pyarrow as pa

        return pa.array([0] * len(self._table))

    def previous(self) -> None:
        return None
