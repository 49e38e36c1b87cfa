"""What stands beside the lines of captions: speech in doubt, translations, captioners that failed."""

from __future__ import annotations

from collections.abc import Iterable

from captioning.records import Caption, Modality
from curation.base.rejects import Rejected
from pipelines.report.data import DoubtView, TranslationView
from pipelines.report.telling import WHY
from pipelines.report.wording import shown, words

MAX_DOUBTS = 40
MAX_LINES = 90
MAX_TEXT = 600
MAX_LANGUAGE = 12


def doubts(captions: Iterable[Caption]) -> tuple[DoubtView, ...]:
    """Stretches of speech that were not written down, as spans with a reason; there are no words to show."""
    found = [doubt for caption in captions for doubt in caption.uncertain]
    return tuple(
        DoubtView(
            start_s=doubt.start_s,
            end_s=doubt.end_s,
            why=WHY[doubt.reason],
            detail=shown(doubt.detail, MAX_TEXT),
        )
        for doubt in found[:MAX_DOUBTS]
    )


def translations(captions: Iterable[Caption]) -> tuple[TranslationView, ...]:
    """The captions that were translated, in the other language."""
    return tuple(
        TranslationView(
            modality=caption.modality,
            language=shown(caption.translation.language, MAX_LANGUAGE),
            lines=tuple(
                (line.start_s, line.end_s, shown(line.text, MAX_TEXT))
                for line in caption.translation.segments[:MAX_LINES]
            ),
        )
        for caption in captions
        if caption.translation is not None and caption.translation.segments
    )


def failures(clip_id: str, rejects: Iterable[Rejected]) -> tuple[tuple[Modality, str], ...]:
    """The modalities whose captioner gave up on a clip, and why."""
    by_id = {each.rejected_id: each for each in rejects}
    found = ((modality, by_id.get(f"{clip_id}:{modality}")) for modality in Modality)
    return tuple(
        (modality, shown(f"{words(each.reason)}: {each.detail}", MAX_TEXT))
        for modality, each in found
        if each is not None
    )
