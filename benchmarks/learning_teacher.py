"""A teacher of motion, made on the spot: a classifier that learns from labelled clips of its own.

It stands for the large pre-trained teachers of stage 1, which learned from captions: it knows more than what
the clips of the student say, and neither the student's clips nor the probe's are among its own.

Shape suffixes: N clips, B batch, C colour, T frames, H W pixels.
"""

# ruff: noqa: N806 (shape suffixes)
from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional

from benchmarks.motion_clips import MOTIONS, MotionClips
from training.models.classifier import VideoClassifier
from training.models.classifier_config import ClassifierConfig
from training.models.encoder_config import EncoderConfig
from training.released.description import CONFIG, ClassifierDescription, to_json
from training.views.augmentation import normalise

BATCH_SIZE = 64
WARM_UP = 0.1
RATE = 2e-3
WEIGHT_DECAY = 0.02
MAX_GRAD_NORM = 3.0


def make_teacher(clips: MotionClips, encoder: EncoderConfig, folder: Path, *, steps: int, seed: int) -> Path:
    """Train a classifier on labelled clips and write it as a folder that a teacher is loaded from."""
    torch.manual_seed(seed)
    head = ClassifierConfig(num_classes=len(MOTIONS))
    model = VideoClassifier(encoder, head)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / (WARM_UP * steps)) * (1 + math.cos(math.pi * step / steps)) / 2,
    )
    video_NTHWC, labels_N = torch.from_numpy(clips.video_uint8), torch.from_numpy(clips.labels)
    for _ in range(steps):
        rows = torch.randint(len(clips), (BATCH_SIZE,))
        video_BCTHW = normalise(video_NTHWC[rows].permute(0, 4, 1, 2, 3).float() / 255)
        loss = functional.cross_entropy(model(video_BCTHW), labels_N[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        schedule.step()
    folder.mkdir()
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        folder / "model.safetensors",
    )
    (folder / CONFIG).write_text(to_json(ClassifierDescription(encoder=encoder, head=head)))
    return folder
