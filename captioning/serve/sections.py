"""Finds the sections of a config that ask a model server, and names running servers in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from captioning.client.config import UrlsConfig
from captioning.client.requests import Model
from captioning.serve.config import RayServeConfig, ServerConfig, VllmConfig
from curation.base.config import Config
from curation.pretrained import PretrainedConfig

Section = TypeVar("Section", bound=Config)


def served_sections(config: Config, path: str = "") -> dict[str, tuple[ServerConfig, Model]]:
    """The server and model of each section below a config, by the section's path, e.g. captioning.video."""
    found: dict[str, tuple[ServerConfig, Model]] = {}
    server = getattr(config, "server", None)
    if isinstance(server, UrlsConfig | VllmConfig | RayServeConfig):
        found[path] = (server, getattr(config, "asked"))  # noqa: B009
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Config):
            found |= served_sections(value, f"{path}.{name}" if path else name)
    return found


def pretrained_sections(config: Config, path: str = "") -> dict[str, Model]:
    """The models of the hub that stages load themselves, by the path of their section."""
    found: dict[str, Model] = {}
    if isinstance(config, PretrainedConfig) and config.revision is not None:
        found[path] = Model(config.model, config.revision)
    for name in type(config).model_fields:
        value = getattr(config, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Config):
                found |= pretrained_sections(each, f"{path}.{name}" if path else name)
    return found


def with_urls(config: Section, urls: Mapping[str, UrlsConfig], path: str = "") -> Section:
    """The config with the servers of the sections named replaced; nothing in a stage's key changes."""
    changed: dict[str, Config] = {}
    for name in type(config).model_fields:
        value, below = getattr(config, name), f"{path}.{name}" if path else name
        if isinstance(value, Config):
            changed[name] = with_urls(value, urls, below)
    if path in urls:
        changed["server"] = urls[path]
    return config.model_copy(update=changed) if changed else config
