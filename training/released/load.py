"""Models of released, converted and trained checkpoints: whole ones, and new ones that start from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.models.encoder_config import SIZES, EncoderConfig
from training.released.architecture import Hints, encoder_has_pool, infer_encoder
from training.released.building import build
from training.released.description import read_description
from training.released.errors import CheckpointMismatchError
from training.released.files import read_tensors
from training.released.inspection import own_tensors
from training.released.kinds import HEADS, PATCHES, Recognised, recognise
from training.released.matching import compare, load_strictly, shapes_of
from training.released.naming import folded
from training.released.positions import interpolated
from training.released.sources import Source, read_source

if TYPE_CHECKING:
    from torch import Tensor, nn

    from training.models.encoder import VideoEncoder

_ENCODERS = ("student", "encoder", "classifier")
_NOT_IN_SHAPES = ("heads", "gelu")
"""What a state dict fits whatever it is, and which it must not be loaded without."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """How a model was filled from `source`: names of the model that keep their fresh values, names in the
    file that were not used, and positions that were interpolated."""

    source: str
    new: tuple[str, ...]
    unused: tuple[str, ...]
    interpolated: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"weights from {self.source}"]
        for title, names in (
            ("positions interpolated", self.interpolated),
            ("fresh, as the file has none of that shape", self.new),
            ("in the file, but not used", self.unused),
        ):
            if names:
                parts.append(f"{title}: {', '.join(pattern for pattern, _ in folded(names))}")
        return "; ".join(parts)


def load_model(folder: str | Path) -> VideoEncoder:
    """The model in a folder that `cliploom checkpoints convert` wrote, in evaluation mode on the CPU.

    Its weights have the type that they have in the file, and are mapped from it.

    Raises:
        CheckpointFileError: the folder is none of ours, or damaged.
        CheckpointMismatchError: its tensors are not those of its config.
    """
    import torch

    folder = Path(folder)
    description = read_description(folder)
    tensors, _ = read_tensors(folder)
    with torch.device("meta"):
        model = build(description)
    load_strictly(model, tensors, source=str(folder), assign=True)
    return model.eval()


def load_into(model: nn.Module, path: str | Path, *, file_frames: int | None = None) -> Loaded:
    """Start an encoder, or the encoder of a larger model (`model.encoder`), from a checkpoint.

    All of the encoder must be in the file, and fit. What stands on it (`HEADS`) is taken over group by group
    where it is of the same shape; else the model's stays fresh and the file's is left out, and both are
    listed in what comes back. Positions are interpolated to the model's frames and pixels. Values are copied
    into the model's own tensors, in their type and on their device. `file_frames` says of how many frames the
    file's positions are, where shapes do not tell.

    Raises:
        CheckpointFileError: the file cannot be read safely.
        CheckpointMismatchError: it is of another model; everything that differs is listed.
    """
    path, encoder = Path(path), _encoder_of(model)
    source = read_source(path)
    found = recognise(shapes_of(source.tensors), str(path))
    if found.kind not in _ENCODERS:
        needs = f" It was trained on {found.needs}." if found.needs else ""
        raise CheckpointMismatchError(
            f"{path} holds {found.title}; a model cannot start from it. Give a video encoder's "
            f"weights.{needs}"
        )
    trained = _trained(source, found, encoder, file_frames)
    own, changed = interpolated(own_tensors(source.tensors, found), trained.grid, encoder.config.grid)
    other = _other_heads(own, encoder)
    new, unused = (
        tuple(name for name in names if name.partition(".")[0] in other)
        for names in (encoder.state_dict(), own)
    )
    fitting = {name: tensor for name, tensor in own.items() if name not in set(unused)}
    load_strictly(encoder, fitting, source=str(path), allow_new=new)
    return Loaded(source=str(path), new=new, unused=unused, interpolated=changed)


def _encoder_of(model: nn.Module) -> VideoEncoder:
    from training.models.encoder import VideoEncoder

    encoder = model if isinstance(model, VideoEncoder) else getattr(model, "encoder", None)
    assert isinstance(encoder, VideoEncoder), f"{type(model).__name__} has no video encoder"
    return encoder


def _trained(source: Source, found: Recognised, model: VideoEncoder, frames: int | None) -> EncoderConfig:
    """The config that the file's encoder was trained with; what shapes do not show is compared.

    Raises:
        CheckpointMismatchError: the weights would fit the model and mean nothing there, or nothing says
            what they mean.
    """
    trained, target = _said_or_known(source, found, model.config, frames), model.config
    pools = encoder_has_pool(found.own) and model.clip_projector is not None
    for name in (*_NOT_IN_SHAPES, "pool_heads") if pools else _NOT_IN_SHAPES:
        given, wanted = getattr(trained, name), getattr(target, name)
        if given != wanted and trained.width == target.width:
            raise CheckpointMismatchError(
                f"{source.path} was trained with {name} = {given}, but the model has {name} = {wanted}: its "
                f"weights would load and mean something else. Set model.{name} to {given}; if the file is no "
                "released one, convert it first and say so there (--heads, --gelu; pool_heads in the "
                "folder's config.json)."
            )
    return trained


def _said_or_known(
    source: Source, found: Recognised, target: EncoderConfig, frames: int | None
) -> EncoderConfig:
    """The encoder as the file's folder says it is, or as files of its width were released.

    Raises:
        CheckpointMismatchError: it is neither said nor known.
    """
    if source.described is not None:
        return source.described.encoder
    width = found.own[PATCHES][0]
    known = {size["width"]: size["heads"] for size in SIZES.values()}
    if width == target.width and width not in known:
        raise CheckpointMismatchError(
            f"{source.path} has the width {width}, of which nothing was released: its weights would load "
            "with any number of attention heads and mean something else with most. Write down what it was "
            f"trained with: cliploom checkpoints convert {source.path} --output FOLDER --heads N; then give "
            "FOLDER."
        )
    # Of a file of another width all that differs is listed when it is loaded.
    hints = Hints(heads=known.get(width, 1), frames=frames)
    return infer_encoder(found.own, hints, str(source.path))


def _other_heads(own: Mapping[str, Tensor], encoder: VideoEncoder) -> set[str]:
    """Heads that the file and the model do not have alike."""
    found = compare(shapes_of(own), shapes_of(encoder.state_dict()))
    names = (*found.missing, *found.unexpected, *found.reshaped)
    return {name.partition(".")[0] for name in names} & HEADS
