"""Runs of the DAG that waits for a server, and what its diary says of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.engine import asking
from tests.engine.test_engine import Toy

FOREVER_S = 240.0
"""A wait that no test sits out: what ends within half of it was ended."""


@dataclass(frozen=True)
class Event:
    """A line of the diary."""

    kind: str
    text: str
    process: int
    at_s: float


class Asking(Toy):
    """Runs on so many text files `0000.txt`, `0001.txt`… that each hold a text of their own."""

    module: ModuleType = asking
    workers = 1

    def __init__(self, root: Path, num_units: int) -> None:
        root.mkdir(exist_ok=True)
        super().__init__(root)
        for number in range(num_units):
            self.write(f"{number:04}.txt", f"text-{number}")

    def beside(self, root: Path) -> Asking:
        """Another run on the same files."""
        other = Asking(root, 0)
        other.inputs = self.inputs
        return other

    def events(self, kind: str) -> list[Event]:
        path = asking.diary(self.run_url)
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [
            Event(event, text, int(process), float(at_s))
            for event, text, process, at_s in lines
            if event == kind
        ]

    def span_s(self) -> float:
        """From the first question to the last answer."""
        return self.events("end")[-1].at_s - self.events("begin")[0].at_s

    def most_at_once(self) -> int:
        """How many questions were out at the busiest moment."""
        changes = [(event.at_s, 1) for event in self.events("begin")]
        changes += [(event.at_s, -1) for event in self.events("end")]
        out = most = 0
        for _, change in sorted(changes):
            out += change
            most = max(most, out)
        return most

    def told(self) -> list[str]:
        """What the last stage put out, sorted."""
        return sorted(self.view().records("tell").column("shape").to_pylist())

    def digests(self) -> dict[tuple[str, str], str]:
        """The output digest of each stage and unit."""
        view = self.view()
        return {(row.stage, row.unit): row.output_digest for name in view.keys for row in view.rows(name)}

    def deaths(self) -> list[str]:
        """The stages and units whose process died, from the run's logs."""
        logs = (Path(self.run_url) / "logs").glob("*.jsonl")
        lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
        return [line["unit"] for line in lines if line["event"] == "died"]
