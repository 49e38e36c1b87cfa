"""Where a model is served, as configured."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from captioning.serve.config import ServerConfig, VllmConfig

SERVER: TypeAdapter[Any] = TypeAdapter(ServerConfig)


def test_copies_share_out_gpus_in_order() -> None:
    config = VllmConfig.model_validate({"engine": {"replicas": 2, "gpus_per_replica": 2}})
    assert [config.gpus_of(0), config.gpus_of(1)] == [(0, 1), (2, 3)]
    named = VllmConfig.model_validate(
        {"engine": {"replicas": 2, "gpus_per_replica": 2}, "gpus": [7, 6, 1, 0]}
    )
    assert [named.gpus_of(0), named.gpus_of(1)] == [(7, 6), (1, 0)]
    assert VllmConfig.model_validate({"engine": {"gpus_per_replica": 0}}).gpus_of(0) == ()


@pytest.mark.parametrize("gpus", [[0], [0, 0], [0, 1, 2], [0, -1]])
def test_gpus_must_be_as_many_as_the_copies_take(gpus: list[int]) -> None:
    with pytest.raises(ValidationError, match="gpus"):
        VllmConfig.model_validate({"engine": {"replicas": 2}, "gpus": gpus})


def test_how_a_model_is_held_and_where_does_not_change_what_it_says_but_quantisation_does() -> None:
    plain = SERVER.validate_python({"kind": "vllm"}).semantic()
    moved = {"kind": "vllm", "python": "/opt/vllm/bin/python", "gpus": [3], "engine": {"max_num_seqs": 7}}
    assert SERVER.validate_python(moved).semantic() == plain
    other = SERVER.validate_python({"kind": "vllm", "engine": {"quantization": "fp8"}}).semantic()
    assert other != plain
