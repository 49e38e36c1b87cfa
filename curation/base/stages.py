"""The contract of a stage. A stage is one class with one method and knows of no executor.

`Map` turns each record into any number of others, `Join` brings records of several stages together
by a key, `Reduce` reads a snapshot of whole tables behind a barrier. All of them yield their output
records or `Rejected`, may run twice on the same input, and import what is heavy in `setup`.

Four kinds of fault, kept apart: bad data is yielded as `Rejected`; a passing fault (network,
server, disk) raises `Retry` and is never committed as a reject; a user's mistake that shows only in a
worker raises `Misconfigured` and ends the run with its message; a programming error propagates.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import pyarrow as pa

from curation.base.config import Config
from curation.base.records import Record
from curation.base.rejects import Rejected

In = TypeVar("In", bound=Record)
Out = TypeVar("Out", bound=Record)


class Retry(Exception):
    """A passing fault: the unit stays pending and is tried again later."""


class WaitedOut(Retry):
    """A passing fault that the stage has waited for as long as it may, such as servers that are gone: the
    unit stays pending, and this run does not try it again."""


class Misconfigured(ValueError):
    """A user's mistake that shows only once a stage works, such as a refused API key: the run ends with
    the message, which says what to do, and what was done stands."""


@dataclass(frozen=True)
class Resources:
    """What one call of a stage occupies on a machine; `batch_size` is records per call.

    `units_in_flight` above 1 is for a stage that waits for servers: one process has up to so many units
    in hand at once, each in a thread of its own, so `__call__` must be thread-safe after `setup`. A unit may
    hold a single record, so it takes about as many units as the servers take requests to keep them busy.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 512 << 20
    batch_size: int = 64
    units_in_flight: int = 1

    @property
    def waits(self) -> bool:
        """Whether the stage mostly waits for servers, so that its calls overlap."""
        return self.units_in_flight > 1


class Stage(ABC):
    """What all stages share. `name` is the stage's place in ledgers and messages; `version` goes up
    whenever the same input would give other output."""

    name: ClassVar[str]
    version: ClassVar[str]
    output: ClassVar[type[Record]]
    resources: ClassVar[Resources] = Resources()

    config: Config

    def setup(self) -> None:  # noqa: B027 - most stages have nothing to set up
        """Load models and heavy imports; called once per worker before the first batch.

        Raises:
            ValueError: a user's mistake, such as weights that are not there: as `Misconfigured`.
        """

    def fingerprints(self) -> Mapping[str, str]:
        """Versions or hashes of the weights, prompts and binaries that shape the output."""
        return {}

    def key(self) -> str:
        """The stage key (16 hex digits): what, besides its input, decides what comes out."""
        return stage_key(self.name, self.version, self.config, self.fingerprints())


def stage_key(name: str, version: str, config: Config, fingerprints: Mapping[str, str]) -> str:
    """Hash of a stage's name, version, semantic config fields and fingerprints (16 hex digits)."""
    text = json.dumps([name, version, config.semantic(), dict(fingerprints)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Map(Stage, Generic[In, Out]):
    """1 -> N: each input record is the parent of at least one output or reject."""

    input: ClassVar[type[Record]]

    @abstractmethod
    def __call__(self, batch: Sequence[In]) -> Iterator[Out | Rejected]:
        """Process a batch of records of one unit."""


@dataclass(frozen=True)
class Group:
    """The records that share a key, by input name."""

    key: str
    records: Mapping[str, Sequence[Any]]

    def all(self, name: str) -> Sequence[Any]:
        """Every record of an input."""
        return self.records.get(name, ())

    def one(self, name: str) -> Any:
        """The only record of an input.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = self.all(name)
        if len(found) != 1:
            raise LookupError(f"{len(found)} records of '{name}' for key {self.key}, expected 1")
        return found[0]


class Join(Stage, Generic[Out]):
    """N x M -> K by key. The first of `inputs` is the primary one: each of its records is the parent
    of at least one output or reject. `on` names the field that holds the key in every input."""

    inputs: ClassVar[Mapping[str, type[Record]]]
    on: ClassVar[str]

    @abstractmethod
    def __call__(self, batch: Sequence[Group]) -> Iterator[Out | Rejected]:
        """Process groups of records of one unit."""


class Snapshot(ABC):
    """Whole tables as they stand behind a barrier."""

    @abstractmethod
    def table(self, name: str) -> pa.Table:
        """All committed records of an input, sorted by record id, without bookkeeping columns."""

    @abstractmethod
    def arrival(self, name: str) -> pa.Array:
        """For each record of `table(name)` the place (an integer) of the unit that it came in: lower ones
        were discovered earlier."""

    @abstractmethod
    def previous(self) -> pa.Table | None:
        """What this stage last put out, under whatever key; None before its first commit."""


class Reduce(Stage, Generic[Out]):
    """A whole table -> another. `accounts_for` names the input whose every record must be the parent
    of an output or a reject; None for a stage that only remarks on some records. A stage that
    `publishes` also writes a file that must be what its newest result says: it is called again when an
    earlier result counts again."""

    inputs: ClassVar[Mapping[str, type[Record]]]
    accounts_for: ClassVar[str | None] = None
    publishes: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, snapshot: Snapshot) -> Iterator[Out | Rejected]:
        """Process a snapshot."""
