"""Gates of fused captions: every measure is kept, and what lies outside of a threshold is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from captioning.gates.config import GatesConfig
from captioning.gates.measures import repetition, words
from captioning.gates.stage import Gates
from captioning.records import CaptionGate, FusedCaption, FusionKind, Wording
from curation.base.stages import Group
from curation.base.workspace import Workspace
from curation.records import Clip
from tests.captioning.fusion.made import PROVENANCE, clip
from tests.captioning.measured_clips import clip_of_frames

TEXT = "A brown dog runs across the grass and barks twice at a woman in a red coat."


def fused(text: str = TEXT, kind: str = "AVS", **fields: Any) -> FusedCaption:
    """A fused caption of `clip()`."""
    made = FusedCaption(
        clip_id="clip", kind=FusionKind(kind), text=text, sources=(), claims=(), wording=Wording.WRITTEN,
        support_rate=0.75, coverage=0.5, omitted=(), dropped=(), provenance=PROVENANCE,
    )  # fmt: skip
    return dataclasses.replace(made, **fields)


def gate(workspace: Workspace, *texts: FusedCaption, of: Clip | None = None, **section: Any) -> CaptionGate:
    """The verdict on a clip."""
    stage = Gates(GatesConfig.model_validate(section), workspace)
    stage.setup()
    records: dict[str, Sequence[Any]] = {"fused": list(texts), "clips": [of or clip()]}
    [verdict] = stage([Group(key="clip", records=records)])
    assert isinstance(verdict, CaptionGate)
    return verdict


def scores(verdict: CaptionGate) -> dict[str, float]:
    return {score.filter: score.value for score in verdict.scores}


def test_every_measure_is_kept(workspace: Workspace) -> None:
    verdict = gate(workspace, fused())
    assert scores(verdict) == {"support_rate": 0.75, "coverage": 0.5, "repetition": 0.0, "words": 17.0}
    assert verdict.failed == ()


@pytest.mark.parametrize(
    ("section", "failed"),
    [
        ({"least_support_rate": 0.75}, ()),
        ({"least_support_rate": 0.76}, ("support_rate",)),
        ({"least_coverage": 0.5}, ()),
        ({"least_coverage": 0.51}, ("coverage",)),
        ({"least_words": 17, "most_words": 17}, ()),
        ({"least_words": 18}, ("words",)),
        ({"most_words": 16}, ("words",)),
        ({"least_support_rate": 1, "least_coverage": 1}, ("support_rate", "coverage")),
        ({"least_words": None, "most_repetition": None}, ()),
    ],
)
def test_thresholds_belong_to_what_passes(
    workspace: Workspace, section: dict[str, Any], failed: tuple[str, ...]
) -> None:
    verdict = gate(workspace, fused(), **section)
    assert verdict.failed == failed
    assert len(verdict.scores) == 4, "scores are kept whether or not a clip passes"


def test_a_text_that_goes_round_in_circles(workspace: Workspace) -> None:
    round_text = " ".join(["A dog runs over the grass."] * 10)
    verdict = gate(workspace, fused(round_text))
    assert scores(verdict)["repetition"] > 0.85
    assert verdict.failed == ("repetition",)
    assert repetition("one two three") == repetition("") == 0.0
    assert repetition("a b c d a b c d") == pytest.approx(1 / 5)


def test_words_of_scripts_and_signs() -> None:
    assert words("The dog's ball – it's 3,5 m_away!") == [
        "the",
        "dog's",
        "ball",
        "it's",
        "3",
        "5",
        "m",
        "away",
    ]
    assert words("…") == []


@pytest.mark.parametrize("text", ["", "…", "Dog."])
def test_a_text_of_hardly_a_word_fails(workspace: Workspace, text: str) -> None:
    assert gate(workspace, fused(text)).failed == ("words",)


def test_the_fullest_caption_is_measured_and_all_are_accounted_for(workspace: Workspace) -> None:
    verdict = gate(workspace, fused("Short.", "V"), fused(kind="AVS"), fused("Short.", "AV"))
    assert verdict.kinds == ("AVS", "AV", "V")
    assert verdict.parent_ids == ("clip:AVS", "clip:AV", "clip:V")
    assert scores(verdict)["words"] == 17


@pytest.mark.parametrize(
    ("text", "languages", "passes"),
    [
        (TEXT, ["en"], True),
        (TEXT, ["de", "fr"], False),
        ("Ein brauner Hund rennt über die Wiese und bellt zweimal.", ["en"], False),
        ("Ein brauner Hund rennt über die Wiese und bellt zweimal.", ["en", "de"], True),
        ("一只棕色的狗跑过草地，叫了两声。", ["en"], False),
    ],
)
def test_languages(workspace: Workspace, text: str, languages: list[str], passes: bool) -> None:
    verdict = gate(workspace, fused(text), languages=languages, least_words=None)
    assert verdict.failed == (() if passes else ("language",))
    assert (scores(verdict)["language"] > 0.5) == passes


@pytest.mark.parametrize("section", [{"least_coverage": 1.5}, {"most_repetition": -1}, {"least": 1}])
def test_what_is_no_threshold_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GatesConfig.model_validate(section)


def tiny_clip_model(folder: Path) -> str:
    """A CLIP model with random weights, its image processor, and a tokenizer that knows a few words."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    import torch

    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    vision = {**size, "image_size": 32, "patch_size": 16, "projection_dim": 16}
    known = ["[UNK]", "[PAD]", "<|startoftext|>", "<|endoftext|>", *sorted(set(words(TEXT)))]
    text = {
        **size, "vocab_size": len(known), "projection_dim": 16, "max_position_embeddings": 24,
        "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 1,
    }  # fmt: skip
    config = transformers.CLIPConfig(projection_dim=16, vision_config=vision, text_config=text)
    transformers.CLIPModel(config).save_pretrained(folder)
    crop = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    transformers.CLIPImageProcessor(**crop).save_pretrained(folder)
    cutter = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(known)}, unk_token="[UNK]")
    )
    cutter.normalizer = tokenizers.normalizers.Lowercase()
    cutter.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    cutter.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>", special_tokens=[(known[2], 2), (known[3], 3)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=cutter, unk_token=known[0], bos_token=known[2], eos_token=known[3],
        pad_token=known[1],
    ).save_pretrained(folder)  # fmt: skip
    return str(folder)


def pictured(workspace: Workspace, level: int, name: str) -> Clip:
    made = clip_of_frames(
        workspace, [np.full((48, 64, 3), (level, 128, 255 - level), np.uint8)] * 3, 1.0, name=name
    )
    return dataclasses.replace(made, clip_id="clip")


def test_likeness_of_frames_and_text_by_a_model(workspace: Workspace, tmp_path: Path) -> None:
    model = tiny_clip_model(tmp_path / "model")
    section: dict[str, Any] = {"similarity": {"model": model, "device": "cpu"}}
    one, other = pictured(workspace, 10, "one"), pictured(workspace, 240, "other")
    first = scores(gate(workspace, fused(), of=one, **section))["similarity"]
    assert -1 < first < 1
    assert first == scores(gate(workspace, fused(), of=one, **section))["similarity"]
    assert first != scores(gate(workspace, fused(), of=other, **section))["similarity"]
    assert first != scores(gate(workspace, fused("A red coat barks."), of=one, **section))["similarity"]
    for least, failed in ((first, ()), (first + 0.001, ("similarity",))):
        limit = {"similarity": {**section["similarity"], "least": least}}
        verdict = gate(workspace, fused(), of=one, **limit)
        assert verdict.failed == failed
        assert scores(verdict)["similarity"] == first


def test_a_text_longer_than_the_model_reads_is_cut(workspace: Workspace, tmp_path: Path) -> None:
    section = {"similarity": {"model": tiny_clip_model(tmp_path / "model"), "device": "cpu"}}
    one = pictured(workspace, 10, "one")
    long = " ".join(["dog"] * 30)
    found = [
        scores(gate(workspace, fused(text), of=one, most_repetition=None, **section))["similarity"]
        for text in (long, long + " in a red coat")
    ]
    assert found[0] == found[1]


def test_a_clip_without_frames_is_like_nothing(workspace: Workspace, tmp_path: Path) -> None:
    section = {"similarity": {"model": tiny_clip_model(tmp_path / "model"), "device": "cpu", "least": -0.5}}
    verdict = gate(workspace, fused(), **section)
    assert scores(verdict)["similarity"] == -1
    assert verdict.failed == ("similarity",)


def test_the_model_is_in_the_stage_key(workspace: Workspace, tmp_path: Path) -> None:
    model = tiny_clip_model(tmp_path / "model")
    stage = Gates(GatesConfig.model_validate({"similarity": {"model": model}}), workspace)
    before = stage.key()
    (tmp_path / "model" / "preprocessor_config.json").write_text("{}")
    assert stage.key() != before
    assert Gates(GatesConfig(), workspace).key() != before
    assert set(Gates(GatesConfig(languages=("en",)), workspace).fingerprints()) == {"py3langid"}


def test_a_model_that_does_not_compare_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    tiny_clip_model(folder)
    import transformers

    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    transformers.ViTModel(transformers.ViTConfig(**size, image_size=32, patch_size=16)).save_pretrained(
        folder
    )
    stage = Gates(
        GatesConfig.model_validate({"similarity": {"model": str(folder), "device": "cpu"}}), workspace
    )
    with pytest.raises(ValueError, match="ViTModel, which does not compare images with texts"):
        stage.setup()
