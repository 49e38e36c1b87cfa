"""The same run on this machine and on a Ray cluster with inputs and run on S3: the same shards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from curation.base.storage import Storage
from tests.footage import make_folder
from tests.pipelines.runs import cliploom, run_arguments, shard_hashes
from tests.ray_cluster import two_nodes
from tests.s3 import s3_server

pytest.importorskip("ray", reason="the 'ray' extra is not installed")
pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_two_ray_nodes_on_s3_write_the_shards_of_a_local_run(tmp_path: Path) -> None:
    footage = make_folder(tmp_path / "videos", 3)
    (footage / "broken.mp4").write_bytes(b"\0" * 4096)
    local = cliploom(*run_arguments(footage, tmp_path / "run"), "--set", "execution.tolerance=1")
    assert local.code == 0, local.stderr
    with s3_server("cliploom-ray") as bucket:
        for path in footage.iterdir():
            Storage(f"{bucket}/videos").write_bytes(path.name, path.read_bytes())
        scratch = tmp_path / "scratch"
        with two_nodes() as cluster:
            environment = {**os.environ, "RAY_ADDRESS": cluster.address}
            arguments = (
                *run_arguments(f"{bucket}/videos", f"{bucket}/run", "--executor", "ray"),
                "--set", f"execution.scratch={scratch}", "--set", "execution.tolerance=1",
            )  # fmt: skip
            remote = cliploom(*arguments, environment=environment)
            assert remote.code == 0, remote.stderr
            again = cliploom(*arguments, environment=environment)
            assert again.summary["executed"] == 0
        counted = ("inputs", "sources", "clips", "fused", "samples", "shards", "rejected")
        assert {n: remote.summary[n] for n in counted} == {n: local.summary[n] for n in counted}
        assert local.summary["rejected"] == {"not_media": 1}
        assert shard_hashes(f"{bucket}/run") == shard_hashes(tmp_path / "run")
        assert len(list(scratch.glob("cliploom-node-*"))) == 2, "each node has scratch of its own"
        status = cliploom("status", f"{bucket}/run")
        assert "not_media 1" in status.stdout
        verified = cliploom("shards", "verify", f"{bucket}/run/shards")
        assert verified.code == 0, verified.stdout
