"""Following a data set that grows: each pass is over what the ones before have not read.

At the end of a pass the manifest is read again. The next pass is over the generations that are new in
it; where there are none, over everything that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shards.reading.errors import ShardError
from shards.reading.manifest import ShardList, as_urls, open_shards, open_version

Agree = Callable[[int, str], str]
"""Given the number of a pass and the manifest's version as one rank sees it, the version that all ranks
take for this pass: for example the one that reached a store first."""


class Follower:
    """Looks for new generations of one data set, together with the other ranks.

    Raises:
        ShardError: there is more than one URL, or it is of tars, or several ranks have no way to agree.
    """

    def __init__(self, urls: str | Sequence[str], *, num_ranks: int, agree: Agree | None) -> None:
        given = as_urls(urls)
        if len(given) > 1 or given[0].endswith(".tar"):
            raise ShardError(
                f"{', '.join(given)}: to follow a growing data set give one folder of shards, or its manifest"
            )
        if num_ranks > 1 and agree is None:
            raise ShardError(
                f"{num_ranks} ranks follow a growing data set, and each might see another version of it: "
                "give `agree`, which tells them one version for each pass"
            )
        self._urls = given
        self._agree = agree

    @property
    def decides_alone(self) -> bool:
        """Whether another process might take another version."""
        return self._agree is None

    def newest(self, pass_number: int) -> ShardList:
        """The data set that a pass is chosen from.

        Raises:
            ShardError: the manifest cannot be used, or the version agreed on is not there.
            FileNotFoundError: there is none any more.
        """
        seen = open_shards(self._urls)
        if self._agree is None:
            return seen
        version = self._agree(pass_number, seen.version)
        return open_version(self._urls, seen, (version,))


def unread_generations(newest: ShardList, read: ShardList, split: str) -> tuple[str, ...]:
    """The generations with samples in a split that an earlier version does not have."""
    before = set(read.generations(split))
    return tuple(generation for generation in newest.generations(split) if generation not in before)
