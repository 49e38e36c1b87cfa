"""The evidence that a language model is given: numbered lines, fenced as data."""

from __future__ import annotations

from collections.abc import Sequence

from captioning.fence import fenced
from captioning.records import FusionKind, Modality, SourceLine

MAX_LINES = 60
"""Of one clip, from each modality in turn, so that an hour of talk crowds out nothing."""

_DRAWS_ON = {
    FusionKind.V: (Modality.VIDEO,),
    FusionKind.A: (Modality.AUDIO,),
    FusionKind.S: (Modality.SPEECH,),
    FusionKind.AV: (Modality.VIDEO, Modality.AUDIO),
    FusionKind.AVS: (Modality.VIDEO, Modality.AUDIO, Modality.SPEECH),
}


def drawn_on(kind: FusionKind, sources: Sequence[SourceLine]) -> tuple[SourceLine, ...]:
    """The lines that a fused caption of a kind rests on; none where the kind would say no more than a
    smaller one does: AV takes something seen and something heard, AVS something said and something else."""
    lines = tuple(line for line in sources if line.modality in _DRAWS_ON[kind])
    found = {line.modality for line in lines}
    if kind == FusionKind.AV and len(found) < 2:
        return ()
    if kind == FusionKind.AVS and (Modality.SPEECH not in found or len(found) < 2):
        return ()
    return lines


def shown_evidence(lines: Sequence[SourceLine]) -> str:
    """The lines as a model reads them. `sources.source_lines` has made each one line of visible text."""
    written = [
        f"{line.line} [{line.start_s:.1f}-{line.end_s:.1f} s, confidence {line.confidence:.2f}] {line.text}"
        for line in _turns(lines)
    ]
    return fenced("\n".join(written))


def _turns(lines: Sequence[SourceLine]) -> list[SourceLine]:
    """At most `MAX_LINES`, the same number of each modality as far as there are so many."""
    if len(lines) <= MAX_LINES:
        return list(lines)
    waiting = {modality: [line for line in lines if line.modality == modality] for modality in Modality}
    kept: set[str] = set()
    while len(kept) < MAX_LINES:
        for queue in waiting.values():
            if queue and len(kept) < MAX_LINES:
                kept.add(queue.pop(0).line)
    return [line for line in lines if line.line in kept]
