"""What `--help` prints, for every command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from docs.generator.markdown import HEAD
from pipelines.cli import cli

WIDTH = 100


def cli_page() -> str:
    """The page."""
    lines = [HEAD, "# Commands\n", "What `--help` prints.\n"]
    for path, text in _helps(cli, None, "cliploom"):
        lines += [f"## {path}\n", "```text", text, "```\n"]
    return "\n".join(lines)


def _helps(command: click.Command, parent: click.Context | None, name: str) -> Iterator[tuple[str, str]]:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from _helps(found, context, below)
