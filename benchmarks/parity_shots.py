"""Shot detectors beside the published models: logits of every frame of a made-up video.

The file holds `salt`, `frames_key`, `num_frames`, `state_dict` (model -> key -> shape) and `outputs` (model
-> output -> a value per frame). Weights and frames are drawn by a rule from the names of the keys, so the
file need not hold them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.parity_output import Difference, difference
from curation.detect.models.checkpoints import ModelKind, model_from
from curation.detect.models.layers import HEIGHT_PX, WIDTH_PX

KEYS = frozenset({"salt", "frames_key", "num_frames", "state_dict", "outputs"})

_SEGMENTS = 4
_EDGE_FRAMES = 10
_NOISE = 12
_GAIN = 1.5


def differences(document: Mapping[str, Any]) -> Iterator[Difference]:
    """Each output of each model of the file.

    Raises:
        ValueError: the file names a model or an output that is not ours, or keys that ours does not have.
    """
    frames = torch.from_numpy(drawn_frames(document["frames_key"], document["num_frames"]))
    for kind, outputs in document["outputs"].items():
        if kind not in get_args(ModelKind):
            raise ValueError(f"no model '{kind}'; there are {', '.join(get_args(ModelKind))}")
        layout = document["state_dict"].get(kind, {})
        state = {key: drawn_weight(key, shape, document["salt"]) for key, shape in layout.items()}
        module = model_from(cast(ModelKind, kind), state, f"state_dict.{kind}")
        with torch.inference_mode():
            ours = dict(zip(("one_hot", "many_hot"), module(frames), strict=True))
        if unknown := outputs.keys() - ours.keys():
            raise ValueError(f"{kind} has no outputs {', '.join(sorted(unknown))}")
        for output, values in outputs.items():
            yield difference(f"{kind}.{output}", ours[output][0].numpy(), values)


def drawn_weight(key: str, shape: list[int], salt: int) -> torch.Tensor:
    """The weight that stands for a key of a state dict; counters (of no dimension) are 0."""
    generator = np.random.Generator(np.random.Philox(key=zlib.crc32(key.encode()) + salt))
    if not shape:
        return torch.zeros((), dtype=torch.long)
    if key.endswith("running_var"):
        return torch.from_numpy(generator.random(shape, np.float32) * np.float32(0.5) + np.float32(0.75))
    values = generator.standard_normal(shape, np.float32)
    if len(shape) > 1:
        return torch.from_numpy(values * np.float32(math.sqrt(_GAIN / math.prod(shape[1:]))))
    offset = 1 if key.endswith(("bn.weight", "batch_norm.weight")) else 0
    return torch.from_numpy(values * np.float32(0.05) + np.float32(offset))


def drawn_frames(key: int, num_frames: int) -> npt.NDArray[np.uint8]:
    """A video [1, T, 27, 48, 3] of four noisy stills."""
    generator = np.random.Generator(np.random.Philox(key=key))
    inner = np.arange(_EDGE_FRAMES, num_frames - _EDGE_FRAMES)
    cuts = sorted(generator.choice(inner, _SEGMENTS - 1, replace=False).tolist())
    picture = (HEIGHT_PX, WIDTH_PX, 3)
    frames = []
    for start, end in zip([0, *cuts], [*cuts, num_frames], strict=True):
        base = generator.integers(0, 256, picture).astype(np.int16)
        for _ in range(start, end):
            frames.append(np.clip(base + generator.integers(-_NOISE, _NOISE + 1, picture), 0, 255))
    return np.stack(frames).astype(np.uint8)[None]
