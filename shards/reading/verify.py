"""Verification of a dataset: every byte, every claim of index and metadata, duplicates, and the splits.

Shards of ours are held to all that they claim; tars of others to what such a set can promise: that it can
be read, that media decode, that samples have captions, and that keys and content are told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from shards.reading.parallel import WorkerDiedError, in_processes
from shards.reading.tars import open_tars
from shards.reading.verify_across import AcrossShards
from shards.reading.verify_sample import Fault
from shards.reading.verify_shard import MAX_NAMED, Problem, ShardReport, check_shard

__all__ = ["Fault", "Problem", "VerifyReport", "verify"]

MAX_PROBLEMS = 10_000
"""Problems of shards that are named, over all of them."""


@dataclass(frozen=True)
class VerifyReport:
    """What was looked at, and what is wrong with it.

    `counts` are all problems by fault; `problems` names the first `MAX_NAMED` of each fault in a shard, and
    across shards, up to `MAX_PROBLEMS` in all. `not_read` are members of others' tars that no reader of ours
    reads, by extension.
    """

    version: str
    num_shards: int
    num_samples: int
    size_bytes: int
    counts: dict[Fault, int]
    problems: tuple[Problem, ...]
    not_read: dict[str, int]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.counts


def verify(
    urls: str | Sequence[str],
    *,
    decode: bool = True,
    workers: int = 0,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> VerifyReport:
    """Check all shards of all splits; with `decode` also that every frame and all sound decode.

    With 0 workers in this process; otherwise one that dies of what it decodes is a problem of its shard.

    Raises:
        ShardError: a URL is refused, or the manifest itself cannot be used.
        FileNotFoundError: there is none.
    """
    found = open_tars(urls)
    counts: Counter[Fault] = Counter()
    not_read: Counter[str] = Counter()
    problems: list[Problem] = []
    num_samples = size_bytes = 0
    with closing(AcrossShards()) as across:
        checked = in_processes(partial(check_shard, decode=decode), found.shards, workers)
        for done, (shard, report) in enumerate(checked, start=1):
            if isinstance(report, WorkerDiedError):
                detail = "the process that checked it died, probably of a member that crashes the decoder"
                report = ShardReport(shard)
                report.add(Fault.WORKER_DIED, None, detail)
            counts.update(report.counts)
            not_read.update(report.not_read)
            problems += report.problems[: max(0, MAX_PROBLEMS - len(problems))]
            num_samples += len(report.facts)
            size_bytes += report.size_bytes
            across.add(shard.url, shard.split, report.facts)
            told(done, len(found.shards))
        between: Counter[Fault] = Counter()
        for problem in across.problems():
            between[problem.fault] += 1
            if between[problem.fault] <= MAX_NAMED and len(problems) < MAX_PROBLEMS + MAX_NAMED:
                problems.append(problem)
        counts.update(between)
    return VerifyReport(
        version=found.version,
        num_shards=len(found.shards),
        num_samples=num_samples,
        size_bytes=size_bytes,
        counts=dict(counts),
        problems=tuple(problems),
        not_read=dict(sorted(not_read.items())),
    )
