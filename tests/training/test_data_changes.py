"""Training goes on when its data change: weights and sources of a mixture, new generations, new shards."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from pipelines.cli import cli
from shards.format import canonical_json, kept_manifest_path, manifest_version
from tests.training.conftest import tiny_values
from tests.training.shard_set import write_shards
from training.config import TrainConfig
from training.logs.metrics import Note, StepLog
from training.run import train

Tiny = Callable[..., TrainConfig]


def losses(output: str) -> list[float]:
    lines = (Path(output) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def stream(output: str, step: int) -> dict[str, Any]:
    path = Path(output) / "checkpoints" / f"step_{step:08d}" / "state.json"
    found: dict[str, Any] = json.loads(path.read_text())["progress"]["stream"]
    return found


def stop_at(step: int) -> Callable[[StepLog | Note], None]:
    def stop(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    return stop


@pytest.fixture
def mixed(tiny: Tiny, shards: str, videos: dict[str, bytes], tmp_path: Path) -> Callable[..., TrainConfig]:
    other = write_shards(tmp_path / "other", {f"other{key}": videos[key] for key in sorted(videos)[:5]})

    def build(first: float, second: float) -> TrainConfig:
        mixture = {"first": {"urls": shards, "weight": first}, "second": {"urls": other, "weight": second}}
        return tiny(data={"train": None, "mixture": mixture})

    return build


def test_a_mixture_is_resumed_bit_for_bit(mixed: Callable[..., TrainConfig], tmp_path: Path) -> None:
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    train(mixed(2, 1), output=whole)
    train(mixed(2, 1), output=parts, on_log=stop_at(5))
    train(mixed(2, 1), output=parts)
    assert losses(parts) == losses(whole)
    assert stream(parts, 12) == stream(whole, 12)


def test_weights_may_change_in_the_middle_and_it_is_said(
    mixed: Callable[..., TrainConfig], output: str, caplog: pytest.LogCaptureFixture
) -> None:
    train(mixed(2, 1), output=output, on_log=stop_at(5))
    assert train(mixed(0, 1), output=output).step == 12
    assert "change at step 5 (sample 20): {'second': 1.0}" in caplog.text
    state = stream(output, 12)
    assert [segment["from_slot"] for segment in state["segments"]] == [0, 20]
    first, second = (state["sources"][name]["cursor"] for name in ("first", "second"))
    assert first + second == 48
    assert second > 28


def test_new_shards_are_taken_up_when_the_pass_is_finished(
    tiny: Tiny, videos: dict[str, bytes], output: str, tmp_path: Path
) -> None:
    more = videos | {f"more{key}": video for key, video in videos.items()}
    url = write_shards(tmp_path / "growing", videos, per_shard=4)
    train(tiny(data={"train": url}), output=output, on_log=stop_at(3))
    first = stream(output, 3)["passes"][0]["manifest"]
    add_generation(Path(url), Path(write_shards(tmp_path / "more", more)))
    train(tiny(data={"train": url}), output=output, accept_new_shards=True, on_log=stop_at(4))
    passes = stream(output, 4)["passes"]
    assert [one["manifest"] == first for one in passes] == [True, False]
    # Two passes over 10 samples, and then the present one is over 30.
    assert [one["first_slot"] for one in passes] == [0, 20]
    assert train(tiny(data={"train": url}), output=output).step == 12
    assert [one["num_samples"] for one in stream(output, 12)["passes"]] == [30]


def test_a_generation_that_is_committed_while_training_is_read(
    tiny: Tiny, videos: dict[str, bytes], output: str, tmp_path: Path
) -> None:
    url = write_shards(tmp_path / "growing", videos, per_shard=4)
    more = write_shards(tmp_path / "more", {f"new{number}": videos["clip00"] for number in range(6)})

    notes = []

    def commit(event: StepLog | Note) -> None:
        if isinstance(event, Note):
            notes.append(event.text)
        elif event.step == 2:
            add_generation(Path(url), Path(more))

    train(tiny(data={"train": url, "follow": True}), output=output, on_log=commit)
    # At most 8 + 2 * 4 + 4 samples were read when it was committed, and 48 are in the end.
    (present,) = stream(output, 12)["passes"]
    assert present["manifest"] == json.loads((Path(url) / "manifest.json").read_text())["version"]
    assert present["num_samples"] == 16
    assert any("is over new generations: " in note and "(6 samples)" in note for note in notes)


def test_the_command_line_says_follow(tmp_path: Path) -> None:
    config = tmp_path / "train.yaml"
    values = {"train": None, "mixture": {"a": {"urls": "nowhere"}}}
    config.write_text(yaml.safe_dump(tiny_values("x", data=values)))
    done = CliRunner().invoke(cli, ["train", str(config), "--follow"])
    assert done.exit_code == 2
    assert "follow = True: of one data set only" in done.output


def add_generation(folder: Path, other: Path) -> None:
    """Commit the shards of another data set to one as a generation of its own, as a run does."""
    manifest, added = (json.loads((one / "manifest.json").read_text()) for one in (folder, other))
    kept = folder / kept_manifest_path(manifest["version"])
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(canonical_json(manifest))
    (folder / "g1").mkdir()
    entries = added["generations"][0]["splits"]["train"]
    for entry in entries:
        for name in ("path", "index_path"):
            (folder / "g1" / entry[name]).write_bytes((other / entry[name]).read_bytes())
            entry[name] = f"g1/{entry[name]}"
    generations = [*manifest["generations"], {"generation": "g1", "splits": {"train": entries}}]
    body = {"schema_version": 1, "lanes": 64, "generations": generations}
    (folder / "manifest.json").write_text(canonical_json({**body, "version": manifest_version(body)}))
