"""Clips made of real footage or of pictures and sound whose truth is known, as the cut would make them."""

from __future__ import annotations

import io
import math
import subprocess
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np

from curation.base.media_store import MediaRef
from curation.base.workspace import Workspace
from curation.records import Clip, Frame

SAMPLE_RATE_HZ = 16000
NUM_FRAMES = 8
"""Frames of the source that a clip keeps."""


def ffmpeg(*arguments: str, stdin: bytes | None = None) -> bytes:
    """Run the pinned ffmpeg and give what it wrote to stdout."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


def clip_of_file(
    workspace: Workspace, source: Path, start_s: float = 0.0, duration_s: float | None = None, name: str = "0"
) -> Clip:
    """A clip of a stretch of a video file, or of a sound file under a black picture."""
    stretch = ["-ss", f"{start_s}"] + ([] if duration_s is None else ["-t", f"{duration_s}"])
    with av.open(str(source)) as container:
        has_video, has_audio = bool(container.streams.video), bool(container.streams.audio)
        length_s = min(container.duration / av.time_base - start_s, duration_s or math.inf)
    scratch = workspace.scratch / f"{name}.mp4"
    if has_video:
        picture = [*stretch, "-i", str(source), "-map", "0:v:0"]
    else:
        picture = ["-f", "lavfi", "-i", f"color=black:size=64x64:rate=20:duration={length_s}"]
    ffmpeg(*picture, *_small_form(), "-y", str(scratch))
    flac = None
    if has_audio:
        flac = ffmpeg(*stretch, "-i", str(source), "-map", "0:a:0", *_flac(), "-")
    stills = ["-vf", f"fps={NUM_FRAMES / length_s}", "-c:v", "ppm", "-f", "image2pipe", "-"]
    pictures = list(_ppms(ffmpeg(*picture, *stills))) if has_video else []
    return _clip(workspace, name, scratch.read_bytes(), flac, pictures)


def clip_of_frames(
    workspace: Workspace,
    frames: Iterable[np.ndarray],
    fps: float,
    sound: np.ndarray | None = None,
    name: str = "0",
) -> Clip:
    """A clip of BGR pictures (uint8) and, if given, mono sound (float32, 16 kHz)."""
    pictures = list(frames)
    height, width = pictures[0].shape[:2]
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", f"{fps}", "-i", "-"]
    scratch = workspace.scratch / f"{name}.mp4"
    ffmpeg(*raw, *_small_form(), "-y", str(scratch), stdin=b"".join(p.tobytes() for p in pictures))
    flac = None if sound is None else flac_of(sound)
    return _clip(workspace, name, scratch.read_bytes(), flac, pictures)


def clip_of_sound(workspace: Workspace, sound: np.ndarray | None, name: str = "0") -> Clip:
    """A clip of sound (float32, 16 kHz) under a black picture of the same length."""
    duration_s = 2.0 if sound is None else len(sound) / SAMPLE_RATE_HZ
    black = [np.zeros((64, 64, 3), np.uint8)] * max(1, math.ceil(duration_s * 4))
    return clip_of_frames(workspace, black, 4, sound, name)


def flac_of(sound: np.ndarray) -> bytes:
    """FLAC of mono float32 sound at 16 kHz."""
    raw = ["-f", "f32le", "-ar", f"{SAMPLE_RATE_HZ}", "-ac", "1", "-i", "-"]
    return ffmpeg(*raw, *_flac(), "-", stdin=sound.astype("<f4").tobytes())


def _flac() -> list[str]:
    return ["-ar", f"{SAMPLE_RATE_HZ}", "-ac", "1", "-sample_fmt", "s16", "-f", "flac"]


def _small_form() -> list[str]:
    scale = "scale='if(gt(iw,ih),-2,min(256,iw))':'if(gt(iw,ih),min(256,ih),-2)':flags=bicubic"
    encoder = ["-c:v", "libx264", "-threads", "1", "-bf", "0", "-g", "12", "-crf", "23"]
    return ["-an", "-vf", scale, "-pix_fmt", "yuv420p", *encoder, "-f", "mp4"]


def _ppms(data: bytes) -> Iterable[np.ndarray]:
    position = 0
    while position < len(data):
        _, size, _ = data[position : position + 40].split(b"\n", 3)[:3]
        width, height = map(int, size.split())
        start = data.index(b"\n255\n", position) + 5
        end = start + 3 * width * height
        yield np.frombuffer(data[start:end], np.uint8).reshape(height, width, 3)[:, :, ::-1]
        position = end


def _clip(
    workspace: Workspace, name: str, mp4: bytes, flac: bytes | None, pictures: list[np.ndarray]
) -> Clip:
    with av.open(io.BytesIO(mp4), format="mp4") as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
        stream = container.streams.video[0]
        fps, width, height = float(stream.average_rate), stream.width, stream.height
    audio: MediaRef | None = None
    frames: list[Frame] = []
    with workspace.media.new_tar("cut") as tar:
        video = tar.add(f"{name}.mp4", "mp4", mp4)
        if flac is not None:
            audio = tar.add(f"{name}.flac", "flac", flac)
        step = max(1, len(pictures) // NUM_FRAMES)
        for number, picture in enumerate(pictures[step // 2 :: step][:NUM_FRAMES]):
            done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
            assert done
            media = tar.add(f"{name}.{number:03d}.jpg", f"frame_{number:03d}", jpeg.tobytes())
            time_s = (step // 2 + number * step) * times[-1] / max(1, len(pictures) - 1)
            size = {"width_px": picture.shape[1], "height_px": picture.shape[0]}
            frames.append(Frame(time_s=time_s, media=media, **size))
    duration_s = len(times) / fps
    return Clip(
        clip_id=f"clip-{name}",
        plan_id=f"clip-{name}",
        video_id="video",
        shot_ids=("shot",),
        shot_starts_s=(0.0,),
        stream=0,
        start_pts=0,
        end_pts=len(times),
        time_base=f"1/{round(fps)}",
        start_s=0.0,
        end_s=duration_s,
        duration_s=duration_s,
        num_frames=len(times),
        fps=fps,
        width_px=width,
        height_px=height,
        frame_times_s=tuple(times),
        keyframes=(0,),
        mode="exact",
        video=video,
        audio=audio,
        frames=tuple(frames),
        crop=None,
        other_forms=(),
        scores=(),
    )
