"""Fusion by a language model whose every claim is checked against the lines it cites."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Literal

from pydantic import Field

from captioning.client.answers import Answer
from captioning.client.requests import ChatRequest, SamplingConfig, Text
from captioning.fence import fenced
from captioning.fusion.claims import ClaimBuilder
from captioning.fusion.classifier import ClassifierConfig
from captioning.fusion.entailment import EntailmentConfig, entailment
from captioning.fusion.evidence import drawn_on, shown_evidence
from captioning.fusion.fused import FusionConfig, fused_from, nothing_to_fuse
from captioning.fusion.joining import JoiningConfig, joined
from captioning.fusion.judging import Judge, Judged
from captioning.fusion.sources import source_lines
from captioning.fusion.template import MODEL
from captioning.fusion.written import MAX_CLAIMS, WrittenClaim, schema, written_claims
from captioning.prompts import load_prompt
from captioning.provenance import provenance, without_folders
from captioning.records import (
    Caption,
    Dropped,
    FusedCaption,
    FusionKind,
    Modality,
    Provenance,
    SourceLine,
    Wording,
)
from captioning.served import Question, ServedModelConfig, Unusable, Used, ask, for_server, open_client
from curation.base.config import operational
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Group, Join, Resources
from curation.base.workspace import Workspace
from curation.records import Clip

_WRITTEN = (FusionKind.AV, FusionKind.AVS)
"""Kinds that bring modalities together; of one modality the lines themselves are the caption."""


class LlmFusionConfig(FusionConfig, ServedModelConfig):
    """Fusion by a language model, e.g. Qwen3, under checks that do not trust it."""

    kind: Literal["llm"] = Field("llm", description="A language model behind a server")
    prompt: str = operational("fuse.v1", description="Prompt of the package, or the path of your own")
    repair_prompt: str = operational("repair.v1", description="Prompt for the second draft, likewise")
    max_claims: int = Field(6, ge=1, le=MAX_CLAIMS, description="Most sentences of a fused caption")
    least_support: float = Field(
        0.5, gt=0, le=1, description="Least score of a claim, by the checks, that counts as supported"
    )
    entailment: EntailmentConfig | None = Field(
        None, description="A model that is asked of each claim whether its lines entail it; default: none"
    )
    joining: JoiningConfig = Field(
        JoiningConfig(), description="How lines are joined where no draft is supported, and for V, A and S"
    )


@dataclass(frozen=True)
class _Draft:
    """A text to be written: the clip, the kind, and the lines it may rest on."""

    clip: Clip
    kind: FusionKind
    lines: tuple[SourceLine, ...]


class LlmFusion(Join[FusedCaption]):
    """Has a model write claims that cite numbered lines, and lets no claim pass that its lines do not
    support: a draft with others is written once more, told what is wrong; if that does not help, the lines
    are joined as they are. What was dropped, and why, is kept."""

    name: ClassVar[str] = "fuse"
    version: ClassVar[str] = "2"
    on: ClassVar[str] = "clip_id"
    inputs: ClassVar[Mapping[str, type[Record]]] = {
        "clips": Clip,
        "video": Caption,
        "audio": Caption,
        "speech": Caption,
    }
    output: ClassVar[type[FusedCaption]] = FusedCaption
    resources: ClassVar[Resources] = Resources(cpus=0.5, memory_bytes=1 << 30, batch_size=64)

    config: LlmFusionConfig

    def __init__(self, config: LlmFusionConfig, workspace: Workspace) -> None:
        self.config = config
        # The runner asks the instance.
        self.resources = for_server(self.resources, config.server)  # type: ignore[misc]
        self._workspace = workspace
        self._prompt = load_prompt(config.prompt, "duration", "claims")
        self._repair_prompt = load_prompt(config.repair_prompt, "problems")
        self._entailment = entailment(config.entailment, workspace, self.name)
        if isinstance(config.entailment, ClassifierConfig) and config.entailment.device.startswith("cuda"):
            self.resources = replace(self.resources, gpus=1.0)  # type: ignore[misc]  # the runner asks the instance

    def setup(self) -> None:
        """Open the client and load the word lists."""
        self._client = open_client(self.config, self._workspace, self.name)
        if self._entailment is not None:
            self._entailment.setup()
        self._judge = Judge(self.config.least_support, self._entailment)

    def fingerprints(self) -> Mapping[str, str]:
        """The prompts, the word lists, and what judges entailment."""
        return self._fingerprints

    @cached_property
    def _fingerprints(self) -> Mapping[str, str]:
        # Each caption names its stage's key, and gigabytes of weights take long to be hashed.
        found = {
            "prompt": self._prompt.sha256,
            "repair_prompt": self._repair_prompt.sha256,
            **Judge.fingerprints(),
        }
        return found if self._entailment is None else {**found, **self._entailment.fingerprints()}

    def __call__(self, batch: Sequence[Group]) -> Iterator[FusedCaption | Rejected]:
        """Yield the fused captions, or one reject, of each clip."""
        drafts: list[_Draft] = []
        for group in batch:
            captions = [caption for modality in Modality for caption in group.all(modality.value)]
            for clip in group.all("clips"):
                found = list(self._drafts(clip, captions))
                drafts += found
                if not found:
                    yield nothing_to_fuse(self.name, clip, captions)
        for draft in drafts:
            if draft.kind not in _WRITTEN:
                yield self._joined(draft)
        yield from self._written([draft for draft in drafts if draft.kind in _WRITTEN])

    def _drafts(self, clip: Clip, captions: Sequence[Caption]) -> Iterator[_Draft]:
        sources = source_lines(captions)
        for kind in self.config.kinds:
            if lines := drawn_on(kind, sources):
                yield _Draft(clip, kind, lines)

    def _written(self, drafts: Sequence[_Draft]) -> Iterator[FusedCaption]:
        first = self._ask([(draft, partial(self._request, draft)) for draft in drafts])
        again: list[tuple[_Draft, Judged]] = []
        for draft, found in self._judged(first):
            if isinstance(found, Unusable):
                yield self._joined_instead(draft, found.why, 0.0, ())
            elif found.value.holds:
                yield self._fused(draft, found, Wording.WRITTEN, 1.0, ())
            else:
                again.append((draft, found.value))
        asked = self._ask([(draft, partial(self._request, draft, judged)) for draft, judged in again])
        for (draft, before), (_, found) in zip(again, self._judged(asked), strict=True):
            rate, dropped = before.support_rate, before.dropped(1)
            if isinstance(found, Unusable):
                yield self._joined_instead(draft, found.why, rate, dropped)
            elif found.value.holds:
                yield self._fused(draft, found, Wording.REWRITTEN, rate, dropped)
            else:
                more = found.value.dropped(2)
                why = f"{len(more)} of {len(found.value.claims)} claims of the second draft are not supported"
                yield self._joined_instead(draft, why, rate, (*dropped, *more))

    def _ask(
        self, drafts: Sequence[tuple[_Draft, Callable[[], ChatRequest]]]
    ) -> list[tuple[_Draft, Used[list[WrittenClaim]] | Unusable]]:
        questions = [Question(draft, draft.clip.video_id, request) for draft, request in drafts]

        def use(_: _Draft, answer: Answer) -> list[WrittenClaim]:
            return written_claims(answer, self.config.max_claims)

        return list(ask(self._client, questions, use))

    def _judged(
        self, answers: Sequence[tuple[_Draft, Used[list[WrittenClaim]] | Unusable]]
    ) -> Iterator[tuple[_Draft, Used[Judged] | Unusable]]:
        """Each draft with what the checks say of it."""
        usable = [(draft, used.value) for draft, used in answers if not isinstance(used, Unusable)]
        judged = iter(self._judge([(claims, draft.lines, draft.clip.video_id) for draft, claims in usable]))
        for draft, used in answers:
            yield draft, used if isinstance(used, Unusable) else Used(next(judged), used.sampling)

    def _request(self, draft: _Draft, before: Judged | None = None) -> ChatRequest:
        """Of the first draft, or of the second with what is wrong with the one before."""
        told = [Text(shown_evidence(draft.lines))]
        if before is not None:
            told.append(Text(self._repair_prompt.filled(problems=fenced(before.explained()))))
        return ChatRequest(
            self.config.asked,
            tuple(told),
            self.config.sampling,
            system=self._prompt.filled(
                duration=f"{draft.clip.duration_s:.1f}", claims=str(self.config.max_claims)
            ),
            schema=schema(self.config.max_claims),
        )

    def _fused(
        self, draft: _Draft, found: Used[Judged], wording: Wording, rate: float, dropped: Sequence[Dropped]
    ) -> FusedCaption:
        builder = ClaimBuilder(draft.lines)
        for claim, check in zip(found.value.claims, found.value.checks, strict=True):
            support = {part.modality: part.score for part in check.support}
            builder.add(claim.text, claim.cites, support)
        origin = provenance(
            self,
            model=self.config.model,
            revision=self.config.revision,
            parameters=self._parameters(found.sampling),
            spans=[(0.0, draft.clip.duration_s)],
            prompt=self._prompt.file,
            prompt_text=self._prompt.text,
        )
        return fused_from(
            draft.clip,
            draft.kind,
            draft.lines,
            builder.build(),
            wording,
            origin,
            support_rate=rate,
            dropped=dropped,
        )

    def _joined(self, draft: _Draft) -> FusedCaption:
        """The lines themselves, of a kind that no model is asked for."""
        text = joined(draft.lines, self.config.joining)
        origin = self._own_origin(draft, self.config.joining.semantic())
        return fused_from(draft.clip, draft.kind, draft.lines, text, Wording.JOINED, origin)

    def _joined_instead(
        self, draft: _Draft, why: str, support_rate: float, dropped: Sequence[Dropped]
    ) -> FusedCaption:
        """The lines themselves, as no draft could be used."""
        model = {
            "model": without_folders(self.config.model),
            "revision": self.config.revision,
            "prompt_sha256": self._prompt.sha256,
        }
        tried = {**model, **self._parameters(self.config.sampling)}
        return fused_from(
            draft.clip,
            draft.kind,
            draft.lines,
            joined(draft.lines, self.config.joining),
            Wording.JOINED_INSTEAD,
            self._own_origin(draft, {**self.config.joining.semantic(), "instead_of": tried}),
            support_rate=support_rate,
            dropped=dropped,
            fallback_reason=why,
        )

    def _own_origin(self, draft: _Draft, parameters: Mapping[str, Any]) -> Provenance:
        """Of a text that no model wrote."""
        return provenance(
            self,
            model=MODEL,
            revision=self.version,
            parameters=parameters,
            spans=[(0.0, draft.clip.duration_s)],
        )

    def _parameters(self, sampling: SamplingConfig) -> dict[str, Any]:
        config = self.config
        judge = None if config.entailment is None else config.entailment.semantic()
        return {
            **config.decoding(sampling),
            "max_claims": config.max_claims,
            "least_support": config.least_support,
            "repair_prompt_sha256": self._repair_prompt.sha256,
            "entailment": judge and {**judge, "model": without_folders(judge["model"])},
        }
