"""Where a model is served, as configured."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from captioning.client.config import TrafficConfig, UrlsConfig
from captioning.client.requests import ChatRequest, Text
from captioning.serve.config import RayServeConfig, ServerConfig, VllmConfig, units_in_flight
from captioning.video.vlm import VlmConfig

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
    plain = VlmConfig.model_validate(captioner({"kind": "vllm"}))
    moved = {"kind": "vllm", "python": "/opt/vllm/bin/python", "gpus": [3], "engine": {"max_num_seqs": 7}}
    assert VlmConfig.model_validate(captioner(moved)).semantic() == plain.semantic()
    eight_bit = VlmConfig.model_validate(captioner({"kind": "vllm"}) | {"quantization": "fp8"})
    assert eight_bit.semantic() != plain.semantic()
    assert asking(eight_bit).digest != asking(plain).digest


def test_units_in_flight_follow_from_how_much_servers_take() -> None:
    urls = tuple(f"http://h{number}/v1" for number in range(2))
    assert units_in_flight(UrlsConfig(urls=urls)) == 128
    assert units_in_flight(UrlsConfig(urls=urls[:1], traffic=TrafficConfig(max_in_flight=1))) == 16
    copies = {"engine": {"replicas": 3}, "traffic": {"max_in_flight": 50}}
    assert units_in_flight(VllmConfig.model_validate(copies)) == 150
    assert units_in_flight(RayServeConfig.model_validate(copies | {"traffic": {"max_in_flight": 900}})) == 256


def captioner(server: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "vlm", "model": "/models/m", "revision": "mine", "server": server}


def asking(config: VlmConfig) -> ChatRequest:
    return ChatRequest(config.asked, (Text("what?"),), config.sampling)
