"""What a call of `train` did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a call of `train` did: the steps after `first_step`, up to `step`.

    `loss` is that of the last step, None if none was made. `samples` (over all processes), `seconds`,
    `samples_per_s` and `data_wait_share` (0..1) are of this call alone.
    """

    output: str
    checkpoint: str | None
    first_step: int
    step: int
    steps: int
    samples: int
    loss: float | None
    seconds: float
    samples_per_s: float
    data_wait_share: float
    interrupted: bool

    @property
    def nothing_to_do(self) -> bool:
        """Whether all steps had been made before."""
        return self.first_step == self.steps
