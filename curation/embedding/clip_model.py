"""Image models of the CLIP family through `transformers`, from a folder or, pinned, from the hub."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from curation.base.config import Config, operational
from curation.embedding.base import ImageEmbedder, Images, Vectors, unit

_COMMIT = re.compile(r"[0-9a-f]{40}")


class ClipModelConfig(Config):
    """A model whose images and texts share a space (CLIP, SigLIP, and others with `get_image_features`)."""

    kind: Literal["clip"] = Field(
        "clip", description="an image model of the CLIP family through transformers"
    )
    model: str = Field(
        ..., min_length=1, description="A folder (it starts with / or .), or a name on the Hugging Face hub"
    )
    revision: str | None = Field(
        None, description="The commit of a model on the hub, 40 hex digits; none for a folder"
    )
    device: str = operational("cpu", description="Where it computes: cpu, cuda, cuda:1…")
    images_per_call: int = operational(32, ge=1, le=4096, description="Pictures in one call of the model")

    @model_validator(mode="after")
    def _pinned(self) -> ClipModelConfig:
        if self.is_folder and self.revision is not None:
            raise ValueError(
                f"revision = '{self.revision}' says nothing of the folder {self.model}: leave it out"
            )
        if not self.is_folder and (self.revision is None or not _COMMIT.fullmatch(self.revision)):
            raise ValueError(
                f"revision = {self.revision!r} does not pin '{self.model}': give the commit, 40 hex digits, "
                "or a folder that starts with / or ."
            )
        return self

    @property
    def is_folder(self) -> bool:
        """Whether the model lies in a folder on each machine."""
        return self.model.startswith(("/", "."))


class ClipModel(ImageEmbedder):
    """Embeds pictures by a model's image features; code from a model's folder is never run."""

    def __init__(self, config: ClipModelConfig) -> None:
        self.config = config
        self._loaded: tuple[Any, Any] | None = None

    def setup(self) -> None:
        """Load the model; with HF_HUB_OFFLINE=1, or from a folder, without the network."""
        transformers = _transformers(self.config)
        where: dict[str, Any] = {
            "revision": self.config.revision,
            "trust_remote_code": False,
            "local_files_only": self.config.is_folder or os.environ.get("HF_HUB_OFFLINE") == "1",
        }
        if self.config.revision is None:
            del where["revision"]
        try:
            processor = transformers.AutoImageProcessor.from_pretrained(self.config.model, **where)
            model = transformers.AutoModel.from_pretrained(self.config.model, use_safetensors=True, **where)
        except (OSError, ValueError) as error:
            raise ValueError(_not_loaded(self.config, error)) from error
        if not hasattr(model, "get_image_features"):
            raise ValueError(
                f"{_name(self.config)} is a {type(model).__name__}, which has no image features: choose a "
                "model of the CLIP family, such as CLIP or SigLIP."
            )
        self._loaded = (processor, model.eval().to(self.config.device))

    @property
    def size_px(self) -> int:
        """The side of the model's input."""
        _, model = self._ready()
        return int(model.config.vision_config.image_size)

    def fingerprint(self) -> Mapping[str, str]:
        """The model's commit, or the sha256 of the files of its folder, and the libraries.

        Raises:
            ValueError: the folder, or transformers, is not there.
        """
        _transformers(self.config)
        versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers")}
        what = _folder_digest(self.config) if self.config.is_folder else str(self.config.revision)
        return {"model": what, **versions}

    def embed(self, images: Images) -> Vectors:
        """Unit vectors [N, D] of RGB pictures [N, H, W, 3]; the model's own processor scales them."""
        import torch

        processor, model = self._ready()
        found = []
        for start in range(0, len(images), self.config.images_per_call):
            pictures = list(images[start : start + self.config.images_per_call])
            inputs = processor(images=pictures, return_tensors="pt", input_data_format="channels_last")
            with torch.inference_mode():
                features = model.get_image_features(pixel_values=inputs["pixel_values"].to(model.device))
            # Since transformers 5 the features come inside an output object.
            features = getattr(features, "pooler_output", features)
            found.append(features.float().cpu().numpy())
        if not found:
            return np.zeros((0, int(model.config.projection_dim)), np.float32)
        return unit(np.concatenate(found))

    def _ready(self) -> tuple[Any, Any]:
        assert self._loaded is not None, "setup comes before the first use"
        return self._loaded


def _transformers(config: ClipModelConfig) -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise ValueError(
            f"model = '{config.model}' needs the package transformers, which is not installed here. "
            "Install it (pip install transformers), or choose kind: colours."
        ) from error


def _folder_digest(config: ClipModelConfig) -> str:
    """sha256 over the names and bytes of the folder's JSON and safetensors files."""
    folder = Path(config.model)
    files = sorted(path for path in folder.glob("*") if path.suffix in (".json", ".safetensors"))
    if not any(path.suffix == ".safetensors" for path in files):
        raise ValueError(
            f"model = '{config.model}': no .safetensors file in that folder. Give the folder that "
            "save_pretrained wrote."
        )
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _not_loaded(config: ClipModelConfig, error: Exception) -> str:
    return (
        f"{_name(config)} cannot be loaded: {str(error).splitlines()[0] if str(error) else error!r}. Give a "
        "folder with its config.json, preprocessor_config.json and safetensors, or fetch it before you go "
        "offline, or choose kind: colours."
    )


def _name(config: ClipModelConfig) -> str:
    return f"model '{config.model}'" + ("" if config.revision is None else f" at {config.revision[:12]}")
