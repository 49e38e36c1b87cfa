"""Pre-training on generated clips by the trainer itself: shards, `train`, checkpoints, a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.loader_data import make_dataset
from benchmarks.motion_clips import NUM_FRAMES, SIZE_PX, MotionClips
from training.checkpoints.export import read_model
from training.config import TrainConfig
from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.run import train

ENCODER = {
    "num_frames": NUM_FRAMES, "size_px": SIZE_PX, "patch_px": 8, "tubelet_frames": 2, "width": 96, "depth": 3,
    "heads": 4, "mlp_width": 384, "layer_scale_init": 0.3, "pool_heads": 4, "pool_width": 96,
}  # fmt: skip
PIXELS = {
    "kind": "pixels", "mask_ratio": 0.5, "decoder": {"width": 64, "depth": 1, "heads": 4},
}  # fmt: skip
PIXELS_RATE = 1.5e-3
DISTILLATION_RATE = 1.5e-3
BATCH_SIZE = 16
VIEWS_PER_CLIP = 2
"""Rows of a clip in a step, each with its own mask: two for one decoding."""
NUM_SHARDS = 8


def encoder_config() -> EncoderConfig:
    """The encoder of all runs: InternVideo2's, tiny, with VideoMAE's tubelets."""
    return EncoderConfig.model_validate(ENCODER)


def teacher_config() -> EncoderConfig:
    """The same for a teacher, whose branches start at full strength: it learns in fewer steps."""
    return EncoderConfig.model_validate(ENCODER | {"layer_scale_init": 1.0})


def write_shards(clips: MotionClips, folder: Path) -> str:
    """The clips, without their labels, as shards of H.264 in MP4; returns the URL."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.mp4" for number in range(len(clips))]
    for path, frames in zip(paths, clips.video_uint8, strict=True):
        _encode(frames, path)
    return make_dataset(paths, folder / "set", num_samples=len(paths), num_shards=NUM_SHARDS).url


def by_pixels(url: str, output: Path, *, steps: int, seed: int) -> Path:
    """Train an encoder by masked pixels; returns its checkpoint."""
    return _train(_config(url, PIXELS, steps=steps, seed=seed, rate=PIXELS_RATE), output)


def by_distillation(url: str, teacher: Path, output: Path, *, steps: int, seed: int) -> Path:
    """Train an encoder to give, of the patches it sees, what a teacher gives that sees all.

    `teacher` is a folder with an encoder and its pooling, which says where to look. Returns a checkpoint.
    """
    objective = {
        "kind": "distill",
        "teacher": {"kind": "internvideo2", "weights": str(teacher), "layers": 2, "precision": "fp32"},
        "mask": {"kind": "attention", "ratio": 0.5},
    }
    return _train(_config(url, objective, steps=steps, seed=seed, rate=DISTILLATION_RATE), output)


def trained_encoder(checkpoint: Path) -> VideoEncoder:
    """The encoder of a checkpoint, without heads and pooling."""
    tensors, _ = read_model(checkpoint)
    encoder = VideoEncoder(encoder_config(), pool=False)
    encoder.load_state_dict({name: tensors[name] for name in encoder.state_dict()})
    return encoder


def untrained_encoder(seed: int) -> VideoEncoder:
    """The same encoder with the weights that it starts with."""
    torch.manual_seed(seed)
    return VideoEncoder(encoder_config(), pool=False)


def _config(url: str, objective: dict[str, Any], *, steps: int, seed: int, rate: float) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "data": {
                "train": url, "frame_px": SIZE_PX, "decode_threads": 1, "prefetch_batches": 4,
                "augmentation": {"crop_scales": [1.0], "views_per_clip": VIEWS_PER_CLIP},
            },
            "model": ENCODER,
            "objective": objective,
            "optimizer": {"peak_learning_rate": rate, "betas": [0.9, 0.98], "weight_decay": 0.02},
            "schedule": {"warmup_steps": steps // 20},
            "steps": steps,
            "batch_size": BATCH_SIZE,
            "seed": seed,
            "checkpoint": {"every_steps": steps, "keep": 1},
            "logging": {"every_steps": 100, "tensorboard": False},
            "num_threads": 1,
        }
    )  # fmt: skip


def _train(config: TrainConfig, output: Path) -> Path:
    result = train(config, output=str(output))
    if result.interrupted or result.checkpoint is None:
        raise SystemExit(f"{output}: the run was interrupted")
    return Path(result.checkpoint)


def _encode(frames: NDArray[np.uint8], path: Path) -> None:
    """H.264 with little loss, a keyframe at the start only."""
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "crf": "8", "bf": "0", "threads": "1"}
        stream = container.add_stream("libx264", rate=NUM_FRAMES, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
