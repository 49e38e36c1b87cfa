"""Whether a run may go on from a checkpoint: only what would give the same run is let through."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.checkpoints.state import SavedState, Setting

if TYPE_CHECKING:
    from training.config import TrainConfig


class ConfigChangedError(ValueError):
    """The output was trained with another config."""


def semantic_config(config: TrainConfig) -> dict[str, Any]:
    """The fields that decide what comes out, as they look once they were JSON."""
    values: dict[str, Any] = json.loads(json.dumps(config.semantic()))
    return values


def config_hash(config: TrainConfig) -> str:
    """Hash of the fields that decide what comes out (16 hex digits)."""
    text = json.dumps(semantic_config(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_same_config(saved: SavedState, config: TrainConfig, output: Path) -> None:
    """Refuse to continue with other settings; those that only say where or how fast may change.

    Raises:
        ConfigChangedError: with each key, the old and the new value.
    """
    lines = list(_differences(saved.config, semantic_config(config)))
    if lines:
        raise ConfigChangedError(
            f"{output} was trained to step {saved.progress.step} with another config: {'; '.join(lines)}. "
            "Set these back to continue, or choose another output folder."
        )


def what_bends(saved: Setting, now: Setting) -> str | None:
    """A sentence on what differs from the run that wrote a checkpoint and changes the last bits; None if
    nothing does."""
    before, after = asdict(saved), asdict(now)
    differing = [f"{name} {old} (now {after[name]})" for name, old in before.items() if old != after[name]]
    if not differing:
        return None
    return (
        f"The checkpoint was trained with {', '.join(differing)}: losses will agree, but not to the last bit."
    )


def _differences(saved: Any, now: Any, key: str = "") -> Iterator[str]:
    if isinstance(saved, Mapping) and isinstance(now, Mapping):
        for name in [*saved, *(name for name in now if name not in saved)]:
            yield from _differences(saved.get(name), now.get(name), f"{key}.{name}" if key else name)
    elif saved != now:
        yield f"{key} = {json.dumps(saved)} in the checkpoint, {json.dumps(now)} now"
