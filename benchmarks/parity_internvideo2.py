"""InternVideo2's students beside the published models: stage 1, and the vision encoder of stage 2.

The file holds `kind`, `config`, `state_dict` (key -> shape) and `outputs` (output -> shape, mean, std, l2 and
some of its values by flattened index). Weights, video, image and mask are drawn by a rule, so the file need
not hold them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.parity_output import Difference, difference
from training.models.encoder_config import EncoderConfig
from training.models.student import Student
from training.models.student_config import (
    FinalHeadConfig,
    HeadConfig,
    HeadKind,
    StudentConfig,
    aligned_layers,
)

KEYS = frozenset({"kind", "config", "state_dict", "outputs"})
KINDS = ("stage1", "distill", "stage2_vision")

_WEIGHT_STD = 0.05

_REQUIRED = frozenset({"batch", "video_key"})
_DEFAULTS: dict[str, Any] = {
    "img_size": 224,
    "patch_size": 14,
    "num_frames": 8,
    "tubelet_size": 1,
    "embed_dim": 1408,
    "depth": 40,
    "num_heads": 16,
    "mlp_ratio": "48/11",
    "attn_pool_num_heads": 16,
    "clip_embed_dim": 768,
    "clip_teacher_embed_dim": 3200,
    "clip_teacher_final_dim": 768,
    "clip_return_layer": 1,
    "clip_student_return_interval": 1,
    "clip_student_return_index": None,
    "mae_teacher_embed_dim": 1408,
    "mae_student_return_interval": 1,
    "sep_image_video_pos_embed": False,
    "image_key": None,
    "mask_key": None,
    "visible_per_frame": None,
}
"""Settings that a file need not name, and what they are then: those of the published model's constructor.
What is left is told by the names of the state dict: `mae_return_layer`, `clip_student_decoder`. `gelu` is a
setting of the comparison: fused kernels compute the tanh form, unfused layers the exact one."""

_DECODERS: dict[str, HeadKind] = {"Linear_Decoder": "linear", "MLP_Decoder": "mlp"}

_NEUTRAL = frozenset(
    {
        "drop_path_rate",
        "init_values",
        "use_checkpoint",
        "checkpoint_num",
        "use_flash_attn",
        "use_fused_rmsnorm",
        "use_fused_mlp",
        "fused_mlp_heuristic",
        "layerscale_no_force_fp32",
    }
)
"""Settings of the published model that change no output of given weights in float32 evaluation."""

_FIXED: dict[str, Any] = {
    "in_chans": 3,
    "qkv_bias": False,
    "qk_normalization": True,
    "sep_pos_embed": False,
    "clip_norm_type": "l2",
    "mae_norm_type": "l2",
}
"""Settings of the published model that ours has one value of: that of all released models."""


def differences(document: Mapping[str, Any]) -> Iterator[Difference]:
    """Each output of the file: the values it lists, and mean, standard deviation and length of all values.

    Raises:
        ValueError: the file names a kind, a setting, a key or an output that is not ours, or ours has keys
            or shapes that it has not.
    """
    if document["kind"] not in KINDS:
        raise ValueError(f"no kind '{document['kind']}'; there are {', '.join(KINDS)}")
    settings = checked_settings(document["config"], document["state_dict"])
    model = built_model(settings)
    load(model, document["state_dict"])
    ours = dict(computed_outputs(model, document["kind"], settings))
    if unknown := document["outputs"].keys() - ours.keys():
        raise ValueError(f"{document['kind']} has no outputs {', '.join(sorted(unknown))}")
    for output, wanted in document["outputs"].items():
        yield from compared(output, ours[output], wanted)


def checked_settings(config: Mapping[str, Any], layout: Collection[str] = ()) -> dict[str, Any]:
    """The settings of a published model and of its inputs, with those that the file does not name.

    `layout` holds the names of the state dict.

    Raises:
        ValueError: one is missing, is none of ours, or has a value that ours cannot have.
    """
    mlp_heads = "clip_decoder.0.head.2.weight" in layout
    known = {
        **_DEFAULTS,
        **_FIXED,
        "mae_return_layer": len({name.split(".")[1] for name in layout if name.startswith("mae_decoder.")}),
        "clip_student_decoder": "MLP_Decoder" if mlp_heads else "Linear_Decoder",
        "gelu": "tanh" if config.get("use_fused_mlp") else "erf",
    }
    if unknown := config.keys() - _REQUIRED - known.keys() - _NEUTRAL:
        raise ValueError(f"config has {', '.join(sorted(unknown))}, which this comparison does not know")
    if missing := _REQUIRED - config.keys():
        raise ValueError(f"config lacks {', '.join(sorted(missing))}")
    for name, value in _FIXED.items():
        if config.get(name, value) != value:
            raise ValueError(
                f"config has {name} = {config[name]!r}, but ours is {value!r} always, as in all released "
                "models: nothing can be compared"
            )
    settings = known | dict(config)
    if settings["clip_student_decoder"] not in _DECODERS:
        raise ValueError(
            f"config has clip_student_decoder = {settings['clip_student_decoder']!r}, which is none of "
            f"{', '.join(_DECODERS)}"
        )
    _check_blocks(settings)
    return settings


def _check_blocks(settings: Mapping[str, Any]) -> None:
    ours = aligned_layers(
        settings["depth"], settings["clip_return_layer"], settings["clip_student_return_interval"]
    )
    given = settings["clip_student_return_index"]
    if given and sorted(given) != list(ours):
        raise ValueError(
            f"config has clip_student_return_index = {given}, but ours takes the blocks {list(ours)} of an "
            "interval: nothing can be compared"
        )


def built_model(settings: Mapping[str, Any]) -> Student:
    """Our model for the settings of a published one, with memory but without weights."""
    form = _DECODERS[settings["clip_student_decoder"]]
    motion = None
    if settings["mae_return_layer"]:
        motion = HeadConfig(
            layers=settings["mae_return_layer"],
            interval=settings["mae_student_return_interval"],
            width=settings["mae_teacher_embed_dim"],
            kind="mlp",
        )
    middle = HeadConfig(
        layers=settings["clip_return_layer"],
        interval=settings["clip_student_return_interval"],
        width=settings["clip_teacher_embed_dim"],
        kind=form,
    )
    encoder = EncoderConfig(
        num_frames=settings["num_frames"],
        size_px=settings["img_size"],
        patch_px=settings["patch_size"],
        tubelet_frames=settings["tubelet_size"],
        width=settings["embed_dim"],
        depth=settings["depth"],
        heads=settings["num_heads"],
        mlp_width=mlp_width(settings["embed_dim"], settings["mlp_ratio"]),
        gelu=settings["gelu"],
        pool_heads=settings["attn_pool_num_heads"],
        pool_width=settings["clip_embed_dim"],
        image_positions=settings["sep_image_video_pos_embed"],
        attention="sdpa",
    )
    final_width = settings["clip_teacher_final_dim"]
    final = FinalHeadConfig(width=final_width, kind=form) if final_width else None
    with torch.device("meta"):
        model = Student(encoder, StudentConfig(middle=middle, final=final, motion=motion))
    return model.to_empty(device="cpu").eval()


def mlp_width(width: int, ratio: float | str) -> int:
    """Hidden channels of the MLP, rounded down as the published code does; `ratio` may be like "48/11"."""
    return int(width * float(Fraction(ratio)))


def load(model: Student, layout: Mapping[str, list[int]]) -> None:
    """Give the model the weights that stand for a state dict's keys.

    Raises:
        ValueError: keys or shapes are not those of the model.
    """
    ours = {key: list(value.shape) for key, value in model.state_dict().items()}
    if ours != layout:
        rows = [
            f"{key}: ours {ours.get(key, 'none')}, the reference {layout.get(key, 'none')}"
            for key in sorted(ours.keys() | layout.keys())
            if ours.get(key) != layout.get(key)
        ]
        raise ValueError(f"{len(rows)} keys of the state dicts differ: {'; '.join(rows[:10])}")
    model.load_state_dict({key: drawn_weight(key, shape) for key, shape in layout.items()}, strict=True)


def drawn_weight(key: str, shape: list[int]) -> Tensor:
    """The weight that stands for a key of a state dict."""
    values = drawn_normal(zlib.crc32(key.encode()), shape) * np.float32(_WEIGHT_STD)
    if len(shape) == 1 and key.endswith(".weight"):
        values = values + np.float32(1)
    return torch.from_numpy(values)


def drawn_visible(settings: Mapping[str, Any], grid: tuple[int, int, int]) -> Tensor:
    """Indices of visible patches [B, K], ascending: the order in which a boolean mask takes them."""
    generator = np.random.Generator(np.random.Philox(key=settings["mask_key"]))
    slots, height, width = grid
    patches = height * width
    rows = [
        [
            slot * patches + index
            for slot in range(slots)
            for index in sorted(generator.permutation(patches)[: settings["visible_per_frame"]].tolist())
        ]
        for _ in range(settings["batch"])
    ]
    return torch.tensor(rows)


def computed_outputs(model: Student, kind: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Our outputs by the names that the file has."""
    batch, side = settings["batch"], settings["img_size"]
    video = drawn_normal(settings["video_key"], [batch, 3, settings["num_frames"], side, side])
    visible = None if settings["mask_key"] is None else drawn_visible(settings, model.config.grid)
    if kind != "stage2_vision":
        yield from _outputs(model, "", video, visible)
        return
    yield from _outputs(model, "", video, None)
    if settings["image_key"] is not None:
        image = drawn_normal(settings["image_key"], [batch, 3, settings["tubelet_size"], side, side])
        yield from _outputs(model, "image_", image, None)
    if visible is not None:
        yield from _outputs(model, "masked_", video, visible)


def _outputs(
    model: Student, prefix: str, pixels: np.ndarray[Any, Any], visible: Tensor | None
) -> Iterator[tuple[str, Tensor]]:
    with torch.inference_mode():
        features = model(torch.from_numpy(pixels), visible)
    yield f"{prefix}tokens", features.tokens_BLD
    yield f"{prefix}pooled", features.pooled_BP
    yield f"{prefix}clip_middle", features.middle_KBLD
    yield f"{prefix}clip_final", features.pooled_BP if features.final_BD is None else features.final_BD
    if features.motion_KBLD is not None:
        yield f"{prefix}mae", features.motion_KBLD


def compared(output: str, ours: Tensor, wanted: Mapping[str, Any]) -> Iterator[Difference]:
    """The listed values of an output, then what sums up all of its values.

    Raises:
        ValueError: the shapes differ.
    """
    if list(ours.shape) != wanted["shape"]:
        raise ValueError(f"{output}: ours is {list(ours.shape)}, the reference {wanted['shape']}")
    values = ours.numpy().astype(np.float64).ravel()
    scale = wanted["l2"] / math.sqrt(values.size)
    at = [int(index) for index in wanted["at"]]
    yield difference(output, values[at], list(wanted["at"].values()), scale=scale)
    summary = {"mean": values.mean(), "std": values.std(ddof=1), "l2": np.linalg.norm(values)}
    for name, value in summary.items():
        yield difference(f"{output}.{name}", [value], [wanted[name]], scale=scale)


def drawn_normal(key: int, shape: list[int]) -> np.ndarray[Any, Any]:
    """Normal float32 values of a key, for pixels and weights."""
    generator = np.random.Generator(np.random.Philox(key=key))
    return generator.standard_normal(shape, dtype=np.float32)
