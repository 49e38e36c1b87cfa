"""`cliploom checkpoints`: what the commands print, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from pipelines.cli import cli
from tests.training.released.small import classifier, encoder, save, stage2, student


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["checkpoints", *map(str, arguments)], standalone_mode=False)


def code(result: Result) -> int:
    if result.exception is not None:
        return int(getattr(result.exception, "exit_code", 99))
    return int(result.return_value or 0)


def message(result: Result) -> str:
    return str(getattr(result.exception, "message", result.exception))


def test_a_whole_stage_2_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pt", {"module": stage2(), "epoch": 3, "global_samples": 4177920})
    found = run("inspect", path)
    assert code(found) == 0
    for part in (
        "stage-2 vision encoder inside a whole stage-2 file",
        "under 'module', names begin with 'vision_encoder.'",
        "epoch 3, global_samples 4177920",
        "text_encoder: not of this model, tensors: 3",
        "width 384, depth 2, heads 6, mlp_width 24",
        "2 frames of 224 px; patches of 1 x 14 x 14; 2 x 16 x 16 tokens, images have positions of their own",
        "bfloat16",
        "gelu          tanh (assumed",
        "A strict load works",
    ):
        assert part in found.output, part


def test_json_has_every_figure(tmp_path: Path) -> None:
    model = student()
    tensors = dict(model.state_dict()) | {"odd": torch.ones(2)}
    del tensors["blocks.1.ls2.gamma"]
    found = run("inspect", save(tmp_path / "a.pth", {"model": tensors}), "--json")
    assert code(found) == 1
    values = json.loads(found.output)
    assert (values["kind"], values["loads"], values["unwrapped"]) == ("student", False, ["model"])
    assert (values["missing"], values["unexpected"]) == (["blocks.1.ls2.gamma"], ["odd"])
    assert values["parameters"] == sum(tensor.numel() for tensor in tensors.values())
    assert values["dtypes"] == {"float32": values["parameters"]}
    assert values["model"]["encoder"]["width"] == 384
    assert values["model"]["heads"]["motion"]["layers"] == 1


def test_what_does_not_load_is_listed_folded(tmp_path: Path) -> None:
    tensors = {name: t for name, t in classifier().state_dict().items() if not name.endswith("ls1.gamma")}
    found = run("inspect", save(tmp_path / "a.pth", tensors | {"fc_norm.bias": torch.ones(7)}))
    assert code(found) == 1
    assert "A strict load would fail:\n  missing: 2\n    blocks.{0-1}.ls1.gamma (2)\n" in found.output
    assert "fc_norm.bias: [7] in the file, [32] in the model" in found.output


def test_a_clip_file_is_no_broken_download(tmp_path: Path) -> None:
    delta = {name: tensor for name, tensor in stage2().items() if "clip_projector" in name}
    path = save(tmp_path / "a.bin", delta)
    found = run("inspect", path)
    assert code(found) == 1
    assert "clip weights (S): attention pooling only" in found.output
    assert "is whole, but it is no model" in found.output
    refused = run("convert", path, "--output", tmp_path / "out")
    assert code(refused) == 1
    assert "distilled S/14" in message(refused)


def test_convert_and_inspect_again(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pt", {"module": stage2()})
    done = run("convert", path, "--output", tmp_path / "out", "--frames", "4", "--size-px", "112")
    assert code(done) == 0, message(done)
    assert "4 frames of 112 px, gelu tanh" in done.output
    assert "positions interpolated from 2 x 16 x 16 to 4 x 8 x 8" in done.output
    again = run("inspect", tmp_path / "out")
    assert code(again) == 0
    assert "a.pt: stage-2 vision encoder inside a whole stage-2 file" in again.output
    refused = run("convert", path, "--output", tmp_path / "out")
    assert code(refused) == 2
    assert "exists already" in message(refused)


def test_hints_for_a_model_of_ones_own(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", encoder(width=48, heads=3, size_px=56).state_dict())
    assert "--file-frames" in run("inspect", path).output
    assert "--heads" in run("inspect", path, "--file-frames", "2").output
    assert code(run("inspect", path, "--file-frames", "2", "--heads", "3")) == 0
    options = ("--file-frames", "2", "--heads", "3", "--gelu", "erf")
    done = run("convert", path, "--output", tmp_path / "out", *options)
    assert code(done) == 0
    assert "gelu erf" in done.output
    assert code(run("inspect", tmp_path / "out", "--heads", "6")) == 2


class Touch:
    """Runs a command when it is unpickled without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_hostile_file_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"model": encoder().state_dict(), "x": Touch(tmp_path / "ran")})
    for arguments in (
        ("inspect", path),
        ("convert", path, "--output", tmp_path / "out"),
        ("inspect", path, "--ignore", "posix.system"),
    ):
        refused = run(*arguments)
        assert code(refused) == 1
        assert "posix.system" in message(refused)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out").exists()


class Settings:
    """What training code stores beside its weights."""


def test_objects_are_left_out_when_told(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"model": encoder().state_dict(), "settings": Settings()})
    refused = run("inspect", path)
    assert code(refused) == 1
    option = message(refused).partition("leave these objects out: ")[2].partition(";")[0]
    found = run("inspect", path, *option.split())
    assert code(found) == 0
    assert f"objects of {__name__}.Settings" in found.output


@pytest.mark.parametrize("command", [("inspect",), ("convert", "--output", "out")])
def test_what_is_not_there_is_bad_usage_what_is_damaged_failed_work(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert code(run(*command, tmp_path / "none.pth")) == 2
    assert code(run(*command, tmp_path)) == 2
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04 cut")
    damaged = run(*command, tmp_path / "cut.pth")
    assert code(damaged) == 1
    assert "cut short" in message(damaged)


def test_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    tensors = dict(encoder().state_dict()) | {"\x1b[2Jodd": torch.ones(1)}
    found = run("inspect", save(tmp_path / "a.pth", {"module": tensors, "\x1b[31m": "\x1b[0m"}))
    assert "\x1b" not in found.output
    assert "\\x1b[2Jodd" in found.output


@pytest.mark.parametrize("command", [(), ("inspect",), ("convert",)])
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    program = (
        "import sys\nfrom pipelines.cli import main\n"
        f"try:\n    main(['checkpoints', *{command!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pyarrow', 'numpy', 'pydantic'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Options" in done.stdout
