"""Models that others trained, by name: from a folder or, pinned to a commit, from the Hugging Face hub."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from curation.base.config import Config, operational

_COMMIT = re.compile(r"[0-9a-f]{40}")


class ModelConfig(Config):
    """A model and where it computes."""

    model: str = Field(
        ..., min_length=1, description="A folder (it starts with / or .), or a name on the Hugging Face hub"
    )
    revision: str | None = Field(
        None, description="The commit of a model on the hub, 40 hex digits; none for a folder"
    )
    device: Literal["auto", "cpu", "cuda"] = operational(
        "auto",
        description="Where it computes; auto: on a GPU if the worker sees one. On Ray only cuda reserves one",
    )
    images_per_call: int = operational(32, ge=1, le=4096, description="Pictures in one call of the model")

    @model_validator(mode="after")
    def _pinned(self) -> ModelConfig:
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


def fingerprint(config: ModelConfig) -> Mapping[str, str]:
    """The model's commit, or the sha256 of the files of its folder, and the libraries.

    Raises:
        ValueError: the folder, or transformers, is not there.
    """
    _transformers(config)
    versions = {name: importlib.metadata.version(name) for name in ("pillow", "torch", "transformers")}
    what = _folder_digest(config.model) if config.is_folder else str(config.revision)
    return {"model": what, **versions}


def load_classifier(config: ModelConfig) -> tuple[Any, Any]:
    """The image processor and the image classification model, on its device.

    Only safetensors are read, and code beside the weights is never run. With HF_HUB_OFFLINE=1, or from a
    folder, the network is not used.

    Raises:
        ValueError: transformers is not installed, or the model cannot be loaded.
    """
    transformers = _transformers(config)
    where: dict[str, Any] = {
        "trust_remote_code": False,
        "local_files_only": config.is_folder or os.environ.get("HF_HUB_OFFLINE") == "1",
    }
    if config.revision is not None:
        where["revision"] = config.revision
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(config.model, **where)
        model = transformers.AutoModelForImageClassification.from_pretrained(
            config.model, use_safetensors=True, **where
        )
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else repr(error)
        raise ValueError(
            f"model '{config.model}' cannot be loaded: {said}. Give a folder with config.json, "
            "preprocessor_config.json and safetensors, or fetch the model before you go offline."
        ) from error
    return processor, model.eval().to(_device(config))


def _device(config: ModelConfig) -> str:
    import torch

    if config.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device = cuda for model '{config.model}', but torch sees no GPU here. Set it to auto or cpu."
        )
    return config.device


def _transformers(config: ModelConfig) -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise ValueError(
            f"model '{config.model}' needs the package transformers, which is not installed here. Install it "
            "(pip install transformers), or take the filter out of the configuration."
        ) from error


def _folder_digest(folder: str) -> str:
    """sha256 over the names and bytes of a folder's JSON and safetensors files."""
    files = sorted(path for path in Path(folder).glob("*") if path.suffix in (".json", ".safetensors"))
    if not any(path.suffix == ".safetensors" for path in files):
        raise ValueError(
            f"model '{folder}': no .safetensors file there. Give the folder that save_pretrained wrote."
        )
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
