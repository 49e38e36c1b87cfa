"""DeepSpeed's JSON beside our config: what agrees, what is filled in, what is refused."""

from __future__ import annotations

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from training.engines.arithmetic import BatchArithmetic
from training.engines.check import check_engine
from training.engines.config import DdpConfig, DeepSpeedConfig, Fsdp2Config
from training.engines.deepspeed_config import read_deepspeed_config
from training.engines.described import engine_in_words
from training.optimizer import OptimizerConfig

ARITHMETIC = BatchArithmetic(batch_size=64, world_size=4, micro_batch_size=8)
OPTIMIZER = OptimizerConfig(peak_learning_rate=1e-3, betas=(0.9, 0.98), max_grad_norm=3.0)
ZERO = {"zero_optimization": {"stage": 2}}


def merged(
    tmp_path: Path,
    config: Any,
    precision: Any = "bf16",
    optimizer: OptimizerConfig = OPTIMIZER,
    arithmetic: BatchArithmetic = ARITHMETIC,
) -> dict[str, Any]:
    path = tmp_path / "zero.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return read_deepspeed_config(str(path), precision=precision, optimizer=optimizer, arithmetic=arithmetic)


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


def test_auto_is_taken_out_of_offload_too(tmp_path: Path) -> None:
    offload = {"device": "auto", "ratio": "auto", "pin_memory": False}
    zero = {"stage": 2, "offload_optimizer": "auto", "offload_param": offload}
    found = merged(tmp_path, {"zero_optimization": zero, "bf16": {"check_grad_overflow": "auto"}})
    assert found["zero_optimization"] == {"stage": 2, "offload_param": {"pin_memory": False}}
    assert found["bf16"]["check_grad_overflow"] is True


def test_the_learning_rate_that_counts_is_the_one_that_steps_have(tmp_path: Path) -> None:
    optimizer = OptimizerConfig(peak_learning_rate=1.5e-4, rates_per_256_clips=True)
    arithmetic = BatchArithmetic(batch_size=4096, world_size=128)
    for rate, fits in ((2.4e-3, True), (1.5e-4, False)):
        config = ZERO | {"optimizer": {"type": "AdamW", "params": {"lr": rate}}}
        if fits:
            assert "optimizer" not in merged(tmp_path, config, optimizer=optimizer, arithmetic=arithmetic)
        else:
            with pytest.raises(ValueError, match=r"peak_learning_rate \* batch_size / 256 = 0\.0024"):
                merged(tmp_path, config, optimizer=optimizer, arithmetic=arithmetic)


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
        ({"zero_optimization": {"stage": 3, "mics_shard_size": 4}}, "mics_shard_size = 4, which"),
        ({"zero_optimization": {"stage": 3, "zero_quantized_weights": True}}, "quantized_weights = true, wh"),
        (
            {"zero_optimization": {"stage": 2, "offload_optimizer": True}},
            "offload_optimizer = true is no obj",
        ),
        (
            {
                "zero_optimization": {
                    "stage": 3,
                    "offload_optimizer": {"device": "cpu", "super_offload": True},
                }
            },
            "Remove super_offload",
        ),
        (
            {"zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu", "ratio": 0.5}}},
            "ratio = 0.5. Remove ratio",
        ),
        ({"bf16": {"check_grad_overflow": False}}, "check_grad_overflow = false, but a gradient"),
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


def test_a_missing_file_is_named_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"engine\.config = no\.json: there is no file {tmp_path}/no\.json"):
        read_deepspeed_config("no.json", precision="fp32", optimizer=OPTIMIZER, arithmetic=ARITHMETIC)
    (tmp_path / "no.json").write_text(json.dumps(ZERO))
    read_deepspeed_config("no.json", precision="fp32", optimizer=OPTIMIZER, arithmetic=ARITHMETIC)


def test_an_engine_is_checked_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zero.json"
    path.write_text('{"zero_optimization": {"stage": 3}}')
    monkeypatch.setitem(sys.modules, "deepspeed", ModuleType("deepspeed"))
    sys.modules["deepspeed"].__spec__ = ModuleSpec("deepspeed", None)
    check_engine(DdpConfig(), OPTIMIZER, ARITHMETIC)
    check_engine(DeepSpeedConfig(kind="deepspeed", config=str(path)), OPTIMIZER, ARITHMETIC)
    with pytest.raises(ValueError, match=r"asks for ZeRO-3.*Set engine\.compile: false"):
        check_engine(DeepSpeedConfig(kind="deepspeed", config=str(path), compile=True), OPTIMIZER, ARITHMETIC)
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    with pytest.raises(ValueError, match=r"not installed\. Install it \(pip install 'cliploom\[train\]'\)"):
        check_engine(DeepSpeedConfig(kind="deepspeed", config=str(path)), OPTIMIZER, ARITHMETIC)


def test_what_bends_of_an_engine_is_in_its_words(tmp_path: Path) -> None:
    assert engine_in_words(DdpConfig()) == "ddp"
    assert engine_in_words(DdpConfig(compile=True)) == "ddp compiled"
    sharded = Fsdp2Config(kind="fsdp2", reshard_after_forward=False)
    assert engine_in_words(sharded) == "fsdp2 without resharding"
    path = tmp_path / "zero.json"
    words = []
    for zero in ({"stage": 1}, {"stage": 1, "overlap_comm": True}):
        path.write_text(json.dumps({"zero_optimization": zero}))
        words.append(engine_in_words(DeepSpeedConfig(kind="deepspeed", config=str(path))))
    assert words[0].startswith("deepspeed zero1 (JSON ")
    assert words[0] != words[1]
