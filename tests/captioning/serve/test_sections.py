"""Sections of a config that ask a model server."""

from __future__ import annotations

from pydantic import Field

from captioning.client.config import UrlsConfig
from captioning.client.requests import Model
from captioning.serve.config import VllmConfig
from captioning.serve.sections import pretrained_sections, served_sections, with_urls
from captioning.served import ServedModelConfig
from curation.base.config import Config
from pipelines.config import PipelineConfig


class Fusion(ServedModelConfig):
    entailment: ServedModelConfig | None = None


class Captioning(Config):
    video: ServedModelConfig
    fusion: Fusion
    plain: Config = Field(Config())


class Pipeline(Config):
    captioning: Captioning


VLLM = {"kind": "vllm"}
CONFIG = Pipeline.model_validate(
    {
        "captioning": {
            "video": {"model": "v", "revision": "1", "quantization": "fp8", "server": VLLM},
            "fusion": {
                "model": "f",
                "revision": "2",
                "server": {"kind": "urls", "urls": ["http://h/v1"]},
                "entailment": {"model": "e", "revision": "3", "server": VLLM},
            },
        }
    }
)


def test_each_is_found_with_its_model_and_path() -> None:
    assert served_sections(CONFIG) == {
        "captioning.video": (VllmConfig(), Model("v", "1", "fp8")),
        "captioning.fusion": (UrlsConfig(urls=("http://h/v1",)), Model("f", "2")),
        "captioning.fusion.entailment": (VllmConfig(), Model("e", "3")),
    }


def test_running_servers_take_their_place_and_stage_keys_stay() -> None:
    video, judge = UrlsConfig(urls=("http://v/v1",)), UrlsConfig(urls=("http://e/v1",))
    running = with_urls(CONFIG, {"captioning.video": video, "captioning.fusion.entailment": judge})
    assert {path: server for path, (server, _) in served_sections(running).items()} == {
        "captioning.video": video,
        "captioning.fusion": UrlsConfig(urls=("http://h/v1",)),
        "captioning.fusion.entailment": judge,
    }
    assert running.semantic() == CONFIG.semantic()
    assert Pipeline.model_validate(running.model_dump()) == running


def test_models_of_the_hub_that_stages_load_are_found_by_section() -> None:
    config = PipelineConfig.model_validate(
        {
            "captioning": {
                "gates": {"similarity": {"model": "openai/clip-vit-base-patch32", "revision": "a" * 40}}
            }
        }
    )
    assert pretrained_sections(config) == {
        "captioning.gates.similarity": Model("openai/clip-vit-base-patch32", "a" * 40)
    }
    assert pretrained_sections(PipelineConfig()) == {}
