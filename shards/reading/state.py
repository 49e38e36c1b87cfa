"""What a reader must remember to go on exactly where it was: a few lines of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shards.reading.errors import ShardError

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class ReaderState:
    """Where a reader is in which stream.

    `slot` is the first global slot not consumed; all fields but it and `substitutes` say which stream
    it is (`num_samples` are those of an epoch). `substitutes` maps the number of a damaged sample to
    the one that is read in its place, so that the stream stays the same when the damage is mended, or
    found by another rank.
    """

    manifest: str
    split: str
    lanes: int
    seed: int
    shuffle: bool
    window: int
    num_samples: int
    slot: int = 0
    substitutes: Mapping[int, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        substitutes = {str(damaged): other for damaged, other in sorted(self.substitutes.items())}
        return {"format": FORMAT, **asdict(self), "substitutes": substitutes}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ReaderState:
        """What `to_dict` gave.

        Raises:
            ShardError: it is not a reader's state, or one of another format.
        """
        if values.get("format") != FORMAT:
            raise ShardError(f"reader state: format is {values.get('format')!r}, expected {FORMAT}")
        try:
            given = {name: value for name, value in values.items() if name != "format"}
            given["substitutes"] = {int(key): int(other) for key, other in values["substitutes"].items()}
            return cls(**given)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ShardError(f"reader state: cannot be used ({error})") from error

    def check_stream(self, saved: ReaderState, *, accept_other_manifest: bool) -> None:
        """Make sure that a saved state is of this stream.

        Raises:
            ShardError: it is of another dataset, or a setting that decides the order differs.
        """
        for name in ("split", "lanes", "seed", "shuffle", "window"):
            ours, theirs = getattr(self, name), getattr(saved, name)
            if ours != theirs:
                raise ShardError(
                    f"saved position has {name} = {theirs!r}, the reader has {ours!r}: the order would "
                    f"differ. Set {name} to {theirs!r}, or start from the beginning."
                )
        if self.manifest != saved.manifest and not accept_other_manifest:
            raise ShardError(
                f"saved position is of manifest {saved.manifest}, the shards have {self.manifest}: the order "
                f"would differ. Point the reader at the shards of the first, or accept the new ones."
            )


def merge_states(states: list[dict[str, Any]]) -> dict[str, Any]:
    """One state of the states that the ranks hold at the same step: substitutes of all of them.

    Raises:
        ShardError: they are of different streams or positions.
    """
    parsed = [ReaderState.from_dict(state) for state in states]
    first = parsed[0]
    for other in parsed[1:]:
        first.check_stream(other, accept_other_manifest=False)
        if other.slot != first.slot:
            raise ShardError(f"ranks are at different slots: {first.slot} and {other.slot}")
    substitutes = {key: value for state in parsed for key, value in state.substitutes.items()}
    return {**first.to_dict(), "substitutes": {str(k): v for k, v in sorted(substitutes.items())}}
