"""The detectors by their kinds: what they load, what they refuse, and what they find."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError

from curation.base.workspace import Workspace
from curation.detect import loom
from curation.detect.content import ContentDetector
from curation.detect.kinds import DetectConfig, detector
from curation.detect.loom import LoomConfig, LoomDetector
from curation.detect.models.autoshot import AutoShot
from curation.detect.models.loom import Loom
from curation.detect.models.transnetv2 import TransNetV2
from curation.detect.official import AutoShotConfig, OfficialDetector, TransNetV2Config
from curation.records import Shot
from tests.curation.cutting import probed
from tests.footage import make_video

CONFIG: TypeAdapter[DetectConfig] = TypeAdapter(DetectConfig)


def test_the_kind_chooses_the_detector(workspace: Workspace) -> None:
    for config, expected in (
        ({"kind": "loom"}, LoomDetector),
        ({"kind": "content", "cut_ratio": 4}, ContentDetector),
        ({"kind": "autoshot", "weights": "a.pth"}, OfficialDetector),
        ({"kind": "transnetv2", "weights": "a.pth", "threshold": 0.3}, OfficialDetector),
    ):
        assert type(detector(CONFIG.validate_python(config), workspace)) is expected


def test_official_kinds_need_weights() -> None:
    with pytest.raises(ValidationError, match="weights"):
        CONFIG.validate_python({"kind": "autoshot"})
    with pytest.raises(ValidationError, match="loom"):
        CONFIG.validate_python({"kind": "scenedetect"})


def test_weights_of_the_package_are_those_that_were_shipped() -> None:
    assert hashlib.sha256(loom.WEIGHTS.read_bytes()).hexdigest() == loom.WEIGHTS_SHA256
    assert loom.WEIGHTS.stat().st_size <= 8 << 20


def test_changed_weights_are_refused(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "loom.safetensors"
    changed.write_bytes(loom.WEIGHTS.read_bytes()[:-1] + b"\0")
    monkeypatch.setattr(loom, "WEIGHTS", changed)
    with pytest.raises(ValueError, match=r"loom\.safetensors.*install cliploom anew"):
        detector(LoomConfig(), workspace).setup()


def test_other_weights_are_used_and_change_the_stage_key(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "own.safetensors"
    torch.manual_seed(0)
    path.write_bytes(safetensors.torch.save(Loom().state_dict()))
    own, shipped = (
        detector(LoomConfig(weights=str(path)), workspace),
        detector(LoomConfig(), workspace),
    )
    own.setup()
    assert own.fingerprints()["weights"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert own.key() != shipped.key()
    path.write_bytes(safetensors.torch.save(torch.nn.Linear(2, 2).state_dict()))
    with pytest.raises(ValueError, match=r"own\.safetensors: not the weights of the loom network \(76 keys"):
        detector(LoomConfig(weights=str(path)), workspace).setup()
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"own\.safetensors: no readable safetensors file"):
        detector(LoomConfig(weights=str(path)), workspace).setup()
    with pytest.raises(ValueError, match=r"curation\.detect\.weights = .*nowhere"):
        detector(LoomConfig(weights=str(tmp_path / "nowhere")), workspace).key()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_named(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="device = cuda"):
        detector(LoomConfig(device="cuda"), workspace).setup()


def test_weights_that_change_after_the_fingerprint_are_refused(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "transnetv2.pth"
    torch.save(TransNetV2().state_dict(), path)
    stage = detector(TransNetV2Config(weights=str(path)), workspace)
    stage.setup()
    known = stage.fingerprints()["weights"]
    torch.save({"net": TransNetV2().state_dict()}, path)
    with pytest.raises(ValueError, match=rf"transnetv2\.pth: the file changed .*sha256 was {known}, is "):
        stage.setup()


def test_official_layouts_run_from_a_file(tmp_path: Path, workspace: Workspace) -> None:
    """Random weights: what counts is that a checkpoint as it is released goes all the way to shots."""
    make_video(tmp_path / "film.mp4", seed=1, shots=2)
    source = probed(tmp_path / "film.mp4", workspace)
    torch.manual_seed(1)
    torch.save({"net": AutoShot().state_dict()}, tmp_path / "autoshot.pth")
    torch.save(TransNetV2().state_dict(), tmp_path / "transnetv2.pth")
    for config in (
        AutoShotConfig(weights=str(tmp_path / "autoshot.pth")),
        TransNetV2Config(weights=str(tmp_path / "transnetv2.pth")),
    ):
        stage = detector(config, workspace)
        stage.setup()
        shots = list(stage([source]))
        assert shots
        assert all(isinstance(each, Shot) for each in shots)
        assert shots[0].start_frame == 0
    with pytest.raises(ValueError, match="TransNetV2"):
        detector(AutoShotConfig(weights=str(tmp_path / "transnetv2.pth")), workspace).setup()
