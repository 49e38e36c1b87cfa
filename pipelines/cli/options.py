"""Options that several commands share, and loading a config by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pipelines.config import PipelineConfig

F = TypeVar("F", bound=Callable[..., Any])


def set_option(command: F) -> F:
    """`--set a.b=c`, as often as needed."""
    return click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Override a config value, e.g. --set curation.stitch.max_s=20 (repeatable).",
    )(command)


def json_option(help_text: str) -> Callable[[F], F]:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def load_pipeline(config: str, overrides: Sequence[str], output: str) -> PipelineConfig:
    """A pipeline config whose training section, if any, reads the run's own shards.

    Raises:
        ConfigError: the file, a key or a value is not right.
    """
    from pipelines.config import PipelineConfig
    from pipelines.config_file import load_config
    from pipelines.run import with_own_shards

    return load_config(PipelineConfig, config, overrides, lambda values: with_own_shards(values, output))


def saved_pipeline(output: str) -> tuple[PipelineConfig, dict[str, Any]]:
    """The config that a run was last carried out with, and what was saved beside it.

    Raises:
        ConfigError: there is no run at this place.
    """
    import yaml

    from curation.base.storage import Storage
    from pipelines.config import PipelineConfig
    from pipelines.config_file import ConfigError, validate

    storage = Storage(output)
    saved = [name for name in storage.list("runs") if name.endswith(".yaml")]
    if not saved:
        raise ConfigError(
            f"{output}: no run there. Give the folder or URL that was --output of cliploom run."
        )
    values = yaml.safe_load(storage.read_bytes(saved[-1]))
    config = values.pop("config")
    return validate(PipelineConfig, config, storage.uri(saved[-1])), values
