"""The loom detector: Cliploom's own network, with weights that come with the package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from safetensors import SafetensorError

from curation.base.config import Config, operational
from curation.base.records import SCORE_DECIMALS
from curation.base.stages import Resources
from curation.detect.decisions import RunFinder
from curation.detect.detector import Detector, Frames
from curation.detect.streams import Floats, predictions
from curation.detect.transitions import Settled
from curation.detect.witness import Witness

WEIGHTS = Path(__file__).parent / "weights" / "loom.safetensors"
WEIGHTS_SHA256 = "c480331c1301a8588715d731649b6c03f3010dcb86001c6f066252b39309a8a5"
"""Of the weights that come with the package; weights/README.md says how they came about."""

LOWEST_SHARE = 2 / 3
"""Of the threshold: how probable a transition must be all through, from its first gap to its last."""

_GPU_BLOCKS = 8


class LoomConfig(Config):
    """Cliploom's own network."""

    kind: Literal["loom"] = Field("loom", description="Cliploom's own network, with weights in the package")
    threshold: float = Field(
        0.75, gt=0, lt=1, description="Least probability (0..1) of a transition; lower finds more"
    )
    weights: str | None = Field(
        None, description="File of weights (safetensors) to use instead of those in the package"
    )
    device: Literal["auto", "cpu", "cuda"] = operational(
        "auto", description="Where the network runs; auto: on a GPU where there is one"
    )


class LoomDetector(Detector):
    """Divides a source into shots at what the network takes for transitions."""

    version: ClassVar[str] = "2"
    resources: ClassVar[Resources] = Resources(memory_bytes=1 << 30)

    config: LoomConfig

    def setup(self) -> None:
        """Load the weights.

        Raises:
            ValueError: the file is not what it should be.
        """
        try:
            self._predict = Predictor(self._weights, self.config.device)
        except SafetensorError as error:
            raise ValueError(f"{self._path}: no readable safetensors file ({error})") from error
        except NotLoom as error:
            raise ValueError(
                f"{self._path}: {error}; leave curation.detect.weights out, or train your own"
            ) from error

    def fingerprints(self) -> Mapping[str, str]:
        """The decoder, the arithmetic, and the weights."""
        return {
            **super().fingerprints(),
            "torch": version("torch"),
            "weights": hashlib.sha256(self._weights).hexdigest(),
        }

    @property
    def _path(self) -> Path:
        return WEIGHTS if self.config.weights is None else Path(self.config.weights)

    @cached_property
    def _weights(self) -> bytes:
        """The file's bytes, those of the package only as they were shipped."""
        content = _read(self._path)
        found = hashlib.sha256(content).hexdigest()
        if self.config.weights is None and found != WEIGHTS_SHA256:
            raise ValueError(
                f"{WEIGHTS}: sha256 is {found}, not {WEIGHTS_SHA256}; the file is not the one that came with "
                "this version, install cliploom anew"
            )
        return content

    def settle(self, frames: Iterable[Frames], frames_per_s: float) -> Iterator[Settled]:
        """Transitions in a stream of RGB frames [27, 48, 3], reported block by block."""
        yield from decided(frames, self._predict, self.config.threshold)


def decided(frames: Iterable[Frames], predict: Predictor, threshold: float) -> Iterator[Settled]:
    """Transitions as the network and what is known beside it see them, reported block by block."""
    finder, witness = RunFinder(threshold, lowest=LOWEST_SHARE * threshold), Witness()
    for probabilities in predictions(witness.watch(frames), predict, _GPU_BLOCKS if predict.on_gpu else 1):
        found = list(finder.add(probabilities))
        yield witness.settle(finder.settled, found)
    yield witness.finish()


class NotLoom(ValueError):
    """Weights of another network."""


class Predictor:
    """The network as a function from frames [B, T, 27, 48, 3] to probabilities [B, T].

    Raises:
        NotLoom: the weights are not those of this network.
        ValueError: there is no GPU where one is asked for.
    """

    def __init__(self, weights: bytes, device: str) -> None:
        import safetensors.torch
        import torch

        from curation.detect.models.devices import chosen_device
        from curation.detect.models.loom import Loom

        self._torch: Any = torch
        self._device = chosen_device(device)
        self.on_gpu = self._device.type == "cuda"
        self._model = Loom()
        state = safetensors.torch.load(weights)
        wanted = {key: value.shape for key, value in self._model.state_dict().items()}
        found = {key: value.shape for key, value in state.items()}
        if wrong := sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)):
            raise NotLoom(
                f"not the weights of the loom network ({len(wrong)} keys differ, e.g. '{wrong[0]}')"
            )
        self._model.load_state_dict(state)
        self._model.to(self._device).eval()

    def __call__(self, frames: Frames) -> Floats:
        """Probability that a transition is under way between each frame and the next."""
        with self._torch.inference_mode():
            during, _ = self._model(self._torch.from_numpy(frames).to(self._device))
            probabilities: Floats = during.sigmoid().cpu().numpy().astype(np.float32)
        # So that the last bits, which differ between machines, decide nothing.
        return probabilities.round(SCORE_DECIMALS)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"curation.detect.weights = {path}: cannot be read ({error.strerror}); give the path of a "
            "safetensors file"
        ) from error
