"""Checkpoints of openai-whisper: found by name or path, hashed, and read without unpickling anything."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whisper import Whisper

_SAME = {"turbo": "large-v3-turbo", "large": "large-v3"}


def default_folder() -> Path:
    """Where openai-whisper keeps what it downloaded."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "whisper"


def find_checkpoint(model: str, folder: str | None) -> Path:
    """The file of a model given by its official name (large-v3-turbo) or as the path of a .pt file.

    Raises:
        ValueError: it is not there.
    """
    if "/" in model or model.endswith(".pt"):
        path = Path(model).expanduser()
        if not path.is_file():
            raise ValueError(f"captioning.speech.model = {model}: no such file")
        return path
    name = _SAME.get(model, model)
    path = (default_folder() if folder is None else Path(folder).expanduser()) / f"{name}.pt"
    if not path.is_file():
        raise ValueError(
            f"captioning.speech.model = {model}: no weights at {path}. Fetch them once with: python -c "
            f"\"import whisper; whisper.load_model('{name}', download_root='{path.parent}')\", or give the "
            "path of a .pt file, or the folder that has them as captioning.speech.weights"
        )
    return path


def sha256_of(path: Path) -> str:
    """Hash of a file (64 hex digits).

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); it should hold weights") from None


def load_whisper(path: Path, sha256: str, device: str) -> Whisper:
    """The network of a checkpoint, in evaluation mode.

    Official weights, known by their hash, come with the attention heads that align words best; others use the
    heads of the upper half of the decoder.

    Raises:
        ValueError: openai-whisper is not installed, or the file is not one of its checkpoints.
    """
    import torch

    try:
        import whisper
    except ImportError as error:
        raise ValueError(
            f"captioning.speech.kind = whisper needs openai-whisper ({error}). "
            "Install it with: pip install 'cliploom[whisper]'"
        ) from None
    try:
        checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
        network = whisper.Whisper(whisper.ModelDimensions(**checkpoint["dims"]))
        network.load_state_dict(checkpoint["model_state_dict"])
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{path}: not a checkpoint of openai-whisper (a dict of 'dims' and 'model_state_dict'): "
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        ) from None
    for name, url in whisper._MODELS.items():
        if sha256 in url:
            network.set_alignment_heads(whisper._ALIGNMENT_HEADS[name])
    return network.eval().to(device)
