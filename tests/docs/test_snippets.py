"""Commands and configs that a page shows are ones that Cliploom takes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from pipelines.cli import cli
from pipelines.cli.options import load_pipeline
from pipelines.config import PipelineConfig
from pipelines.config_file import load_config, validate
from tests.docs.pages import ROOT, Page, command_lines, pages
from training.config import TrainConfig

SHELL_MARKS = {">", "|", "&&", ";"}
every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.path)


@every_page
def test_commands_parse(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for line in command_lines(page, "cliploom"):
        words = shlex.split(line, comments=True)[1:]
        marks = [number for number, word in enumerate(words) if word in SHELL_MARKS]
        arguments = words[: marks[0]] if marks else words
        try:
            name, values = _parse(arguments)
        except click.MissingParameter:
            assert f"`{line}`" in page.prose, f"{page.path}: {line}: something is missing"
            continue
        except click.UsageError as error:
            pytest.fail(f"{page.path}: {line}: {error.format_message()}")
        _check_config(name, values)


def test_a_wrong_command_would_be_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        _parse(["status", "RUN", "--jsn"])
    with pytest.raises(click.UsageError, match="No such command"):
        _parse(["shards", "heads", "RUN"])
    with pytest.raises(ValueError, match="no such key"):
        _check_config(
            "run",
            _parse(["run", "examples/quickstart.yaml", "--input", "A", "--output", "B", "--set", "a=1"])[1],
        )


@every_page
def test_configs_are_valid(page: Page) -> None:
    for block in page.blocks("yaml"):
        validate(PipelineConfig, yaml.safe_load(block), page.path)


def test_some_commands_and_configs_are_shown() -> None:
    assert sum(len(list(command_lines(page, "cliploom"))) for page in pages()) > 30
    assert any(page.blocks("yaml") for page in pages())


def _parse(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """The last command of a line and the values of its options; nothing is run."""
    command: click.Command = cli
    context, rest, name = None, arguments, "cliploom"
    while True:
        context = command.make_context(name, list(rest), parent=context)
        if not isinstance(command, click.Group):
            return name, context.params
        found, below, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        assert below is not None
        name, command = found, below


def _check_config(name: str, values: dict[str, Any]) -> None:
    """That the keys of --set exist, where the config is one of the project's own."""
    config = values.get("config")
    if config is None or not Path(ROOT, config).is_file():
        return
    if name == "train":
        load_config(TrainConfig, str(ROOT / config), values["overrides"])
    else:
        load_pipeline(str(ROOT / config), values["overrides"], values["output"])
