"""What a model said of a clip as its caption, or as the reject that says why there is none."""

from __future__ import annotations

from typing import Any

from captioning.client.answers import Answer
from captioning.language import likely_language
from captioning.lines import lines_of
from captioning.prompts import Prompt
from captioning.provenance import provenance
from captioning.records import Caption, Modality, Segment
from captioning.served import ServedModelConfig, Unusable, Used
from curation.base.records import round_score
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Stage
from curation.records import Clip


def facts_of_clip(clip: Clip, answer: Answer) -> list[Segment]:
    """The lines of an answer that is about a clip.

    Raises:
        UnusableAnswer: the answer cannot be taken for a caption.
    """
    return lines_of(answer, clip.duration_s)


def served_caption(
    stage: Stage,
    config: ServedModelConfig,
    prompt: Prompt,
    clip: Clip,
    modality: Modality,
    said: Used[list[Segment]] | Unusable | None,
    **parameters: Any,
) -> Caption | Rejected:
    """A caption of the lines; no line at all is an empty caption, and so is None, where no model was asked.
    `parameters` are what shaped it besides the model's sampling."""
    if isinstance(said, Unusable):
        return Rejected(
            rejected_id=f"{clip.clip_id}:{modality}",
            parent_id=clip.clip_id,
            stage=stage.name,
            reason=Reason.CAPTION_FAILED,
            detail=f"{config.model}: {said.why}. The clip goes on without this caption.",
        )
    lines = [] if said is None else said.value
    text = " ".join(line.text for line in lines)
    confidence = sum(line.confidence for line in lines) / len(lines) if lines else 0.0
    return Caption(
        clip_id=clip.clip_id,
        modality=modality,
        language=likely_language(text) if lines else None,
        text=text,
        segments=tuple(lines),
        confidence=round_score(confidence),
        provenance=provenance(
            stage,
            model=config.model,
            revision=config.revision,
            parameters={**config.decoding(said.sampling if said else None), **parameters},
            spans=[(0.0, clip.duration_s)],
            prompt=prompt.file,
            prompt_text=prompt.text,
        ),
    )
