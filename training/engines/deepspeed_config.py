"""DeepSpeed's JSON config, made one with ours.

What our config decides may stand in the JSON too ("auto" or the same value); it must not stand there with
another value. What it says of ZeRO and of communication goes to DeepSpeed as it is.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

from training.engines.arithmetic import BatchArithmetic
from training.optimizer import OptimizerConfig

AUTO = "auto"
PASSED_ON = (
    "communication_data_type",
    "comms_logger",
    "data_types",
    "dump_state",
    "flops_profiler",
    "gradient_predivide_factor",
    "memory_breakdown",
    "prescale_gradients",
    "steps_per_print",
    "wall_clock_breakdown",
    "zero_optimization",
)
UNRESTORABLE = {
    "zenflow": None,
    "zero_hpz_partition_size": 1,
    "mics_shard_size": -1,
    "zero_quantized_weights": False,
    "zero_quantized_nontrainable_weights": False,
    "zero_quantized_gradients": False,
    "compute_grad_norm": True,
}
"""Of `zero_optimization`: what keeps weights or norms in forms that could not be restored or compared, with
the one value that is borne."""


def read_deepspeed_config(
    path: str,
    *,
    precision: Literal["fp32", "bf16"],
    optimizer: OptimizerConfig,
    arithmetic: BatchArithmetic,
) -> dict[str, Any]:
    """The config to give to DeepSpeed.

    Raises:
        ValueError: there is no such file, it is no JSON object, contradicts our config, or wants what this
            trainer does not do with DeepSpeed.
    """
    merging = _Merging(path, read_json(path))
    merging.settle("train_batch_size", arithmetic.batch_size, "batch_size")
    merging.settle("train_micro_batch_size_per_gpu", arithmetic.per_pass, "engine.micro_batch_size")
    merging.settle(
        "gradient_accumulation_steps",
        arithmetic.accumulation,
        f"batch_size / processes / engine.micro_batch_size = {arithmetic.batch_size} / "
        f"{arithmetic.world_size} / {arithmetic.per_pass}",
    )
    merging.settle("gradient_clipping", optimizer.max_grad_norm, "optimizer.max_grad_norm")
    merging.settle_precision(precision)
    merging.drop_optimizer(optimizer, optimizer.rate_factor(arithmetic.batch_size))
    merging.drop_scheduler()
    merging.check_zero()
    return merging.whole()


class _Merging:
    """One file under way."""

    def __init__(self, path: str, theirs: dict[str, Any]) -> None:
        self._path = path
        self._theirs = theirs
        self._ours: dict[str, Any] = {}

    def settle(self, key: str, value: float | bool, source: str) -> None:
        """Set a key, which the JSON may have with the same value."""
        self._agree(key, self._theirs.pop(key, AUTO), value, source)
        self._ours[key] = value

    def settle_precision(self, precision: str) -> None:
        """bf16 with float32 weights, gradient sums and traffic; the JSON may ask for less in the last two."""
        for key, on in (("bf16", precision == "bf16"), ("fp16", False)):
            section = self._section(key)
            theirs = section.pop("enabled", AUTO)
            if key == "fp16" and theirs is True:
                raise self._error("fp16.enabled = true, but engine.precision is fp32 or bf16", "Remove fp16.")
            self._agree(f"{key}.enabled", theirs, on, f"engine.precision = {precision}, so {key}.enabled")
            if key == "bf16":
                checked = section.pop("check_grad_overflow", AUTO)
                if checked not in (AUTO, True):
                    raise self._error(
                        f"bf16.check_grad_overflow = {json.dumps(checked)}, but a gradient that is no number "
                        "must not reach the weights",
                        "Remove bf16.check_grad_overflow.",
                    )
                self._ours[key] = section | {"check_grad_overflow": True, "enabled": on}
        if precision == "bf16":
            self._ours["data_types"] = {"grad_accum_dtype": "fp32"}
            self._ours["communication_data_type"] = "fp32"

    def drop_optimizer(self, config: OptimizerConfig, rate_factor: float) -> None:
        """Ours is torch's AdamW, the same as in all engines; the rate is the one that steps really have."""
        section = self._section("optimizer")
        kind = section.get("type", AUTO)
        if kind not in (AUTO, "Adam", "AdamW"):
            raise self._error(f"optimizer.type = {kind}, but this trainer has AdamW", "Remove optimizer.")
        parameters = section.get("params", {})
        if not isinstance(parameters, dict):
            raise self._error(f"optimizer.params = {parameters} is no object", "Remove optimizer.")
        rate = config.peak_learning_rate * rate_factor
        theirs = parameters.get("lr", AUTO)
        if isinstance(theirs, float | int) and math.isclose(theirs, rate, rel_tol=1e-9):
            theirs = rate
        self._agree(
            "optimizer.params.lr",
            theirs,
            rate,
            "optimizer.peak_learning_rate" + (" * batch_size / 256" if config.rates_per_256_clips else ""),
        )
        for key, value, source in (
            ("betas", list(config.betas), "optimizer.betas"),
            ("eps", config.eps, "optimizer.eps"),
            ("weight_decay", config.weight_decay, "optimizer.weight_decay"),
            ("adam_w_mode", True, "the decay of AdamW"),
        ):
            self._agree(f"optimizer.params.{key}", parameters.get(key, AUTO), value, source)

    def drop_scheduler(self) -> None:
        """Ours sets the learning rate of each step."""
        if self._theirs.pop("scheduler", AUTO) != AUTO:
            raise self._error(
                "it has a scheduler, but the learning rate follows schedule of the training config",
                "Remove scheduler; warm-up is schedule.warmup_steps.",
            )

    def check_zero(self) -> None:
        """ZeRO 1 to 3 in the forms that can be saved and restored here."""
        zero = self._theirs.get("zero_optimization", {})
        stage = zero.get("stage", 0) if isinstance(zero, dict) else None
        if stage not in (1, 2, 3):
            raise self._error(
                f"zero_optimization.stage = {stage}", "Set it to 1, 2 or 3, or choose engine.kind: ddp."
            )
        for key in ("offload_optimizer", "offload_param"):
            offload = zero.get(key) or {}
            if offload == AUTO:
                continue
            if not isinstance(offload, dict):
                raise self._error(
                    f"zero_optimization.{key} = {json.dumps(offload)} is no object",
                    f'Write it as {{"device": "cpu"}}, or remove {key}.',
                )
            if offload.get("device", AUTO) not in (AUTO, "none", "cpu"):
                raise self._error(
                    f"zero_optimization.{key}.device = {offload['device']}, but checkpoints are restored "
                    "into memory only",
                    "Set it to cpu or none.",
                )
            if offload.get("super_offload", AUTO) not in (AUTO, False):
                raise self._error(
                    f"zero_optimization.{key}.super_offload needs a kernel that this trainer does not use",
                    "Remove super_offload.",
                )
            if offload.get("ratio", AUTO) not in (AUTO, 1.0):
                raise self._error(f"zero_optimization.{key}.ratio = {offload['ratio']}", "Remove ratio.")
        for key, bearable in UNRESTORABLE.items():
            if zero.get(key, bearable) not in (bearable, AUTO):
                raise self._error(
                    f"zero_optimization.{key} = {json.dumps(zero[key])}, which this trainer does not do",
                    f"Remove {key}.",
                )

    def whole(self) -> dict[str, Any]:
        """Ours, and what is left of theirs."""
        left = _without_auto(self._theirs)
        unknown = sorted(set(left) - set(PASSED_ON))
        if unknown:
            raise self._error(
                f"{', '.join(unknown)}: this trainer passes no such keys on to DeepSpeed",
                f"Remove them. Passed on are {', '.join(PASSED_ON)}.",
            )
        # Offloaded state is stepped by torch's own CPU kernel, which needs no compiler on the machine.
        return {"zero_force_ds_cpu_optimizer": False} | self._ours | left

    def _agree(self, key: str, theirs: Any, ours: Any, source: str) -> None:
        if theirs not in (AUTO, ours):
            raise ValueError(
                f"{self._path}: {key} = {json.dumps(theirs)}, but {source} = {json.dumps(ours)}. Change one "
                f'of them, or write "{key.rsplit(".", 1)[-1]}": "auto".'
            )

    def _section(self, key: str) -> dict[str, Any]:
        section = self._theirs.pop(key, {})
        if section == AUTO:
            return {}
        if not isinstance(section, dict):
            raise self._error(f"{key} = {json.dumps(section)} is no object", f"Write {key} as an object.")
        return section

    def _error(self, what: str, remedy: str) -> ValueError:
        return ValueError(f"{self._path}: {what}. {remedy}")


def read_json(path: str) -> dict[str, Any]:
    """DeepSpeed's config as the user wrote it.

    Raises:
        ValueError: there is no such file, or it is no JSON object.
    """
    # Relative to the folder that the command is called in: of a YAML file no config knows where it lay.
    tried = Path(path).absolute()
    try:
        text = tried.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(
            f"engine.config = {path}: there is no file {tried}. Name DeepSpeed's JSON config by its absolute "
            "path, or relative to the working directory."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"engine.config = {path} cannot be read: {error}") from error
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"engine.config = {path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"engine.config = {path} holds no JSON object. Write DeepSpeed's config as {{…}}.")
    return found


def _without_auto(section: dict[str, Any]) -> dict[str, Any]:
    """Where a user leaves a choice, DeepSpeed's own default is the choice."""
    return {
        key: _without_auto(value) if isinstance(value, dict) else value
        for key, value in section.items()
        if value != AUTO
    }
