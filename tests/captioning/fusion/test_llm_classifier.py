"""Entailment by a classifier in the fusion's own process, on a tiny model with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from captioning.fusion.classifier import ClassifierConfig, EntailmentClassifier
from captioning.fusion.kinds import fusion
from captioning.fusion.llm import LlmFusionConfig
from captioning.records import FusedCaption, Wording
from curation.base.workspace import Workspace
from tests.captioning.fusion.made import group
from tests.captioning.served.asked import claims, recorded, served

SEEN = "A brown dog runs across the grass."
HEARD = "A dog barks twice."
PAIRS = [(SEEN, "A brown dog runs."), (f"{SEEN} {HEARD}", "A dog barks."), (HEARD, "A brown dog runs.")]


def tiny_classifier(
    folder: Path, labels: tuple[str, ...] = ("contradiction", "ENTAILMENT"), bias: float = 0.0
) -> str:
    """A RoBERTa with random weights that knows a few words; `bias` draws it to its last label."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    import torch

    torch.manual_seed(0)
    known = ["[UNK]", "<pad>", "<s>", "</s>", *sorted({*SEEN.lower().split(), *HEARD.lower().split(), "."})]
    config = transformers.RobertaConfig(
        vocab_size=len(known), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, initializer_range=1.0, max_position_embeddings=34, type_vocab_size=1,
        pad_token_id=1, bos_token_id=2, eos_token_id=3, id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )  # fmt: skip
    model = transformers.RobertaForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.out_proj.bias[-1] += bias
    model.save_pretrained(folder)
    cutter = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(known)}, unk_token="[UNK]")
    )
    cutter.normalizer = tokenizers.normalizers.Lowercase()
    cutter.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    cutter.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=cutter, unk_token="[UNK]", pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    return str(folder)


def classifier(folder: str, **fields: Any) -> EntailmentClassifier:
    return EntailmentClassifier(ClassifierConfig.model_validate({"model": folder, "device": "cpu", **fields}))


def test_each_pair_has_a_probability_however_many_go_together(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model")
    found = classifier(folder)(PAIRS)
    assert all(0 < each < 1 for each in found)
    assert len(set(found)) == 3
    one_by_one = classifier(folder, pairs_per_call=1)(PAIRS)
    assert one_by_one == pytest.approx(found, abs=1e-3)
    assert classifier(folder)([]) == []


def test_the_label_that_says_yes_is_found_by_its_name(tmp_path: Path) -> None:
    first = classifier(tiny_classifier(tmp_path / "one", ("entailment", "neutral")))(PAIRS)
    last = classifier(tiny_classifier(tmp_path / "two", ("LABEL_0", "LABEL_1")))(PAIRS)
    assert [a + b for a, b in zip(first, last, strict=True)] == pytest.approx([1] * 3, abs=1e-3)
    with pytest.raises(ValueError, match=r"has the labels good, bad, none of which says"):
        classifier(tiny_classifier(tmp_path / "three", ("good", "bad")))


@pytest.mark.parametrize("asked", ["pair", "factcg"])
def test_of_long_lines_what_does_not_fit_is_cut_and_never_the_claim(tmp_path: Path, asked: str) -> None:
    folder = tiny_classifier(tmp_path / "model")
    judge = classifier(folder, asked=asked)
    long = " ".join([SEEN] * 50)
    one, other = judge([(long, "A brown dog runs."), (long, "A dog barks twice.")])
    assert one != other


@pytest.mark.parametrize(("bias", "wording"), [(90.0, Wording.WRITTEN), (-90.0, Wording.JOINED_INSTEAD)])
def test_fusion_believes_the_classifier(
    workspace: Workspace, tmp_path: Path, bias: float, wording: Wording
) -> None:
    entailment = {
        "kind": "classifier",
        "model": tiny_classifier(tmp_path / "model", bias=bias),
        "device": "cpu",
    }
    with recorded(lambda _: claims((SEEN, ["V1"]), (HEARD, ["A1"]))) as (server, _):
        section = {**served(server.url), "kinds": ["AV"], "entailment": entailment}
        stage = fusion(LlmFusionConfig.model_validate(section), workspace)
        stage.setup()
        [found] = stage([group(video=[SEEN], audio=[HEARD])])
    assert isinstance(found, FusedCaption)
    assert found.wording == wording
    assert stage.fingerprints().keys() >= {"prompt", "entailment_model", "entailment_transformers"}
