"""A model of `transformers`, known before its weights are there.

Shape suffixes: F frames or clips, L tokens.

What a model gives (class token, registers, pooled vector, attention, blocks, cost) is found out by running
it once on the meta device, so that no list of models has to be kept. Code beside weights is never run, and
only safetensors are read.
"""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from training.models.encoder_config import EncoderConfig
from training.models.student_config import aligned_layers
from training.teachers.config import HuggingFaceConfig
from training.teachers.frozen import Colours
from training.teachers.huggingface_hooks import (
    attention_rows,
    modules_that_give,
    outputs,
    tell_first_row,
)
from training.teachers.teacher import TeacherSpec

logger = logging.getLogger(__name__)

TOWERS = {
    "clip": "CLIPVisionModelWithProjection",
    "clip_vision_model": "CLIPVisionModel",
    "siglip": "SiglipVisionModel",
    "siglip_vision_model": "SiglipVisionModel",
}
"""Image sides of models that also have a text side; all other types are taken as AutoModel gives them."""

FINAL = ("image_embeds", "pooler_output")
FLOPS_PER_MAC = 2
RESCALE = 1 / 255


@dataclass(frozen=True, kw_only=True)
class Described:
    """What a model gives, and how to run it.

    `prefix_tokens` stand before the patches: a class token and registers. `blocks` are indices into
    `hidden_states`, `modules` those that give the same (none: the model has to be asked for all). `looks`
    names the module whose weights tell where the class token, or the query of the pooling, looks. `fused`
    says whether attention need not be written out for that. `final` names the pooled vector. `options` go to
    `forward`.
    """

    spec: TeacherSpec
    model_class: str
    is_video: bool
    prefix_tokens: int
    blocks: tuple[int, ...]
    modules: tuple[str, ...]
    looks: str | None
    fused: bool
    final: str | None
    options: tuple[str, ...]


@lru_cache(maxsize=16)
def describe(config: HuggingFaceConfig, student: EncoderConfig) -> Described:
    """Run a model without weights and see what it gives.

    Raises:
        ValueError: transformers or the model's config is missing, or it is no transformer of square patches.
    """
    whole = _from_pretrained(config, "AutoConfig")
    model_class, own = _image_side(config, whole)
    is_video = hasattr(own, "tubelet_size")
    slots, patch_px = student.grid[0], _patch_px(config, own)
    model = _without_weights(config, model_class, own)
    frames = _frames(config, own, slots, student) if is_video else slots
    size_px = config.size_px or _own_size(config, own)
    if size_px % patch_px:
        raise ValueError(
            f"size_px = {size_px} is not a multiple of the {patch_px} px patches of model '{config.model}'. "
            f"Set size_px to {max(1, round(size_px / patch_px)) * patch_px}."
        )
    options = _options(model, resized=size_px != getattr(own, "image_size", None))
    shape = (1, frames, 3, size_px, size_px) if is_video else (1, 3, size_px, size_px)
    pixels = torch.empty(shape, device="meta")
    with (
        attention_rows(model) as rows,
        outputs(model) as given,
        FlopCounterMode(display=False) as counter,
        torch.no_grad(),
    ):
        try:
            seen = run(model, pixels, options, hidden_states=True)
            depth, (_, tokens, width) = len(seen.hidden_states) - 1, seen.hidden_states[-1].shape
        except (AttributeError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"model '{config.model}' ({own.model_type}) does not run as a teacher on frames of {size_px} "
                f"px: {error}. Choose a vision transformer, or leave size_px out."
            ) from error
    side = size_px // patch_px
    prefix = tokens - (slots if is_video else 1) * side**2
    if prefix < 0:
        raise ValueError(
            f"model '{config.model}' makes {tokens} tokens of frames of {size_px} px, fewer than it has "
            f"patches of {patch_px} px. Choose a transformer that keeps its patches."
        )
    looks = _best_look(rows, tokens, has_class_token=prefix > 0)
    # The first of the hidden states is what goes into the first block.
    blocks = tuple(1 + index for index in aligned_layers(depth, config.layers, config.interval))
    final = next((name for name in FINAL if isinstance(getattr(seen, name, None), Tensor)), None)
    spec = TeacherSpec(
        name=config.model,
        num_frames=frames,
        size_px=size_px,
        grid=(slots, side, side),
        layers=config.layers,
        width=width,
        class_token=prefix > 0,
        final_width=None if final is None else getattr(seen, final).shape[-1],
        attention=looks is not None,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        gmacs_per_clip=counter.get_total_flops() / FLOPS_PER_MAC * (1 if is_video else slots) / 1e9,
    )
    return Described(
        spec=spec,
        model_class=model_class,
        is_video=is_video,
        prefix_tokens=prefix,
        blocks=blocks,
        modules=modules_that_give([seen.hidden_states[index] for index in blocks], given),
        looks=looks,
        fused=_tells_when_fused(model, looks, pixels, options),
        final=final,
        options=options,
    )


def load_model(config: HuggingFaceConfig, described: Described, dtype: torch.dtype) -> nn.Module:
    """The model with its weights, on the CPU.

    Raises:
        ValueError: the weights cannot be had as safetensors, or leave a part of the model at random.
    """
    model, report = _from_pretrained(
        config,
        described.model_class,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        attn_implementation="sdpa" if described.fused else "eager",
        **_pooler_option(config, _from_pretrained(config, "AutoConfig"), described.model_class),
    )
    absent = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if absent:
        raise ValueError(
            f"model '{config.model}' lacks weights of {described.model_class}, which would be left at "
            f"random: {', '.join(absent[:8])}. Choose a model that has them."
        )
    loaded: nn.Module = model
    if described.fused and described.looks is not None:
        tell_first_row(loaded, described.looks)
    return loaded


def run(model: nn.Module, pixels: Tensor, options: tuple[str, ...], *, hidden_states: bool) -> Any:
    """The model's own output, of frames [F, C, H, W] or clips [F, T, C, H, W]."""
    name = str(model.main_input_name)
    return model(**{name: pixels}, output_hidden_states=hidden_states, **dict.fromkeys(options, True))


def read_colours(config: HuggingFaceConfig) -> Colours:
    """Mean and standard deviation from the model's own preprocessor_config.json; ImageNet's if it has none.

    Raises:
        ValueError: it wants pixels on another scale than 0..1.
    """
    path = importlib.import_module("transformers.utils").cached_file(
        config.model,
        "preprocessor_config.json",
        revision=config.revision,
        local_files_only=_is_offline(config),
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if path is None:
        logger.warning(
            "model '%s' has no preprocessor_config.json: its colours are taken to be ImageNet's.",
            config.model,
        )
        return Colours()
    written = json.loads(Path(path).read_bytes())
    scale = written.get("rescale_factor", RESCALE)
    if abs(scale - RESCALE) > 1e-6:
        raise ValueError(
            f"model '{config.model}' scales pixels by {scale}, not by 1/255, so they cannot be given as it "
            "wants them. Choose another model."
        )
    if not written.get("do_normalize", True):
        return Colours(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    default = Colours()
    return Colours(mean=written.get("image_mean", default.mean), std=written.get("image_std", default.std))


def _image_side(config: HuggingFaceConfig, whole: Any) -> tuple[str, Any]:
    """Class of the model that sees, and its config."""
    model_class = TOWERS.get(whole.model_type, "AutoModel")
    own = getattr(whole, "vision_config", whole)
    if whole.model_type.startswith("siglip2") or (own is not whole and model_class == "AutoModel"):
        raise ValueError(
            f"model '{config.model}' is of type {whole.model_type}, whose image side is not known here. "
            "Choose a CLIP, a SigLIP (or a SigLIP 2 of fixed size), or a model of images or videos alone."
        )
    if TOWERS["clip"] in (whole.architectures or ()):
        model_class = TOWERS["clip"]
    return model_class, own


def _without_weights(config: HuggingFaceConfig, model_class: str, own: Any) -> nn.Module:
    transformers = _transformers(config)
    with torch.device("meta"):
        if model_class == "AutoModel":
            try:
                model = transformers.AutoModel.from_config(own, **_pooler_option(config, own, model_class))
            except ValueError as error:
                raise ValueError(
                    f"model '{config.model}' is of type {own.model_type}, which AutoModel does not build: "
                    f"{error}"
                ) from error
        else:
            model = getattr(transformers, model_class)(own)
    model.set_attn_implementation("eager")
    blank: nn.Module = model.eval()
    return blank


def _pooler_option(config: HuggingFaceConfig, own: Any, model_class: str) -> dict[str, bool]:
    """A pooler that `transformers` makes optional is in few released files and would start at random."""
    mapping = _transformers(config).MODEL_MAPPING
    if model_class != "AutoModel" or type(own) not in mapping:
        return {}
    known = inspect.signature(mapping[type(own)].__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in known else {}


def _options(model: nn.Module, *, resized: bool) -> tuple[str, ...]:
    """Arguments of `forward` to switch on: positions for another size, and no part that only trains."""
    known = inspect.signature(model.forward).parameters
    wanted = ("interpolate_pos_encoding", "skip_predictor") if resized else ("skip_predictor",)
    return tuple(name for name in wanted if name in known)


def _tells_when_fused(model: Any, looks: str | None, pixels: Tensor, options: tuple[str, ...]) -> bool:
    """Whether a model without weights knows fused attention, and tells where it looks all the same."""
    try:
        model.set_attn_implementation("sdpa")
    except ValueError:
        return False
    if looks is None:
        return True
    tell_first_row(model, looks)
    with attention_rows(model, only={looks}) as rows, torch.no_grad():
        run(model, pixels, options, hidden_states=False)
    return looks in rows


def _best_look(rows: dict[str, tuple[bool, Tensor]], tokens: int, *, has_class_token: bool) -> str | None:
    """The last pooling over all tokens, else the last block's class token."""
    fitting = [(is_pool, name) for name, (is_pool, row) in rows.items() if row.shape[-1] == tokens]
    pools = [name for is_pool, name in fitting if is_pool]
    classes = [name for is_pool, name in fitting if not is_pool and has_class_token]
    return pools[-1] if pools else classes[-1] if classes else None


def _frames(config: HuggingFaceConfig, own: Any, slots: int, student: EncoderConfig) -> int:
    tubelet = _first(own.tubelet_size)
    own_frames = getattr(own, "num_frames", None)
    if own_frames is not None and own_frames != slots * tubelet:
        raise ValueError(
            f"model '{config.model}' sees {own_frames} frames in {own_frames // tubelet} slots of time, but "
            f"the student has {slots} slots. Set model.num_frames to "
            f"{own_frames // tubelet * student.tubelet_frames}."
        )
    return slots * tubelet


def _patch_px(config: HuggingFaceConfig, own: Any) -> int:
    patch = getattr(own, "patch_size", None) or getattr(own, "tubelet_size", (None,))[-1]
    if patch is None:
        raise ValueError(
            f"model '{config.model}' is of type {own.model_type}, which does not cut images into patches. "
            "Choose a vision transformer."
        )
    return _first(patch)


def _own_size(config: HuggingFaceConfig, own: Any) -> int:
    size = getattr(own, "image_size", None) or getattr(own, "crop_size", None)
    if size is None:
        raise ValueError(f"model '{config.model}' does not say how large its images are. Set size_px.")
    return _first(size)


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, list | tuple) else value)


def _is_offline(config: HuggingFaceConfig) -> bool:
    return config.is_folder or os.environ.get("HF_HUB_OFFLINE") == "1"


def _from_pretrained(config: HuggingFaceConfig, name: str, **options: Any) -> Any:
    where: dict[str, Any] = {"trust_remote_code": False, "local_files_only": _is_offline(config)}
    if config.revision is not None:
        where["revision"] = config.revision
    try:
        return getattr(_transformers(config), name).from_pretrained(config.model, **where, **options)
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else repr(error)
        at = "" if config.revision is None else f" at {config.revision[:12]}"
        raise ValueError(
            f"model '{config.model}'{at} cannot be loaded: {said}. Give a folder with config.json and "
            "safetensors, or fetch the model (hf download) before you go offline."
        ) from error


def _transformers(config: HuggingFaceConfig) -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise ValueError(
            f"model '{config.model}' needs the package transformers, which is not installed here. Install it "
            "(pip install transformers), or choose another kind of teacher."
        ) from error
