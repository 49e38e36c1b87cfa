"""The one command. Each subcommand lives in its own file and is imported when it is called for."""

from __future__ import annotations

import importlib
import keyword
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

DONE, FAILED, USAGE, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 130

GROUPS: dict[str, dict[str, str]] = {
    "Data": {
        "plan": "Check a config and say what a run would do.",
        "run": "Bring a run up to date: segment, caption, fuse, pack, train.",
        "status": "Say how far a run is.",
        "retry": "Try rejected inputs of a run again.",
        "tables": "Show or query the tables of a run.",
        "captions": "Print what is said of a clip, claim by claim, and where it comes from.",
        "segment": "Find the shots of video files; split them, or write a contact sheet or an EDL.",
    },
    "Shards": {"shards": "Verify, index, repack, import, describe and compare shards."},
    "Training": {
        "train": "Train from shard URLs.",
        "checkpoints": "Inspect and convert released and trained checkpoints.",
    },
    "Care": {
        "doctor": "Check this machine, and the storage a run would use.",
        "schema": "Print the JSON Schema of a config file.",
    },
}


class LazyGroup(click.Group):
    """A group that lists its commands without importing them: `sections` are their short helps by title,
    and each lies in the file of its name below `package`."""

    def __init__(
        self, *args: Any, package: str, sections: Mapping[str, Mapping[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self._sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the help."""
        return [name for commands in self._sections.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        file = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command = importlib.import_module(f"{self._package}.{file}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by the kind of work they serve."""
        for title, commands in self._sections.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"cliploom {version('cliploom')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    package="pipelines.cli",
    sections=GROUPS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)
def cli() -> None:
    """Raw video to captioned clips, WebDataset shards and trained models.

    Exit codes: 0 done, 1 work failed, 2 bad usage or config, 3 done but more inputs were rejected than
    tolerated, 130 interrupted. Running the same command again continues where it stopped.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: runs the command and turns users' mistakes into one message without a traceback."""
    try:
        result: Any = cli.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="cliploom",
            standalone_mode=False,
        )
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted: run the same command again to continue", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has seen enough.
        sys.stderr.close()
        code = FAILED
    else:
        code = result if isinstance(result, int) else DONE
    sys.exit(code)
