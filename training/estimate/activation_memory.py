"""How much memory the passes of a model take in a process, worked out from the config alone.

The count of activations is that of what autograd keeps (tests compare it with saved tensors); what the
allocator loses in gaps comes on top. The engine's state: `memory.py`.

Letters in comments: D width, M width of the MLP, E width of a teacher.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from training.engines.config import DdpConfig, EngineConfig
from training.estimate.cost import visible_patches
from training.estimate.memory import BF16, FP32
from training.models.encoder_config import EncoderConfig
from training.models.student_config import HeadConfig, StudentConfig, aligned_layers
from training.objectives.config import ObjectiveConfig
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.teachers.teacher import TeacherSpec
from training.views.augmentation_config import AugmentationConfig


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """Bytes of an element: of what matrices multiply, and of the stream that blocks add to."""

    low: int
    stream: int

    @classmethod
    def of(cls, engine: EngineConfig) -> Arithmetic:
        """DDP computes in bfloat16 by autocast, over a stream of float32; others hold bfloat16 weights."""
        if engine.precision == "fp32":
            return cls(low=FP32, stream=FP32)
        return cls(low=BF16, stream=FP32 if isinstance(engine, DdpConfig) else BF16)


def activation_bytes(objective: ObjectiveConfig, encoder: EncoderConfig, arithmetic: Arithmetic) -> int:
    """What autograd keeps of one row (a view under one mask) from the forward to the backward pass."""
    visible = visible_patches(objective, encoder)
    if isinstance(objective, MaskedPixelsConfig):
        ends = _pixel_decoder_bytes(objective, encoder, visible, arithmetic)
    else:
        ends = _heads_bytes(encoder, objective.student(encoder), visible, arithmetic)
    block = _block_bytes(visible + 1, encoder.width, encoder.mlp_width, encoder.heads, arithmetic)
    again = min(encoder.checkpointed_blocks, encoder.depth)
    kept = (encoder.depth - again) * block + again * (visible + 1) * encoder.width * arithmetic.stream
    patches = visible * 3 * encoder.tubelet_frames * encoder.patch_px**2 * arithmetic.low
    # A block's turn comes in the backward pass when what stands on the encoder has let go of its own.
    at_work = _gradient_bytes(visible + 1, encoder.width, encoder.mlp_width, arithmetic)
    return patches + kept + max(ends, at_work + (block if again else 0))


def _block_bytes(tokens: int, width: int, mlp_width: int, heads: int, arithmetic: Arithmetic) -> int:
    low = arithmetic.low
    if arithmetic.stream == low:
        # Inputs and outputs of norms and matrices, inputs of scales, q and k before and after norms.
        per_token = low * (16 * width + 2 * mlp_width)
    else:
        # The same; inputs and outputs of all norms in float32 beside what the matrices see.
        per_token = 48 * width + low * 2 * mlp_width
    statistics = FP32 * (4 + heads)
    return tokens * (per_token + statistics)


def _gradient_bytes(tokens: int, width: int, mlp_width: int, arithmetic: Arithmetic) -> int:
    """Gradients of activations while a block is gone through backwards."""
    return tokens * arithmetic.low * (2 * mlp_width + 4 * width)


def _heads_bytes(encoder: EncoderConfig, heads: StudentConfig, visible: int, arithmetic: Arithmetic) -> int:
    low, width = arithmetic.low, encoder.width
    stands = {
        layer
        for head in (heads.middle, heads.motion)
        if head is not None
        for layer in aligned_layers(encoder.depth, head.layers, head.interval)
    }
    kept = len(stands) * (visible + 1) * width * arithmetic.stream
    kept += (visible + 1) * _head_bytes(heads.middle, width, low)
    if heads.motion is not None:
        kept += visible * _head_bytes(heads.motion, width, low)
    if heads.final is not None:
        # Keys and values before and after their matrices.
        kept += (visible + 1) * 4 * width * low
    return kept


def _head_bytes(head: HeadConfig, width: int, low: int) -> int:
    """Of a token, in all layers: inputs and outputs of its matrices; in float32 the features before and after
    they are made 1 long, and their gradient."""
    matrices = low * (head.width + width * (3 if head.kind == "mlp" else 1))
    return head.layers * (matrices + 3 * FP32 * head.width)


def _pixel_decoder_bytes(
    objective: MaskedPixelsConfig, encoder: EncoderConfig, visible: int, arithmetic: Arithmetic
) -> int:
    decoder, tokens = objective.decoder, encoder.num_tokens
    blocks = decoder.depth * _block_bytes(tokens, decoder.width, 4 * decoder.width, decoder.heads, arithmetic)
    values = 3 * encoder.tubelet_frames * encoder.patch_px**2
    # Guess, difference from the target, and the gradient.
    ends = visible * encoder.width * arithmetic.low + (tokens - visible) * values * (
        arithmetic.low + 2 * FP32
    )
    at_work = _gradient_bytes(tokens, decoder.width, 4 * decoder.width, arithmetic)
    return blocks + ends + at_work


def input_bytes(
    objective: ObjectiveConfig, encoder: EncoderConfig, augmentation: AugmentationConfig, frame_px: int
) -> int:
    """What a clip brings with it: frames, normalised views, targets of the visible patches."""
    frames = 3 * objective.num_frames(encoder) * frame_px**2
    view = 3 * encoder.num_frames * encoder.size_px**2 * FP32
    if isinstance(objective, MaskedPixelsConfig):
        hidden = encoder.num_tokens - visible_patches(objective, encoder)
        targets = hidden * 3 * encoder.tubelet_frames * encoder.patch_px**2 * FP32
        return frames + augmentation.views_per_clip * (view + targets)
    shapes = objective.target_shapes(encoder).values()
    targets = sum(math.prod(shape) for shape in shapes) * BF16
    return frames + augmentation.views_per_clip * (objective.masks_per_view * view + targets)


def teaching_bytes(spec: TeacherSpec, clips: int, clips_at_once: int, low: int) -> int:
    """What looking at clips takes beside the teacher's weights, gone when the student's turn comes."""
    tokens = math.prod(spec.grid) + spec.grid[0]
    features = spec.layers * tokens * spec.width * low
    # Features as they are, of length 1, and put together; one block at work (MLPs are some 4 widths wide).
    one_clip = 3 * features + tokens * spec.width * (17 * low + 2 * FP32)
    views = 2 * 3 * spec.num_frames * spec.size_px**2 * FP32
    return clips * views + min(clips, clips_at_once) * one_clip
