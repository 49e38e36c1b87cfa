"""AutoShot and TransNetV2 with the weights that their authors gave out, which users bring."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from curation.base.config import Config, operational
from curation.base.stages import Resources
from curation.detect.decisions import RunFinder
from curation.detect.detector import Detector, Frames
from curation.detect.transitions import Settled
from curation.detect.windows import predictions

_GPU_WINDOWS = 16


class _OfficialConfig(Config):
    weights: str = Field(min_length=1, description="File of the official weights (.pth, .pt or .safetensors)")
    device: Literal["auto", "cpu", "cuda"] = operational(
        "auto", description="Where the network runs; auto: on a GPU where there is one"
    )


class AutoShotConfig(_OfficialConfig):
    """AutoShot with its official weights."""

    kind: Literal["autoshot"] = Field("autoshot", description="AutoShot (arXiv 2304.06116), official weights")
    threshold: float = Field(
        0.296, gt=0, lt=1, description="Least probability (0..1) of a transition; AutoShot's own choice"
    )


class TransNetV2Config(_OfficialConfig):
    """TransNetV2 with its official weights."""

    kind: Literal["transnetv2"] = Field(
        "transnetv2", description="TransNetV2 (arXiv 2008.04838), official weights"
    )
    threshold: float = Field(
        0.5, gt=0, lt=1, description="Least probability (0..1) of a transition; TransNetV2's own choice"
    )


class OfficialDetector(Detector):
    """Divides a source into shots as the authors' scripts do: windows of 100 frames, one-hot output."""

    version: ClassVar[str] = "2"
    resources: ClassVar[Resources] = Resources(memory_bytes=1536 << 20)

    config: AutoShotConfig | TransNetV2Config

    def setup(self) -> None:
        """Load the weights.

        Raises:
            ValueError: the file is not a checkpoint of this network, or not the one of the fingerprint; or
                there is no GPU where one is asked for.
        """
        from curation.detect.models.checkpoints import load_model
        from curation.detect.models.devices import chosen_device
        from curation.detect.models.inference import predict_with

        device = chosen_device(self.config.device)
        self._batch_windows = _GPU_WINDOWS if device.type == "cuda" else 1
        fingerprint = self._sha256
        loaded = load_model(self.config.kind, Path(self.config.weights))
        if loaded.sha256 != fingerprint:
            raise ValueError(
                f"curation.detect.weights = {self.config.weights}: the file changed while this ran (sha256 "
                f"was {fingerprint}, is {loaded.sha256}); leave it as it is and run the same command again"
            )
        self._predict = predict_with(loaded.module, str(device))

    def fingerprints(self) -> Mapping[str, str]:
        """The decoder, the arithmetic, and the weights."""
        return {**super().fingerprints(), "torch": version("torch"), "weights": self._sha256}

    @cached_property
    def _sha256(self) -> str:
        path = Path(self.config.weights)
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ValueError(
                f"curation.detect.weights = {path}: cannot be read ({error.strerror}); give the path of the "
                f"official weights of {self.config.kind}, or choose kind: loom, which needs none"
            ) from error

    def settle(self, frames: Iterable[Frames], frames_per_s: float) -> Iterator[Settled]:
        """Transitions in a stream of RGB frames [27, 48, 3], reported window by window."""
        finder = RunFinder(self.config.threshold, lowest=self.config.threshold)
        for one_hot, _ in predictions(frames, self._predict, self._batch_windows):
            found = list(finder.add(one_hot))
            yield Settled(finder.settled, found)
