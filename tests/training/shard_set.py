"""Small shard sets to train on: squares that move over a shaded background, in real H.264."""

from __future__ import annotations

import hashlib
import io
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.media_store import write_tar_member
from shards.format import INDEX_SCHEMA, MANIFEST_NAME, canonical_json, manifest_version

SIZE_PX = 64
NUM_FRAMES = 24


def moving_square(number: int) -> bytes:
    """An MP4 of one second; the number decides shading, colour, start and direction."""
    random = np.random.Generator(np.random.Philox(key=number))
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX].astype(np.float64)
    slope = random.uniform(-1.5, 1.5, size=(2, 3))
    shading = 110 + (rows[..., None] - 32) * slope[0] + (columns[..., None] - 32) * slope[1]
    colour = random.integers(0, 256, size=3)
    start, velocity = random.uniform(0, 48, size=2), random.uniform(-1.5, 1.5, size=2)
    frames = []
    for time in range(NUM_FRAMES):
        frame = shading.copy()
        top, left = (int(value) % 48 for value in start + velocity * time)
        frame[top : top + 16, left : left + 16] = colour
        frames.append(frame.clip(0, 255).astype(np.uint8))
    return encode(np.stack(frames))


def encode(frames: np.ndarray) -> bytes:
    """RGB frames [T, H, W, 3] as H.264 in MP4, 24 frames per second."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{frames.shape[2]}x{frames.shape[1]}", "-r", "24", "-i", "-", "-c:v", "libx264"]
    command += ["-threads", "1", "-bf", "0", "-g", "12", "-pix_fmt", "yuv420p", "-f", "mp4"]
    command += ["-movflags", "frag_keyframe+empty_moov", "-"]
    return subprocess.run(command, input=frames.tobytes(), capture_output=True, check=True, timeout=60).stdout


def write_shards(
    folder: Path, videos: dict[str, bytes], *, per_shard: int = 8, extension: str = "mp4"
) -> str:
    """Tars, indexes and a manifest with the videos in split `train`; returns the folder's URL."""
    folder.mkdir(parents=True)
    keys = sorted(videos)
    shards = [
        _write_shard(folder, number, {key: videos[key] for key in keys[first : first + per_shard]}, extension)
        for number, first in enumerate(range(0, len(keys), per_shard))
    ]
    manifest = {
        "schema_version": 1,
        "lanes": 64,
        "generations": [{"generation": "g0", "splits": {"train": shards}}],
    }
    text = canonical_json(manifest | {"version": manifest_version(manifest)})
    (folder / MANIFEST_NAME).write_text(text)
    return str(folder)


def _write_shard(
    folder: Path, number: int, videos: dict[str, bytes], video_extension: str
) -> dict[str, object]:
    tar, rows = io.BytesIO(), []
    for key, mp4 in videos.items():
        members = []
        for extension, data in sorted({"json": b"{}", video_extension: mp4}.items()):
            offset = write_tar_member(tar, f"{key}.{extension}", data)
            sha256 = hashlib.sha256(data).hexdigest()
            members.append({"extension": extension, "offset": offset, "size": len(data), "sha256": sha256})
        sample_sha256 = hashlib.sha256(b"{}" + mp4).hexdigest()
        rows.append(
            {"key": key, "duration_s": 1.0, "caption_chars": 0, "sha256": sample_sha256, "members": members}
        )
    tar.write(bytes(1024))
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=INDEX_SCHEMA), sink)
    path, index_path = f"{number:06d}.tar", f"{number:06d}.index.parquet"
    (folder / path).write_bytes(tar.getvalue())
    (folder / index_path).write_bytes(sink.getvalue())
    return {
        "path": path,
        "sha256": hashlib.sha256(tar.getvalue()).hexdigest(),
        "size_bytes": len(tar.getvalue()),
        "index_path": index_path,
        "index_sha256": hashlib.sha256(sink.getvalue()).hexdigest(),
        "num_samples": len(rows),
    }
