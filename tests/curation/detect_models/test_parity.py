"""The parity benchmark: on the published models' numbers where they are, and on a small file made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import parity
from benchmarks.parity_output import difference
from benchmarks.parity_shots import drawn_frames
from curation.detect.models.checkpoints import model_from
from tests.conftest import SHARED_MEDIA
from tests.curation.detect_models import weights

PUBLISHED = SHARED_MEDIA.parent / "parity" / "shots.json"
NUM_FRAMES = 23


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    if not PUBLISHED.is_file():
        pytest.skip(f"no numbers of the published models at {PUBLISHED}")
    document: dict[str, Any] = json.loads(PUBLISHED.read_text())
    return document


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    """A file of the same kind with our own numbers; other tests hold our networks to those of plain loops."""
    module = model_from("transnetv2", weights.state("transnetv2"), "here")
    with torch.inference_mode():
        one_hot, many_hot = module(torch.from_numpy(drawn_frames(3, NUM_FRAMES)))
    return {
        "salt": 0,
        "frames_key": 3,
        "num_frames": NUM_FRAMES,
        "state_dict": {"transnetv2": weights.layout("transnetv2")},
        "outputs": {"transnetv2": {"one_hot": one_hot[0].tolist(), "many_hot": many_hot[0].tolist()}},
    }


def run(tmp_path: Path, document: object) -> int:
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps(document))
    return parity.main([str(path)])


def test_our_networks_have_the_published_layouts(published: dict[str, Any]) -> None:
    assert published["state_dict"]["transnetv2"] == weights.layout("transnetv2")
    assert published["state_dict"]["autoshot"] == weights.layout("autoshot")


@pytest.mark.usefixtures("published")
def test_our_networks_give_the_published_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert parity.main([str(PUBLISHED)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    found = json.loads(lines[-1])["errors"][str(PUBLISHED)]
    assert found.keys() == {
        f"{kind}.{output}" for kind in ("transnetv2", "autoshot") for output in ("one_hot", "many_hot")
    }
    assert all(row["absolute"] < 1e-4 and row["relative"] < 1e-3 for row in found.values())


def test_a_file_that_agrees_is_met(
    tmp_path: Path, small: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, small) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["met"] is True


def test_one_value_that_is_off_fails_and_is_told(
    tmp_path: Path, small: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    many_hot = list(small["outputs"]["transnetv2"]["many_hot"])
    many_hot[7] += 3e-4
    outputs = {"transnetv2": {**small["outputs"]["transnetv2"], "many_hot": many_hot}}
    assert run(tmp_path, {**small, "outputs": outputs}) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "above 0.0001" in line] == [lines[1]]
    assert lines[1].startswith("numbers.json transnetv2.many_hot: absolute 3.0")
    assert json.loads(lines[-1])["above"] == [f"{tmp_path / 'numbers.json'} transnetv2.many_hot"]


def test_a_file_of_no_known_kind_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, {"kind": "other", "config": {}}) == 2
    assert "numbers.json: no known kind of file. Its keys are config, kind" in capsys.readouterr().err
    assert parity.main([str(tmp_path / "absent.json")]) == 2
    assert "absent.json: no readable JSON" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": {"resnet": {}}}, "no model 'resnet'; there are transnetv2, autoshot"),
        ({"state_dict": {"transnetv2": {"fc1.bias": [1024]}}}, "no weights of TransNetV2"),
        ({"outputs": {"transnetv2": {"third": []}}}, "transnetv2 has no outputs third"),
        (
            {"outputs": {"transnetv2": {"one_hot": [0.0]}}},
            "transnetv2.one_hot: ours is [23], the reference [1]",
        ),
        ({"outputs": {}}, "nothing to compare"),
    ],
)
def test_a_file_that_does_not_fit_is_told(
    change: dict[str, Any],
    message: str,
    tmp_path: Path,
    small: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(tmp_path, {**small, **change}) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / 'numbers.json'}: " in told
    assert message in told


def test_what_is_not_a_number_is_infinitely_wrong() -> None:
    assert difference("x", [1.0, float("nan")], [1.0, 2.0]).absolute > 1e300
