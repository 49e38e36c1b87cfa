"""DeepSpeed's JSON beside our config: what agrees, what is filled in, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training.engines.arithmetic import BatchArithmetic
from training.engines.deepspeed_config import read_deepspeed_config
from training.optimizer import OptimizerConfig

ARITHMETIC = BatchArithmetic(batch_size=64, world_size=4, micro_batch_size=8)
OPTIMIZER = OptimizerConfig(peak_learning_rate=1e-3, betas=(0.9, 0.98), max_grad_norm=3.0)
ZERO = {"zero_optimization": {"stage": 2}}


def merged(tmp_path: Path, config: Any, precision: Any = "bf16") -> dict[str, Any]:
    path = tmp_path / "zero.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return read_deepspeed_config(str(path), precision=precision, optimizer=OPTIMIZER, arithmetic=ARITHMETIC)


def test_what_is_absent_or_auto_is_filled_in(tmp_path: Path) -> None:
    auto = {
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "bf16": {"enabled": "auto"},
        "fp16": "auto",
        "optimizer": {"type": "AdamW", "params": {"lr": "auto", "weight_decay": "auto"}},
        "scheduler": "auto",
        "zero_optimization": {"stage": 2, "reduce_bucket_size": "auto"},
    }
    assert merged(tmp_path, auto) == merged(tmp_path, ZERO)
    assert merged(tmp_path, ZERO) == {
        "train_batch_size": 64,
        "train_micro_batch_size_per_gpu": 8,
        "gradient_accumulation_steps": 2,
        "gradient_clipping": 3.0,
        "bf16": {"enabled": True, "check_grad_overflow": True},
        "data_types": {"grad_accum_dtype": "fp32"},
        "communication_data_type": "fp32",
        "zero_force_ds_cpu_optimizer": False,
        "zero_optimization": {"stage": 2},
    }


def test_equal_values_and_what_is_deepspeed_s_own_pass(tmp_path: Path) -> None:
    config = ZERO | {
        "train_batch_size": 64,
        "gradient_clipping": 3,
        "optimizer": {"type": "Adam", "params": {"lr": 0.001, "betas": [0.9, 0.98], "adam_w_mode": True}},
        "communication_data_type": "bf16",
        "comms_logger": {"enabled": True},
    }
    found = merged(tmp_path, config)
    assert found["communication_data_type"] == "bf16"
    assert found["comms_logger"] == {"enabled": True}
    assert "optimizer" not in found


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"train_batch_size": 32}, 'train_batch_size = 32, but batch_size = 64. Change one .* "auto"'),
        ({"train_micro_batch_size_per_gpu": 4}, "per_gpu = 4, but engine.micro_batch_size = 8"),
        ({"gradient_accumulation_steps": 1}, r"steps = 1, but batch_size / processes .* 64 / 4 / 8 = 2"),
        ({"gradient_clipping": 1.0}, "gradient_clipping = 1.0, but optimizer.max_grad_norm = 3.0"),
        ({"bf16": {"enabled": False}}, "bf16.enabled = false, but engine.precision = bf16"),
        ({"fp16": {"enabled": True}}, "fp16.enabled = true, but engine.precision .* Remove fp16"),
        ({"optimizer": {"type": "Lamb"}}, "optimizer.type = Lamb, but this trainer has AdamW"),
        (
            {"optimizer": {"params": {"lr": 0.1}}},
            "params.lr = 0.1, but optimizer.peak_learning_rate = 0.001",
        ),
        ({"optimizer": {"params": {"betas": [0.9, 0.999]}}}, r"betas = \[0.9, 0.999\], but optimizer.betas"),
        ({"scheduler": {"type": "WarmupLR"}}, "it has a scheduler, but .* Remove scheduler"),
        ({"zero_optimization": {"stage": 0}}, "stage = 0. Set it to 1, 2 or 3, or choose engine.kind: ddp"),
        ({"zero_optimization": True}, "zero_optimization.stage = None"),
        (
            {"zero_optimization": {"stage": 3, "offload_param": {"device": "nvme"}}},
            "offload_param.device = nvme, .* Set it to cpu or none",
        ),
        ({"zero_optimization": {"stage": 3, "zero_hpz_partition_size": 8}}, "zero_hpz_partition_size = 8"),
        ({"zero_optimization": {"stage": 2, "zenflow": {}}}, "zenflow = {}, which"),
        (
            {"tensor_parallel": {"autotp_size": 2}},
            "tensor_parallel: .* Passed on are comm",
        ),
        ({"bf16": 1}, "bf16 = 1 is no object"),
        ("{", "is no JSON: "),
        ("[]", "holds no JSON object"),
    ],
)
def test_what_contradicts_is_refused(tmp_path: Path, config: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        merged(tmp_path, config if isinstance(config, str) else ZERO | config)


def test_fp32_leaves_the_types_alone(tmp_path: Path) -> None:
    found = merged(tmp_path, ZERO, precision="fp32")
    assert found["bf16"]["enabled"] is False
    assert "data_types" not in found
    with pytest.raises(ValueError, match="enabled = true, but engine"):
        merged(tmp_path, ZERO | {"bf16": {"enabled": True}}, precision="fp32")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"engine\.config = nowhere\.json: there is no such file"):
        read_deepspeed_config("nowhere.json", precision="fp32", optimizer=OPTIMIZER, arithmetic=ARITHMETIC)
