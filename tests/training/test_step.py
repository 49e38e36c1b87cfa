"""A step that cannot be taken changes nothing, and says of which samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from training.config import TrainConfig
from training.errors import NonFiniteLossError
from training.objectives.masked_pixels import MaskedPixels
from training.run import train

Tiny = Callable[..., TrainConfig]


def poisoned(
    monkeypatch: pytest.MonkeyPatch, at_call: int, spoil: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    """Let one call of the loss go wrong."""
    terms, calls = MaskedPixels.terms, 0

    def wrapped(self: MaskedPixels, *arguments: Any) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        found = terms(self, *arguments)
        return {name: spoil(value) for name, value in found.items()} if calls == at_call else found

    monkeypatch.setattr(MaskedPixels, "terms", wrapped)


class _InfiniteGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0] * float("inf")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda value: value * float("nan"), "loss pixels nan"),
        (_InfiniteGradient.apply, "gradient norm"),
    ],
)
def test_training_stops_before_the_weights_change_and_keeps_the_keys(
    tiny: Tiny,
    output: str,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[torch.Tensor], torch.Tensor],
    said: str,
) -> None:
    with monkeypatch.context() as patch:
        poisoned(patch, 6, spoil)
        with pytest.raises(NonFiniteLossError, match="Step 6: ") as stopped:
            train(tiny(), output=output)
    assert said in str(stopped.value)
    assert "Lower optimizer.peak_learning_rate = 0.001" in str(stopped.value)
    kept = json.loads((Path(output) / "nonfinite.json").read_text())
    assert (kept["step"], len(kept["keys"])) == (6, 4)
    assert set(kept["keys"]) <= {f"clip{number:02d}" for number in range(10)}
    # The checkpoint of before is what the next call goes on from.
    result = train(tiny(), output=output)
    assert (result.first_step, result.step) == (4, 12)


def test_micro_batches_give_the_gradient_of_the_whole(tiny: Tiny, tmp_path: Path) -> None:
    outputs = {size: str(tmp_path / str(size)) for size in (1, 2, 4)}
    for size, output in outputs.items():
        train(tiny(engine={"kind": "ddp", "micro_batch_size": size}), output=output)
    rows = {
        size: [json.loads(line) for line in (Path(output) / "metrics.jsonl").read_text().splitlines()]
        for size, output in outputs.items()
    }
    for size in (1, 2):
        for part, whole in zip(rows[size], rows[4], strict=True):
            assert part["loss"] == pytest.approx(whole["loss"], rel=1e-5)
            assert part["grad_norm"] == pytest.approx(whole["grad_norm"], rel=1e-4)
