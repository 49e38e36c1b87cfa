"""Speech captions of clips: the words of a source's transcript that fall into each."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from captioning.provenance import provenance
from captioning.records import Caption, Doubt, Modality, Provenance, Segment, Transcript
from captioning.serve.config import units_in_flight
from captioning.speech.translate import TranslateConfig, Translator
from captioning.speech.words import joined, num_words
from curation.base.config import Config
from curation.base.records import Record, round_score
from curation.base.rejects import Rejected
from curation.base.stages import Group, Join, Resources
from curation.base.workspace import Workspace
from curation.records import Clip

NO_MODEL = "none"
"""Model of a caption for which there was no transcript."""
TIME_DECIMALS = 3


class SpeechCaptionsConfig(Config):
    """How words become the lines of a speech caption."""

    max_pause_s: float = Field(0.6, ge=0, description="Longest pause between two words of a line, in seconds")
    max_words: int = Field(12, ge=1, le=1000, description="Most words in a line")
    translate: TranslateConfig | None = Field(
        None, description="Translation of the lines beside the original; default: none"
    )


class SpeechCaptions(Join[Caption]):
    """Gives each clip the words whose middle lies in it, in lines, with times from the clip's start, and if
    wanted their translation.

    A clip in which nothing is said has an empty caption, and so has one whose source has no transcript
    (its sound could not be decoded); the provenance tells the two apart.
    """

    name: ClassVar[str] = "caption_speech"
    version: ClassVar[str] = "2"
    on: ClassVar[str] = "video_id"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"clips": Clip, "transcript": Transcript}
    output: ClassVar[type[Caption]] = Caption

    def __init__(self, config: SpeechCaptionsConfig, workspace: Workspace) -> None:
        self.config: SpeechCaptionsConfig = config
        self._translator: Translator | None = None
        if config.translate is not None:
            self._translator = Translator(config.translate, workspace, self)
            self.resources = Resources(  # type: ignore[misc]  # the runner asks the instance
                cpus=0.25, batch_size=64, units_in_flight=units_in_flight(config.translate.server)
            )

    def setup(self) -> None:
        """Open the client of the translating model, if there is one."""
        if self._translator is not None:
            self._translator.setup()

    def fingerprints(self) -> Mapping[str, str]:
        """What the translating model is told."""
        return {} if self._translator is None else {"prompt": self._translator.prompt_sha256}

    def __call__(self, batch: Sequence[Group]) -> Iterator[Caption | Rejected]:
        """Yield one caption per clip."""
        captions = ((group.key, caption) for group in batch for caption in self._captions(group))
        if self._translator is not None:
            yield from self._translator.translated(list(captions))
        else:
            yield from (caption for _, caption in captions)

    def _captions(self, group: Group) -> Iterator[Caption]:
        transcript = group.one("transcript") if group.all("transcript") else None
        words = sorted(transcript.segments if transcript else (), key=_middle_s)
        middles_s = [_middle_s(word) for word in words]
        for clip in group.all("clips"):
            first, end = bisect_left(middles_s, clip.start_s), bisect_left(middles_s, clip.end_s)
            yield self._caption(clip, words[first:end], transcript)

    def _caption(self, clip: Clip, words: Sequence[Segment], transcript: Transcript | None) -> Caption:
        lines = [_line(phrase, clip) for phrase in self._phrases(words)]
        confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
        return Caption(
            clip_id=clip.clip_id,
            modality=Modality.SPEECH,
            language=transcript.language if transcript and words else None,
            text=joined(line.text for line in lines),
            segments=tuple(lines),
            confidence=round_score(confidence),
            uncertain=_doubts(clip, transcript.uncertain if transcript else ()),
            provenance=self._provenance(clip, transcript),
        )

    def _phrases(self, words: Sequence[Segment]) -> list[list[Segment]]:
        """Words in lines that end at pauses, or when they are full."""
        phrases: list[list[Segment]] = []
        for word in words:
            if phrases and sum(num_words(each.text) for each in phrases[-1]) < self.config.max_words:
                pause_s = word.start_s - phrases[-1][-1].end_s
                if pause_s <= self.config.max_pause_s:
                    phrases[-1].append(word)
                    continue
            phrases.append([word])
        return phrases

    def _provenance(self, clip: Clip, transcript: Transcript | None) -> Provenance:
        origin = transcript.provenance if transcript else None
        parameters: dict[str, Any] = {
            "max_pause_s": self.config.max_pause_s,
            "max_words": self.config.max_words,
            "transcript": "missing: the source's sound was rejected"
            if origin is None
            else {"stage_key": origin.stage_key, "parameters": json.loads(origin.parameters)},
        }
        return provenance(
            self,
            model=origin.model if origin else NO_MODEL,
            revision=origin.revision if origin else "",
            parameters=parameters,
            spans=[(clip.start_s, clip.end_s)] if origin else [],
        )


def _middle_s(word: Segment) -> float:
    return (word.start_s + word.end_s) / 2


def _doubts(clip: Clip, doubts: Sequence[Doubt]) -> tuple[Doubt, ...]:
    """What of the left-out speech is in a clip, with times from the clip's start and within the clip."""
    return tuple(
        replace(
            doubt,
            start_s=round(max(0.0, doubt.start_s - clip.start_s), TIME_DECIMALS),
            end_s=round(min(doubt.end_s, clip.end_s) - clip.start_s, TIME_DECIMALS),
        )
        for doubt in doubts
        if doubt.start_s < clip.end_s and doubt.end_s > clip.start_s
    )


def _line(words: Sequence[Segment], clip: Clip) -> Segment:
    """Words as one line, with times from the clip's start and within the clip."""
    start_s, end_s = max(words[0].start_s, clip.start_s), min(words[-1].end_s, clip.end_s)
    return Segment(
        start_s=round(start_s - clip.start_s, TIME_DECIMALS),
        end_s=round(end_s - clip.start_s, TIME_DECIMALS),
        text=joined(word.text for word in words),
        confidence=round_score(sum(word.confidence for word in words) / len(words)),
    )
