"""Where a caption comes from, written down the same way by every captioner."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from typing import Any

from captioning.records import Provenance, Span
from curation.base.stages import Stage

DISTRIBUTION = "cliploom"
UNKNOWN_VERSION = "0+unknown"
"""Code version of a checkout that was never installed."""


def provenance(
    stage: Stage,
    *,
    model: str,
    revision: str,
    parameters: Mapping[str, Any],
    spans: Sequence[tuple[float, float]],
    prompt: str | None = None,
    prompt_text: str | None = None,
) -> Provenance:
    """The provenance of a text that `stage` wrote.

    `parameters` are plain JSON values; `spans` are the (start_s, end_s) that were looked at, of the
    clip or the source; `prompt` is the prompt's file in the package and `prompt_text` what stood in it.
    """
    return Provenance(
        model=without_folders(model),
        revision=revision,
        prompt=prompt,
        prompt_sha256=None if prompt_text is None else hashlib.sha256(prompt_text.encode()).hexdigest(),
        parameters=canonical_parameters(parameters),
        input_spans=tuple(Span(start_s=start_s, end_s=end_s) for start_s, end_s in spans),
        stage=stage.name,
        stage_version=stage.version,
        stage_key=stage.key(),
        code_version=code_version(),
    )


def canonical_parameters(parameters: Mapping[str, Any]) -> str:
    """Parameters as a provenance holds them: one JSON text for equal ones."""
    return json.dumps(dict(parameters), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def without_folders(model: str) -> str:
    """A name as a hub has it, or the last part of a path: where a file lies does not belong in shards."""
    return model.rstrip("/").rpartition("/")[2] if model.startswith(("/", "./", "../", "~")) else model


@functools.cache
def code_version() -> str:
    """The installed version of Cliploom."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return UNKNOWN_VERSION
