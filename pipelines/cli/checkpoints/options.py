"""What the commands on checkpoints share: options for what tensors do not tell, and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from pipelines.cli.messages import WorkFailed, user_errors

F = TypeVar("F", bound=Callable[..., Any])


def hint_options(command: F) -> F:
    """`--heads`, `--file-frames` and `--ignore`."""
    for option in (
        click.option(
            "--ignore",
            "ignored",
            metavar="NAME",
            multiple=True,
            help="Leave out objects of this class that the file holds beside its tensors, as the error named "
            "them (repeatable). They are neither imported nor run.",
        ),
        click.option(
            "--file-frames",
            type=click.IntRange(1, 256),
            help="Frames that the file's positions are of, where shapes do not tell.",
        ),
        click.option(
            "--heads",
            type=click.IntRange(1, 128),
            help="Attention heads, where the width is none of InternVideo2's.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def checkpoint_errors() -> Iterator[None]:
    """Report a bad checkpoint as failed work, what `user_errors` knows as it does."""
    from training.released.errors import (
        CheckpointFileError,
        CheckpointMismatchError,
        NoCheckpointError,
    )

    with user_errors():
        try:
            yield
        except NoCheckpointError:
            raise
        except (CheckpointFileError, CheckpointMismatchError) as error:
            raise WorkFailed(str(error)) from None
