"""Which language a text is in."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Mapping
from typing import Any

from curation.base.records import round_score

_LIKELY = 0.5


def language_of(text: str) -> tuple[str, float]:
    """The likeliest language (ISO 639-1) of a text among 97, and how probable it is (0..1)."""
    code, probability = _identifier().classify(text)
    return str(code), round_score(float(probability))


def likely_language(text: str) -> str | None:
    """The language of a text, None where that is more likely wrong than right."""
    code, probability = language_of(text)
    return code if probability >= _LIKELY else None


def language_fingerprints() -> Mapping[str, str]:
    """Of the identifier with its model."""
    return {"py3langid": importlib.metadata.version("py3langid")}


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
