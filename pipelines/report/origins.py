"""Where the texts of a clip come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from captioning.records import Caption, FusedCaption, Provenance
from pipelines.report.data import Origin
from pipelines.report.wording import shown

MAX_LANGUAGE = 12


def origins(captions: Sequence[Caption], fused: Sequence[FusedCaption]) -> tuple[Origin, ...]:
    """A row per caption and translation, and one for fused captions that came about alike."""
    return tuple(_origins(captions, fused))


def _origins(captions: Sequence[Caption], fused: Sequence[FusedCaption]) -> Iterator[Origin]:
    for caption in captions:
        yield Origin(role=caption.modality, provenance=caption.provenance)
        if caption.translation is not None:
            role = f"{caption.modality} in {shown(caption.translation.language, MAX_LANGUAGE)}"
            yield Origin(role=role, provenance=caption.translation.provenance)
    alike: dict[Provenance, list[str]] = defaultdict(list)
    for each in fused:
        alike[each.provenance].append(each.kind)
    for provenance, kinds in alike.items():
        yield Origin(role=f"fusion {', '.join(kinds)}", provenance=provenance)
