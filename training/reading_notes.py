"""What the reader decides while training runs, told to the user."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOGGER = "shards.reading.pass_plan"
"""Tells when a pass is over shards that are new."""


@contextmanager
def telling(tell: Callable[[str], None]) -> Iterator[None]:
    """While it lasts, `tell` gets a sentence whenever the stream takes up new shards."""
    logger, handler = logging.getLogger(LOGGER), _Handler(tell)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
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
