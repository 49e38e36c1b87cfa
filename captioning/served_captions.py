"""What a model said of a clip as its caption, or as the reject that says why there is none."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from captioning.client.answers import Answer
from captioning.client.requests import ChatRequest, Part
from captioning.language import language_fingerprints, likely_language
from captioning.lines import SCHEMA, lines_of
from captioning.prompts import Prompt, load_prompt
from captioning.provenance import provenance
from captioning.records import Caption, Modality, Segment
from captioning.served import Question, ServedModelConfig, Unusable, Used, ask, for_server, open_client
from curation.base.records import round_score
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Map, Resources, Stage
from curation.base.workspace import Workspace
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


class ServedCaptioner(Map[Clip, Caption]):
    """Asks a model about each clip; what it is shown is up to the kind of captioner.

    Of a clip with nothing to show nobody is asked: its caption is what `without_media` says.
    """

    output: ClassVar[type[Caption]] = Caption
    input: ClassVar[type[Clip]] = Clip
    resources: ClassVar[Resources] = Resources(cpus=0.25, memory_bytes=1 << 30, batch_size=32)
    modality: ClassVar[Modality]
    without_media: ClassVar[Unusable | None] = None

    def __init__(self, config: ServedModelConfig, prompt: str, workspace: Workspace) -> None:
        # The runner asks the instance.
        self.resources = for_server(self.resources, config.server)  # type: ignore[misc]
        self._served = config
        self._workspace = workspace
        self._prompt = load_prompt(prompt, "duration")

    def setup(self) -> None:
        """Open the client."""
        self._client = open_client(self._served, self._workspace, self.name)

    def fingerprints(self) -> Mapping[str, str]:
        """The prompt, and what tells languages."""
        return {"prompt": self._prompt.sha256, **language_fingerprints()}

    def __call__(self, batch: Sequence[Clip]) -> Iterator[Caption | Rejected]:
        """Yield one caption, or one reject, per clip."""
        questions = []
        for clip in batch:
            if (parts := self.parts(clip)) is None:
                yield self._caption(clip, self.without_media)
            else:
                questions.append(Question(clip, clip.video_id, partial(self._request, clip, parts)))
        for clip, said in ask(self._client, questions, facts_of_clip):
            yield self._caption(clip, said)

    @abstractmethod
    def parts(self, clip: Clip) -> Callable[[], Iterable[Part]] | None:
        """What the model is shown of a clip, read when its turn comes; None where there is nothing."""

    def shaped_by(self) -> Mapping[str, Any]:
        """Settings that shape the caption besides the model's sampling, as provenance names them."""
        return {}

    def _caption(self, clip: Clip, said: Used[list[Segment]] | Unusable | None) -> Caption | Rejected:
        return served_caption(self, self._served, self._prompt, clip, self.modality, said, **self.shaped_by())

    def _request(self, clip: Clip, parts: Callable[[], Iterable[Part]]) -> ChatRequest:
        return ChatRequest(
            self._served.asked,
            tuple(parts()),
            self._served.sampling,
            system=self._prompt.filled(duration=f"{clip.duration_s:.1f}"),
            schema=SCHEMA,
        )
