"""From the shapes of an InternVideo2 state dict to the configs that build its model.

What shapes cannot tell: the number of heads (known by the width of the released sizes), which frames and
rows the positions are of (known at 224 pixels), and the form of GELU (known of the released weights).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from training.models.classifier_config import ClassifierConfig
from training.models.encoder_config import SIZES, EncoderConfig
from training.models.student_config import FinalHeadConfig, HeadConfig, StudentConfig
from training.released.description import (
    ClassifierDescription,
    Description,
    EncoderDescription,
    StudentDescription,
)
from training.released.errors import CheckpointMismatchError
from training.released.kinds import PATCHES, Recognised
from training.released.matching import Shapes

RELEASED_PX = 224
MAX_PX = 1024
RELEASED_GELU = "tanh"
"""Released weights were trained with flash-attn's fused MLP, whose GELU is the tanh form."""


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What the user says of a file where its shapes do not: attention heads, frames that its positions are
    of, the form of GELU."""

    heads: int | None = None
    frames: int | None = None
    gelu: Literal["tanh", "erf"] | None = None


def describe(found: Recognised, hints: Hints, source: str) -> Description:
    """The description of the model that a file of InternVideo2's kind is of.

    Raises:
        CheckpointMismatchError: shapes contradict each other, or leave open what a hint would settle.
    """
    shapes = found.own
    encoder = infer_encoder(shapes, hints, source)
    with _told(source):
        if found.kind == "student":
            return StudentDescription(encoder=encoder, heads=_heads(shapes))
        if found.kind == "classifier":
            num_classes = _dimension(shapes, "head.weight", 0, source)
            extra_mlp = any(name.startswith("extra_mlp.") for name in shapes)
            head = ClassifierConfig(num_classes=num_classes, extra_mlp=extra_mlp)
            return ClassifierDescription(encoder=encoder, head=head)
        return EncoderDescription(encoder=encoder, pool=encoder_has_pool(shapes))


def encoder_has_pool(shapes: Shapes) -> bool:
    """Whether there is an attention pooling."""
    return any(name.startswith("clip_projector.") for name in shapes)


def infer_encoder(shapes: Shapes, hints: Hints, source: str) -> EncoderConfig:
    """Size and shape of the encoder.

    Raises:
        CheckpointMismatchError: see `describe`.
    """
    patches = shapes[PATCHES]
    if len(patches) != 5 or patches[1] != 3 or patches[3] != patches[4] or min(patches) < 1:
        raise CheckpointMismatchError(
            f"{source}: {PATCHES} has the shape {list(patches)}; width, 3 colours, frames, and a square "
            "patch are expected."
        )
    width, _, tubelet, patch, _ = patches
    slots, side = _grid(shapes, patch, tubelet, hints, source)
    values: dict[str, Any] = {
        "num_frames": slots * tubelet,
        "size_px": side * patch,
        "patch_px": patch,
        "tubelet_frames": tubelet,
        "width": width,
        "depth": 1 + max(_indices(shapes, "blocks"), default=-1),
        "heads": hints.heads or _heads_of(width, source),
        "mlp_width": _dimension(shapes, "blocks.0.mlp.fc1.weight", 0, source),
        "gelu": hints.gelu or RELEASED_GELU,
        "image_positions": "img_pos_embed" in shapes,
    }
    if encoder_has_pool(shapes):
        values["pool_width"] = _dimension(shapes, "clip_projector.cross_attn.proj.weight", 0, source)
    size = next((name for name, known in SIZES.items() if known.items() <= values.items()), None)
    with _told(source):
        return EncoderConfig.model_validate({"size": size, **values})


@contextmanager
def _told(source: str) -> Iterator[None]:
    """What no config takes, as a message on the file that it was read from."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        value = "" if isinstance(first["input"], dict) else f" = {str(first['input'])[:100]}"
        where = ".".join(map(str, first["loc"])) or "its shapes"
        raise CheckpointMismatchError(
            f"{source}: {where}{value}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


def _heads_of(width: int, source: str) -> int:
    for known in SIZES.values():
        if known["width"] == width:
            return known["heads"]
    widths = ", ".join(str(known["width"]) for known in SIZES.values())
    raise CheckpointMismatchError(
        f"{source}: its width is {width}, and the number of attention heads is known for {widths} only. "
        "No shape tells it. Give --heads to cliploom checkpoints."
    )


def _grid(shapes: Shapes, patch: int, tubelet: int, hints: Hints, source: str) -> tuple[int, int]:
    """Slots of time, and rows of patches, that the positions are of."""
    tokens = _dimension(shapes, "pos_embed", 1, source) - 1
    if "img_pos_embed" in shapes:
        side = math.isqrt(max(0, _dimension(shapes, "img_pos_embed", 1, source) - 1))
        if side and tokens % side**2 == 0:
            return tokens // side**2, side
    if hints.frames is not None:
        slots = hints.frames // tubelet
        side = math.isqrt(max(0, tokens // slots)) if slots else 0
        if slots < 1 or side**2 * slots != tokens:
            raise CheckpointMismatchError(
                f"{source}: {tokens} positions are not those of {hints.frames} frames ({slots} slots of time "
                f"of {tubelet} frames) and a square of patches. Choose other --file-frames."
            )
        return slots, side
    side = RELEASED_PX // patch
    if RELEASED_PX % patch == 0 and tokens >= side**2 and tokens % side**2 == 0:
        return tokens // side**2, side
    options = [
        f"{tokens // side**2 * tubelet} frames of {side * patch} px"
        for side in range(1, MAX_PX // patch + 1)
        if tokens > 0 and tokens % side**2 == 0
    ]
    raise CheckpointMismatchError(
        f"{source}: {tokens} positions may be of {', of '.join(options[:8]) or 'nothing'}. Give "
        "--file-frames to cliploom checkpoints."
    )


def _heads(shapes: Shapes) -> StudentConfig:
    """The heads by the names that are there."""
    middle = _layers_head(shapes, "clip_decoder")
    assert middle is not None  # else it is no student
    return StudentConfig(
        middle=middle,
        final=_final_head(shapes),
        motion=_layers_head(shapes, "mae_decoder"),
    )


def _layers_head(shapes: Shapes, group: str) -> HeadConfig | None:
    layers = len(_indices(shapes, group))
    if not layers:
        return None
    kind, width = _form(shapes, f"{group}.{min(_indices(shapes, group))}")
    return HeadConfig(layers=layers, interval=1.0, width=width, kind=kind)


def _final_head(shapes: Shapes) -> FinalHeadConfig | None:
    if not any(name.startswith("final_clip_decoder.") for name in shapes):
        return None
    kind, width = _form(shapes, "final_clip_decoder")
    return FinalHeadConfig(width=width, kind=kind)


def _form(shapes: Shapes, head: str) -> tuple[Literal["linear", "mlp"], int]:
    """One linear map or two, and the width that comes out; 0 (which no config takes) if nothing tells it."""
    mlp = f"{head}.head.2.weight" in shapes or f"{head}.head.0.weight" in shapes
    norm = shapes.get(f"{head}.norm.weight", ())
    return ("mlp" if mlp else "linear"), norm[0] if norm else 0


def _indices(shapes: Shapes, group: str) -> set[int]:
    words = (name.split(".")[1] for name in shapes if name.startswith(f"{group}.") and name.count(".") > 1)
    return {int(word) for word in words if word.isdecimal() and len(word) < 6}


def _dimension(shapes: Shapes, name: str, place: int, source: str) -> int:
    if len(shapes.get(name, ())) <= place:
        held = f"has the shape {list(shapes[name])}" if name in shapes else "is missing"
        raise CheckpointMismatchError(f"{source}: {name} {held}: the model's size cannot be told without it.")
    return shapes[name][place]
