"""What is decided and found out while training runs, told to the user."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOGGERS = ("shards.reading.pass_plan", "training.objectives.target_cache")
"""The first tells when a pass is over shards that are new, the second how often teachers had to look."""


@contextmanager
def telling(tell: Callable[[str], None]) -> Iterator[None]:
    """While it lasts, `tell` gets a sentence of each message of `LOGGERS`."""
    handler = _Handler(tell)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
            logger.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a message on."""
        text = record.getMessage()
        self._tell(f"{text[:1].upper()}{text[1:]}.")
