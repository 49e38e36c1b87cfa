"""Whether `import training` and the like find this project's packages, however Python is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

PACKAGES = ("curation", "captioning", "shards", "training", "pipelines")
DISTRIBUTION = "cliploom"
OURS = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Shadow:
    """A package or module of someone else's that one of our names leads to.

    It does in this process if `now`; else in one started with `python -m` or `torchrun -m` in the working
    directory, or by a script there.
    """

    path: Path
    now: bool


def other_owners(package: str) -> list[str]:
    """Other installed distributions that own a package of this name."""
    owners = metadata.packages_distributions().get(package, [])
    return sorted({name for name in owners if name.lower() != DISTRIBUTION})


def shadow_of(package: str) -> Shadow | None:
    """What is, or would be, imported instead of a package of ours; None where nothing is.

    The command `cliploom` does not look for packages in the working directory; `python -m` does. So that
    folder is looked at in either case.
    """
    for search_path, now in ((sys.path, True), ([os.getcwd()], False)):
        found = _first(package, search_path)
        if found is not None and found != OURS / package:
            return Shadow(found, now)
    return None


def _first(package: str, search_path: Sequence[str]) -> Path | None:
    """What an import would take. A folder without `__init__.py` never wins over a package, so it is none."""
    spec = PathFinder.find_spec(package, [folder or os.getcwd() for folder in search_path])
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin
