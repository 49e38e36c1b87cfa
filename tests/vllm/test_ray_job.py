"""A run submitted as a Ray job, with its videos and itself on S3, on servers that run already."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from captioning.records import Wording
from curation.base.storage import Storage
from pipelines.config import PipelineConfig
from tests.s3 import ENVIRONMENT, s3_server
from tests.vllm.captioned import RANDOM, check_captions, make_films, open_view, settings
from tests.vllm.conftest import START_S, Running
from tests.vllm.ray_head import COMMANDS, ray_head, submit

pytest.importorskip("ray", reason="the 'ray' extra is not installed")


def test_a_job_on_ray_captions_videos_on_s3(
    vision_server: Running, text_server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [server.urls.model_dump(mode="json") for server in (vision_server, text_server)]
    values = settings(vision_server.model, urls[0], text_server.model, urls[1], **RANDOM)
    values["execution"] = {"executor": "ray", "scratch": str(tmp_path / "scratch")}
    config = tmp_path / "captioned.yaml"
    config.write_text(json.dumps(values))
    keys = {str(server.urls.api_key_env): server.key for server in (vision_server, text_server)}
    films = make_films(tmp_path / "films", 1)
    with monkeypatch.context() as without_keys:
        # The job must have them from its own environment.
        for name in keys:
            without_keys.delenv(name)
        with ray_head(num_cpus=8) as dashboard, s3_server("cliploom-job") as bucket:
            for path in films.iterdir():
                Storage(f"{bucket}/films").write_bytes(path.name, path.read_bytes())
            arguments = ("--input", f"{bucket}/films", "--output", f"{bucket}/run", "--json")
            job = submit(
                dashboard,
                [str(COMMANDS / "cliploom"), "run", str(config), *arguments],
                {**keys, **s3_environment()},
                tmp_path,
                START_S,
            )
            assert job.returncode == 0, job.stdout[-3000:] + job.stderr[-3000:]
            assert "succeeded" in job.stdout
            summary = summary_in(job.stdout)
            assert summary["sources"] == 1
            assert summary["postponed"] == []
            print(f"the job's run took {summary['seconds']} s")
            view = open_view(PipelineConfig.model_validate(values), f"{bucket}/run")
            print(dict(check_captions(view, Wording.JOINED_INSTEAD)))


def s3_environment() -> dict[str, str]:
    """What `s3_server` has set in this process."""
    names = (*ENVIRONMENT, "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    return {name: os.environ[name] for name in names}


def summary_in(printed: str) -> dict[str, object]:
    """The run's summary among the lines that a job printed."""
    (line,) = [line for line in printed.splitlines() if line.startswith('{"run_id"')]
    summary: dict[str, object] = json.loads(line)
    return summary
