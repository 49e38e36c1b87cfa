"""What `cliploom run` says at its end of what the captions are worth."""

from __future__ import annotations

from typing import Any

from pipelines.cli.closing import closing_text
from pipelines.config import PipelineConfig
from pipelines.config_file import validate
from pipelines.run import RunSummary

SUMMARY = RunSummary(
    run_id="r",
    inputs=1,
    sources=1,
    clips=1,
    fused=1,
    samples=1,
    shards=1,
    rejected={},
    seconds=1.0,
    executed=1,
    trained_steps=0,
    rejected_inputs=0,
)
SERVER = {"kind": "urls", "urls": ["http://127.0.0.1:8000/v1"]}
MODEL = {"model": "Qwen/Qwen3-Omni", "revision": "0" * 40, "server": SERVER}


def closing(**captioning: Any) -> str:
    config = validate(PipelineConfig, {"captioning": captioning}, "test.yaml")
    return closing_text(SUMMARY, config, "test.yaml", "RUN")


def test_embedded_captioners_are_said_to_measure_and_others_to_exist() -> None:
    said = closing()
    for words in ("camera", "loudness", "English only and rough", "`kind:` under `captioning:`"):
        assert words in said
    assert "none yet" not in said
    assert max(map(len, said.splitlines())) <= 110


def test_only_the_embedded_ones_are_named() -> None:
    said = closing(video={"kind": "vlm", **MODEL})
    assert "camera" not in said
    assert "loudness" in said
    served = closing(
        video={"kind": "vlm", **MODEL}, audio={"kind": "alm", **MODEL}, speech={"kind": "vllm", **MODEL}
    )
    assert "Embedded" not in served
