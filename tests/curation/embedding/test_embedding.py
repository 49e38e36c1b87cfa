"""Embedders: unit vectors that lie close for one scene and far apart for others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from curation.base.workspace import Workspace
from curation.embedding.choice import ImageEmbedderConfig, image_embedder
from curation.embedding.clip_model import ClipModelConfig
from curation.embedding.colours import ColourLayoutConfig
from curation.embedding.records import ClipEmbedding
from curation.embedding.stage import EmbedClips, EmbedConfig
from tests.curation.dedup.clips import clip_of_frames

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def scene(seed: int, width: int = 320, height: int = 180) -> np.ndarray:
    """A picture of smooth colours and edges of its own (RGB)."""
    random = np.random.default_rng(seed)
    picture = cv2.resize(random.random((3, 4, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    colour = random.random(3)
    for _ in range(6):
        corners = (random.random((2, 2)) * (width, height)).astype(int)
        cv2.rectangle(
            picture, corners[0].tolist(), corners[1].tolist(), (colour * random.random()).tolist(), 5
        )
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


@pytest.fixture
def colours() -> Any:
    embedder = image_embedder(ColourLayoutConfig())
    embedder.setup()
    return embedder


def test_vectors_have_length_one_whatever_the_picture(colours: Any) -> None:
    odd = np.stack([np.zeros((9, 7, 3), np.uint8), np.full((9, 7, 3), 255, np.uint8), scene(1, 7, 9)])
    vectors = colours.embed(odd)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert colours.embed(np.zeros((0, 9, 7, 3), np.uint8)).shape == (0, vectors.shape[1])


def test_a_vector_does_not_depend_on_its_neighbours(colours: Any) -> None:
    pictures = np.stack([scene(seed) for seed in range(4)])
    assert np.array_equal(colours.embed(pictures)[2], colours.embed(pictures[2:3])[0])


def test_sizes_light_and_small_shifts_matter_little_and_scenes_much(colours: Any) -> None:
    pictures = np.stack([scene(seed) for seed in range(20)])
    vectors = colours.embed(pictures)
    small = np.stack([cv2.resize(picture, (200, 112)) for picture in pictures])
    brighter = np.clip(pictures * 1.1 + 5, 0, 255).astype(np.uint8)
    shifted = np.roll(pictures, 6, axis=2)
    same = min(float((vectors * colours.embed(other)).sum(1).min()) for other in (small, brighter, shifted))
    others = (vectors @ vectors.T)[np.triu_indices(20, 1)]
    assert same > 0.85
    assert np.percentile(others, 95) < 0.7
    assert others.max() < same


def test_real_shots_lie_closer_to_themselves_than_to_others(colours: Any, shared_media: Path) -> None:
    names = ("flower.mp4", "friday.mp4", "bottle-detection.mp4", "chaplin.mp4", "rabbit320.mp4")
    shots = [_some_frames(shared_media / "single_shot" / name, 4) for name in names]
    vectors = [colours.embed(np.stack(frames)) for frames in shots]
    within = min(float((one @ one.T).min()) for one in vectors)
    across = max(
        float((one @ other.T).max()) for number, one in enumerate(vectors) for other in vectors[:number]
    )
    assert within > across, f"{within} within a shot, {across} across"


def _some_frames(path: Path, count: int) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for number in range(count):
        capture.set(cv2.CAP_PROP_POS_FRAMES, total * number // count)
        read, frame = capture.read()
        assert read
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    capture.release()
    return frames


def test_a_clip_is_the_mean_of_its_frames(workspace: Workspace) -> None:
    clip = clip_of_frames(workspace, [scene(3)] * 10, "a")
    other = clip_of_frames(workspace, [scene(4)] * 10, "b")
    stage = EmbedClips(EmbedConfig(), workspace)
    stage.setup()
    found = list(stage([clip, other]))
    assert all(isinstance(item, ClipEmbedding) for item in found)
    vectors = [np.frombuffer(item.vector, "<f2").astype(np.float32) for item in found]
    expected = image_embedder(ColourLayoutConfig())
    expected.setup()
    assert float(vectors[0] @ expected.embed(scene(3)[None])[0]) > 0.97
    assert float(vectors[0] @ vectors[1]) < 0.8
    assert float(np.linalg.norm(vectors[0])) == pytest.approx(1, abs=2e-3)
    assert [item.clip_id for item in found] == [clip.clip_id, other.clip_id]


def test_a_model_on_the_hub_must_be_pinned_and_a_folder_must_not() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ImageEmbedderConfig)
    assert adapter.validate_python({"kind": "clip", "model": "a/b", "revision": COMMIT})
    assert adapter.validate_python({"kind": "clip", "model": "/models/b"})
    with pytest.raises(ValidationError, match="give the commit, 40 hex digits"):
        adapter.validate_python({"kind": "clip", "model": "a/b", "revision": "main"})
    with pytest.raises(ValidationError, match="leave it out"):
        adapter.validate_python({"kind": "clip", "model": "/models/b", "revision": COMMIT})


def test_devices_and_batch_sizes_are_no_part_of_what_comes_out() -> None:
    one = ClipModelConfig(model="/models/b", device="cuda:1", images_per_call=7)
    assert one.semantic() == ClipModelConfig(model="/models/b").semantic()


def test_without_transformers_the_message_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    embedder = image_embedder(ClipModelConfig(model="/models/b"))
    with pytest.raises(ValueError, match="'/models/b' needs the package transformers"):
        embedder.setup()
    with pytest.raises(ValueError, match=r"pip install transformers\), or choose kind: colours"):
        embedder.fingerprint()


class _Model(torch.nn.Module):
    """Stands in for a CLIP model: its features are the mean colours."""

    def __init__(self, wrapped: bool) -> None:
        super().__init__()
        self.wrapped = wrapped
        self.device = torch.device("cpu")
        self.config = SimpleNamespace(vision_config=SimpleNamespace(image_size=224), projection_dim=3)

    def get_image_features(self, pixel_values: torch.Tensor) -> Any:
        features = pixel_values.mean((2, 3))
        return SimpleNamespace(pooler_output=features) if self.wrapped else features


def _process(
    images: list[np.ndarray], return_tensors: str, input_data_format: str
) -> dict[str, torch.Tensor]:
    assert (return_tensors, input_data_format) == ("pt", "channels_last")
    assert all(image.dtype == np.uint8 for image in images)
    return {"pixel_values": torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255}


@pytest.fixture(params=[False, True], ids=["tensor", "output object"])
def stub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """transformers' entry points, which note what they are given."""
    given: dict[str, Any] = {}

    def load(made: Any) -> Any:
        def from_pretrained(name: str, **options: Any) -> Any:
            if name.startswith("/none"):
                raise OSError(f"{name} does not appear to have a file named config.json")
            given[name] = options
            return made

        return SimpleNamespace(from_pretrained=from_pretrained)

    module = ModuleType("transformers")
    module.AutoModel = load(_Model(request.param))  # type: ignore[attr-defined]
    module.AutoImageProcessor = load(_process)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", module)
    return given


def test_a_clip_model_gives_unit_vectors_in_calls_of_a_size(stub: dict[str, Any]) -> None:
    embedder = image_embedder(ClipModelConfig(model="a/b", revision=COMMIT, images_per_call=2))
    embedder.setup()
    images = np.stack([np.full((4, 6, 3), colour, np.uint8) for colour in ((9, 0, 0), (0, 8, 0), (3, 4, 0))])
    expected = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0]], np.float32)
    assert np.allclose(embedder.embed(images), expected, atol=1e-6)
    assert embedder.embed(images[:0]).shape == (0, 3)
    assert embedder.size_px == 224
    assert stub["a/b"]["revision"] == COMMIT
    assert stub["a/b"]["trust_remote_code"] is False


def test_offline_nothing_is_fetched(stub: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    image_embedder(ClipModelConfig(model="a/b", revision=COMMIT)).setup()
    image_embedder(ClipModelConfig(model="/folder")).setup()
    assert stub["a/b"]["local_files_only"]
    assert stub["/folder"]["local_files_only"]
    assert "revision" not in stub["/folder"]


def test_a_model_that_is_not_there_is_named(stub: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"'/none/b' cannot be loaded: .*config\.json"):
        image_embedder(ClipModelConfig(model="/none/b")).setup()


def test_the_bytes_of_a_folder_decide_the_stage_key(
    stub: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.pretrained.importlib.metadata.version", lambda name: "1")
    embedder = image_embedder(ClipModelConfig(model=str(tmp_path)))
    with pytest.raises(ValueError, match=r"no \.safetensors file"):
        embedder.fingerprint()
    (tmp_path / "model.safetensors").write_bytes(b"one")
    before = embedder.fingerprint()
    assert embedder.fingerprint() == before
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert embedder.fingerprint() != before
