"""What the checks' verdicts depend on, as hashes: WordNet, the hand-made lists, the rules."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from captioning.fusion.lexicon.wordnet import FOLDER as LEXICON

_CHECKS = Path(__file__).resolve().parent


@functools.cache
def checks_fingerprints() -> Mapping[str, str]:
    """sha256 of `wordnet`, `words` and `rules` (the source of this package and of the lexicon)."""
    rules = (path for folder in (_CHECKS, LEXICON) for path in folder.glob("*.py"))
    return {
        "wordnet": _digest(LEXICON.glob("*.arrow")),
        "words": _digest((LEXICON / "words").glob("*.txt")),
        "rules": _digest(path for path in rules if path.name != "build_wordnet.py"),
    }


def _digest(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
