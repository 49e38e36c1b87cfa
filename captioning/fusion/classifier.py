"""Entailment by a classifier: MiniCheck, FactCG, or any model of natural language inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from curation.base.config import operational
from curation.base.records import round_score
from curation.pretrained import Pretrained, PretrainedConfig

_INSTEAD = "leave captioning.fusion.entailment out"
_SUPPORTING = ("entailment", "supported", "support", "yes", "label_1", "1")
"""Names of the label that says yes, the surest first."""

_MOST_TOKENS = 2048
"""Read of lines and claim together, where the model has no bound: FactCG was trained on so many."""

_FACTCG = (
    '{lines}\n\nChoose your answer: based on the paragraph above can we conclude that "{claim}"?\n\n'
    "OPTIONS:\n- Yes\n- No\nI think the answer is "
)
"""The form of input that FactCG was trained on (arXiv 2501.17144)."""


class ClassifierConfig(PretrainedConfig):
    """A sequence classifier through transformers, e.g. FactCG-DeBERTa or MiniCheck-RoBERTa."""

    kind: Literal["classifier"] = Field("classifier", description="A classifier in the fusion's own process")
    asked: Literal["pair", "factcg"] = Field(
        "pair",
        description="pair: lines and claim as two sequences (MiniCheck, NLI); factcg: as FactCG's prompt",
    )
    device: str = operational("auto", description="Where it computes: auto, cpu, cuda, cuda:1…")
    pairs_per_call: int = operational(16, ge=1, le=4096, description="Claims in one call of the model")

    def fingerprints(self) -> Mapping[str, str]:
        """Of the weights and libraries."""
        found = Pretrained(self, _INSTEAD).fingerprint()
        return {f"entailment_{name}": value for name, value in found.items()}


class EntailmentClassifier:
    """Probabilities that lines entail claims.

    Raises:
        ValueError: the model cannot be loaded, or no label of it says yes.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        pretrained = Pretrained(config, _INSTEAD)
        self._config = config
        self._tokenizer = pretrained.tokenizer()
        self._model = pretrained.model("AutoModelForSequenceClassification", config.device)
        labels = {str(name).lower(): int(number) for number, name in self._model.config.id2label.items()}
        yes = next((name for name in _SUPPORTING if name in labels), None)
        if yes is None:
            raise ValueError(
                f"{pretrained.name} has the labels {', '.join(labels)}, none of which says that a claim is "
                f"supported (one of {', '.join(_SUPPORTING)}): choose another model, or {_INSTEAD}."
            )
        self._yes = labels[yes]
        self._most_tokens = _most_tokens(self._tokenizer, self._model.config)
        if config.asked == "factcg":
            # The claim stands last; where a text is too long, lines are cut.
            self._tokenizer.truncation_side = "left"

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Of each (lines, claim) the probability (0..1) of yes."""
        import torch

        found: list[float] = []
        for start in range(0, len(pairs), self._config.pairs_per_call):
            some = pairs[start : start + self._config.pairs_per_call]
            inputs = self._tokenizer(
                *self._texts(some),
                padding=True,
                truncation=True,
                max_length=self._most_tokens,
                return_tensors="pt",
            )
            with torch.inference_mode():
                logits = self._model(
                    **{key: each.to(self._model.device) for key, each in inputs.items()}
                ).logits
            found += logits.float().softmax(-1)[:, self._yes].cpu().tolist()
        return [round_score(each) for each in found]

    def _texts(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[str], ...]:
        if self._config.asked == "factcg":
            return ([_FACTCG.format(lines=lines, claim=claim) for lines, claim in pairs],)
        return [lines for lines, _ in pairs], [claim for _, claim in pairs]


def _most_tokens(tokenizer: Any, config: Any) -> int:
    """Tokens that the model reads at once."""
    told = min(int(tokenizer.model_max_length), _MOST_TOKENS)
    # DeBERTa looks at distances only; the table of RoBERTa has two places that no token takes.
    bounded = getattr(config, "position_biased_input", True)
    return min(told, config.max_position_embeddings - 2) if bounded else told
