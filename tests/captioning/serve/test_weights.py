"""What a model's files say before it is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants, errors

from captioning.client.requests import Model
from captioning.serve import weights
from captioning.serve.models import ModelMissing
from captioning.serve.weights import HubSilent, find_weights

COMMIT = "cc594898137f460bfe9f0759e9844b3ce807cfb5"
CONFIG = {
    "model_type": "qwen2_5_vl",
    "text_config": {
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "hidden_size": 3584,
        "max_position_embeddings": 128000,
    },
}


def make_model(folder: Path, sizes: tuple[int, ...] = (1000,)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    names = [f"model-{number:05d}-of-{len(sizes):05d}.safetensors" for number in range(1, len(sizes) + 1)]
    for name, size in zip(names, sizes, strict=True):
        (folder / name).write_bytes(b"\0" * size)
    index = {"weight_map": {f"layer.{number}": name for number, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_a_folder_is_read(tmp_path: Path) -> None:
    found = find_weights(Model(str(make_model(tmp_path / "m", (1000, 500))), "mine"))
    assert (found.size_bytes, found.missing_bytes, found.longest) == (1500, 0, 128000)
    # 2 x 28 layers x 4 heads x 128 wide x 2 bytes: 56 KiB, as Qwen2.5-7B's grouped-query attention has it.
    assert found.cache_bytes_per_token == 57344


def test_a_folder_that_lacks_files_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", (10, 10))
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelMissing, match=r"lacks model-00002-of-00002\.safetensors"):
        find_weights(Model(str(folder), "mine"))
    (folder / "config.json").unlink()
    with pytest.raises(ModelMissing, match=r"has no config\.json"):
        find_weights(Model(str(folder), "mine"))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text("{}")
    (pickled / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelMissing, match=r"lacks weights as \.safetensors"):
        find_weights(Model(str(pickled), "mine"))


@pytest.mark.parametrize("revision", ["main", "PIN-THE-COMMIT-YOU-AUDITED", "cc59489"])
def test_a_model_of_the_hub_must_be_pinned(revision: str) -> None:
    with pytest.raises(ModelMissing, match="Pin the commit you audited"):
        find_weights(Model("Qwen/Qwen2.5-VL-7B-Instruct", revision))


def test_a_missing_folder_is_not_looked_for_on_the_hub() -> None:
    with pytest.raises(ModelMissing, match="there is no folder /models/none"):
        find_weights(Model("/models/none", COMMIT))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    return tmp_path / "hub"


def test_a_whole_snapshot_in_the_cache_is_enough(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = cache / "models--Qwen--Qwen2.5-VL-7B-Instruct"
    (repository / "refs").mkdir(parents=True)
    snapshot = make_model(repository / "snapshots" / COMMIT, (100, 100))
    model = Model("Qwen/Qwen2.5-VL-7B-Instruct", COMMIT)
    assert find_weights(model).size_bytes == 200
    (snapshot / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(ModelMissing, match="HF_HUB_OFFLINE forbids to fetch it"):
        find_weights(model)


def test_a_hub_that_does_not_answer_says_nothing_about_a_model(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", silent)
    with pytest.raises(HubSilent, match="ConnectionError: no route"):
        find_weights(Model("Qwen/Qwen2.5-VL-7B-Instruct", COMMIT))


def test_a_hub_that_cannot_be_reached_says_nothing_about_a_model(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubSilent, match="Connect"):
        find_weights(Model("some/model", "a" * 40))


def test_what_must_be_fetched_is_counted(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Sibling:
        def __init__(self, name: str, size: int) -> None:
            self.rfilename, self.size = name, size

    class Info:
        siblings = (
            Sibling("model-00001-of-00002.safetensors", 300),
            Sibling("model-00002-of-00002.safetensors", 200),
            Sibling("original/model.safetensors", 500),
            Sibling("README.md", 7),
        )

    def fetched(*args: object, **kwargs: object) -> str:
        (tmp_path / "config.json").write_text(json.dumps(CONFIG))
        return str(tmp_path / "config.json")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *args, **kwargs: Info())
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetched)
    found = find_weights(Model("Qwen/Qwen2.5-VL-7B-Instruct", COMMIT))
    assert (found.size_bytes, found.missing_bytes) == (500, 500)


def test_errors_of_the_hub_are_the_users_to_mend(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for error, said in (
        (errors.RevisionNotFoundError, "has no commit"),
        (errors.GatedRepoError, "accepted its licence"),
        (errors.RepositoryNotFoundError, "neither a folder here nor a model on the hub"),
    ):

        def refused(*args: object, error: type[Exception] = error, **kwargs: object) -> None:
            raise error.__new__(error)

        monkeypatch.setattr("huggingface_hub.HfApi.model_info", refused)
        with pytest.raises(ModelMissing, match=said):
            find_weights(Model("Qwen/Qwen2.5-VL-7B-Instruct", COMMIT))


def test_free_space_is_that_of_the_folder_to_be(tmp_path: Path) -> None:
    assert weights.free_bytes(tmp_path / "not" / "yet") == pytest.approx(
        weights.free_bytes(tmp_path), rel=0.05
    )
