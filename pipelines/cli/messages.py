"""Turning users' mistakes into one message and the right exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from pipelines.cli import FAILED, USAGE

STORAGE_CLIENTS = ("aiobotocore", "botocore", "gcsfs", "google")


class BadUsage(click.ClickException):
    """A mistake in the command or the config."""

    exit_code = USAGE

    def show(self, file: object = None) -> None:
        """Print the message on stderr."""
        click.echo(f"cliploom: {self.message}", err=True)


class WorkFailed(BadUsage):
    """The command was right; the work failed."""

    exit_code = FAILED


@contextmanager
def user_errors() -> Iterator[None]:
    """Report a `ValueError` (a user's mistake) as bad usage, what stands in the way as failed work.

    Anything else is a programming error and keeps its traceback.
    """
    import sqlite3

    from deltalake.exceptions import DeltaError

    from captioning.serve.server import ServerFailed
    from curation.base.lease import LeaseTaken
    from shards.reading.errors import DamagedSampleError, TooManyDamagedError
    from training.errors import NonFiniteLossError

    try:
        yield
    except (
        LeaseTaken,
        ServerFailed,
        DamagedSampleError,
        TooManyDamagedError,
        NonFiniteLossError,
        DeltaError,
    ) as error:
        raise WorkFailed(str(error)) from None
    except sqlite3.OperationalError as error:
        raise WorkFailed(f"what is kept on disk meanwhile cannot be written: {error}") from None
    except ValueError as error:
        raise BadUsage(str(error)) from None
    except FileNotFoundError as error:
        if error.errno is None:
            # Raised by our own code, with a sentence, for a place that the user named.
            raise BadUsage(str(error)) from None
        raise WorkFailed(f"{error.filename}: {error.strerror}") from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise WorkFailed(f"{place}{error.strerror or error}") from None
    except Exception as error:
        # Clients of object stores have errors of their own, which nobody should have to import.
        if type(error).__module__.partition(".")[0] not in STORAGE_CLIENTS:
            raise
        raise WorkFailed(
            f"the storage refused: {error}. Check the URL, the credentials and the network "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL for s3://)."
        ) from None
