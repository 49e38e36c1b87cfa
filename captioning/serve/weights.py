"""A model's files, here or on the Hugging Face hub, without loading or fetching its weights."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from captioning.client.requests import Model
from captioning.serve.models import ModelMissing, local_folder

_ASK_S = 10.0
_HTTP_CLIENTS = ("httpcore", "httpcore2", "httpx", "httpx2", "requests")
"""What versions of huggingface_hub use; their errors are neither its own nor OSError."""
_INDEX = "model.safetensors.index.json"


class HubSilent(Exception):
    """The hub could not be asked, so nothing is known."""


@dataclass(frozen=True)
class Weights:
    """What a model's files say: bytes of weights, bytes still to be fetched and into which folder, and the
    contents of config.json ({} where it is not known)."""

    size_bytes: int
    missing_bytes: int
    folder: Path
    config: Mapping[str, Any]

    @property
    def text_config(self) -> Mapping[str, Any]:
        """The part of config.json that describes the language model."""
        for name in ("text_config", "llm_config", "thinker_config"):
            part = self.config.get(name)
            if isinstance(part, Mapping):
                return Weights(0, 0, self.folder, part).text_config
        return self.config

    @property
    def longest(self) -> int | None:
        """Most tokens of a request with its answer, as far as config.json says."""
        for name in ("max_position_embeddings", "max_target_positions"):
            if isinstance(length := self.text_config.get(name), int):
                return length
        return None

    @property
    def cache_bytes_per_token(self) -> int | None:
        """Bytes of keys and values that a token takes at 16 bits: 2 (keys, values) x layers x heads x
        width."""
        config = self.text_config
        layers, heads = config.get("num_hidden_layers"), config.get("num_attention_heads")
        width = config.get("hidden_size")
        if not (isinstance(layers, int) and isinstance(heads, int) and isinstance(width, int) and heads):
            return None
        shared = config.get("num_key_value_heads") or heads
        return 2 * layers * shared * (config.get("head_dim") or width // heads) * 2


def find_weights(model: Model) -> Weights:
    """Look at a model's folder, at the hub's cache, or at the hub.

    Raises:
        ModelMissing: it is not there, or its revision is not pinned.
        HubSilent: it is not here, and the hub does not answer.
    """
    folder = local_folder(model)
    if folder is not None:
        return _of_folder(folder)
    try:
        return _of_cache(model) or _of_hub(model)
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise HubSilent(
            f"the package huggingface_hub is not installed here, so {model.name} was not looked up; install "
            "it to have models checked (pip install huggingface_hub)"
        ) from None


def _of_folder(folder: Path) -> Weights:
    if not (folder / "config.json").is_file():
        raise ModelMissing(f"{folder} has no config.json: it is no model's folder")
    names = _named_by_index(folder) or [path.name for path in folder.glob("*.safetensors")]
    missing = [name for name in names if not (folder / name).is_file()]
    if not names or missing:
        raise ModelMissing(
            f"{folder} lacks {missing[0] if missing else 'weights as .safetensors'}; other formats of "
            "weights can run code and are not read"
        )
    size = sum((folder / name).stat().st_size for name in names)
    return Weights(size, 0, folder, _read_json(folder / "config.json"))


def _of_cache(model: Model) -> Weights | None:
    """A snapshot in the hub's cache, if it is whole."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model.name, "config.json", revision=model.revision)
    if not isinstance(found, str):
        return None
    try:
        return _of_folder(Path(found).parent)
    except ModelMissing:
        return None


def _of_hub(model: Model) -> Weights:
    from huggingface_hub import HfApi, constants, errors, hf_hub_download

    cache = Path(constants.HF_HUB_CACHE)
    if constants.HF_HUB_OFFLINE:
        raise ModelMissing(
            f"{model.name} at {model.revision[:12]} is not in {cache}, and HF_HUB_OFFLINE forbids to fetch it"
        )
    try:
        info = HfApi().model_info(model.name, revision=model.revision, files_metadata=True, timeout=_ASK_S)
        sizes = {
            file.rfilename: file.size or 0
            for file in info.siblings or []
            if file.rfilename.endswith(".safetensors") and "/" not in file.rfilename
        }
        config = hf_hub_download(model.name, "config.json", revision=model.revision, etag_timeout=_ASK_S)
    except errors.GatedRepoError:
        raise ModelMissing(
            f"{model.name} is only for those who accepted its licence: do that on https://huggingface.co/"
            f"{model.name}, and log in with: hf auth login"
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelMissing(f"{model.name} has no commit {model.revision} on the hub") from None
    except errors.RepositoryNotFoundError:
        raise ModelMissing(
            f"'{model.name}' is neither a folder here nor a model on the hub (or it is private: hf auth "
            "login)"
        ) from None
    except Exception as error:
        of_http = type(error).__module__.partition(".")[0] in _HTTP_CLIENTS
        if of_http or isinstance(error, errors.HfHubHTTPError | errors.LocalEntryNotFoundError | OSError):
            raise HubSilent(f"{type(error).__name__}: {(str(error) or '-').splitlines()[0]}") from None
        raise
    if not sizes:
        raise ModelMissing(
            f"{model.name} has no weights as .safetensors; other formats can run code and are not read"
        )
    size = sum(sizes.values())
    return Weights(size, size, cache, _read_json(Path(config)))


def free_bytes(folder: Path) -> int:
    """Bytes free where a folder is, or would be made."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def machine_bytes() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _named_by_index(folder: Path) -> list[str]:
    if not (folder / _INDEX).is_file():
        return []
    files = _read_json(folder / _INDEX).get("weight_map")
    if not isinstance(files, Mapping):
        return []
    return sorted({str(name) for name in files.values() if Path(str(name)).name == str(name)})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ModelMissing(f"{path} is no JSON: {error}") from None
    return content if isinstance(content, dict) else {}
