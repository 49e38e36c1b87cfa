"""Answers that were given before: a request whose digest is known needs no server."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from urllib.parse import quote

from captioning.client.unit_responses import UnitResponses
from curation.base.storage import Storage

UNITS_HELD = 64
"""Units whose answers stay in memory; the one used longest ago goes first."""


class Responses:
    """Answers by request digest, in a few Parquet files per unit below a folder of a storage.

    The folder may be one of another run's, or shared by several: what is in it is decided by the requests
    alone, and writers never touch each other's files. Thread-safe.
    """

    def __init__(self, storage: Storage, folder: str = "responses") -> None:
        self._storage = storage
        self._folder = folder
        self._lock = Lock()
        self._units: OrderedDict[str, UnitResponses] = OrderedDict()

    def unit(self, unit: str) -> UnitResponses:
        """The answers of a unit (a video_id); they are read once."""
        with self._lock:
            found = self._units.get(unit)
            if found is None:
                folder = f"{self._folder}/unit={quote(unit, safe='')}"
                found = self._units[unit] = UnitResponses(self._storage, folder)
            self._units.move_to_end(unit)
            while len(self._units) > UNITS_HELD:
                self._units.popitem(last=False)
        return found
