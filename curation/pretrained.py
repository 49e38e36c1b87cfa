"""Models that others trained, by name: from a folder or, pinned to a commit, from the Hugging Face hub."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from curation.base.config import Config

_COMMIT = re.compile(r"[0-9a-f]{40}")
_PACKAGES = ("pillow", "torch", "transformers")


class PretrainedConfig(Config):
    """A model that others trained."""

    model: str = Field(
        ..., min_length=1, description="A folder (it starts with / or .), or a name on the Hugging Face hub"
    )
    revision: str | None = Field(
        None, description="The commit of a model on the hub, 40 hex digits; none for a folder"
    )

    @model_validator(mode="after")
    def _pinned(self) -> PretrainedConfig:
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


class Pretrained:
    """A model through `transformers`, known before it is loaded.

    Only safetensors are read, and code beside the weights is never run. With HF_HUB_OFFLINE=1, or from a
    folder, the network is not used.

    Args:
        config: which model.
        instead: what whoever cannot have it may do, as the end of a sentence ("choose kind: colours").
    """

    def __init__(self, config: PretrainedConfig, instead: str) -> None:
        self._config = config
        self._instead = instead
        at = "" if config.revision is None else f" at {config.revision[:12]}"
        self.name = f"model '{config.model}'{at}"

    def fingerprint(self) -> Mapping[str, str]:
        """The model's commit, or the sha256 of the files of its folder, and the libraries.

        Raises:
            ValueError: the folder, or transformers, is not there.
        """
        self._transformers()
        versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
        what = self._folder_digest() if self._config.is_folder else str(self._config.revision)
        return {"model": what, **versions}

    def load(self, auto_class: str, device: str) -> tuple[Any, Any]:
        """The image processor, and the model by an auto class of transformers, on its device (cpu, cuda,
        cuda:1…, or auto: on a GPU if there is one).

        Raises:
            ValueError: transformers is not installed, the model cannot be loaded, or there is no GPU.
        """
        processor = self._part("AutoImageProcessor", "preprocessor_config.json")
        return processor, self.model(auto_class, device)

    def model(self, auto_class: str, device: str) -> Any:
        """The model alone, likewise."""
        loaded = self._part(auto_class, "safetensors", use_safetensors=True)
        return loaded.eval().to(self._device(device))

    def tokenizer(self) -> Any:
        """What cuts texts into the model's tokens."""
        return self._part("AutoTokenizer", "a tokenizer")

    def _part(self, auto_class: str, needs: str, **options: Any) -> Any:
        transformers = self._transformers()
        where: dict[str, Any] = {
            "trust_remote_code": False,
            "local_files_only": self._config.is_folder or os.environ.get("HF_HUB_OFFLINE") == "1",
        }
        if self._config.revision is not None:
            where["revision"] = self._config.revision
        try:
            return getattr(transformers, auto_class).from_pretrained(self._config.model, **where, **options)
        except (OSError, ValueError) as error:
            said = str(error).splitlines()[0] if str(error) else repr(error)
            raise ValueError(
                f"{self.name} cannot be loaded: {said}. Give a folder with config.json and {needs}, or fetch "
                f"the model before you go offline, or {self._instead}."
            ) from error

    def _device(self, device: str) -> str:
        import torch

        if device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(f"device = {device} for {self.name}, but torch sees no GPU here. Set it to cpu.")
        return device

    def _transformers(self) -> Any:
        try:
            return importlib.import_module("transformers")
        except ImportError as error:
            raise ValueError(
                f"{self.name} needs the package transformers, which is not installed here. Install it "
                f"(pip install transformers), or {self._instead}."
            ) from error

    def _folder_digest(self) -> str:
        """sha256 over the names and bytes of the folder's JSON and safetensors files."""
        files = sorted(
            path for path in Path(self._config.model).glob("*") if path.suffix in (".json", ".safetensors")
        )
        if not any(path.suffix == ".safetensors" for path in files):
            raise ValueError(
                f"{self.name}: no .safetensors file there. Give the folder that save_pretrained wrote."
            )
        digest = hashlib.sha256()
        for path in files:
            with open(path, "rb") as file:
                digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        return digest.hexdigest()
