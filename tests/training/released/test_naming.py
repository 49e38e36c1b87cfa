"""Long lists of names, folded."""

from __future__ import annotations

from training.released.naming import folded


def test_numbers_weights_and_biases_are_folded() -> None:
    names = [f"blocks.{k}.mlp.fc1.{end}" for k in range(40) for end in ("weight", "bias")]
    assert folded(names) == [("blocks.{0-39}.mlp.fc1.{bias,weight}", 80)]


def test_gaps_and_several_numbers() -> None:
    names = [f"mae_decoder.{k}.head.{part}.bias" for k in (0, 1, 2, 7) for part in (0, 2)]
    assert folded(names) == [("mae_decoder.{0-2,7}.head.{0,2}.bias", 8)]


def test_what_is_not_alike_stays_apart() -> None:
    assert folded(["cls_token", "a.1", "a.1.b", "a.2.c"]) == [
        ("cls_token", 1),
        ("a.1", 1),
        ("a.1.b", 1),
        ("a.2.c", 1),
    ]
    assert folded([]) == []


def test_names_that_differ_in_two_places_are_not_taken_for_a_product() -> None:
    assert dict(folded(["a.0.b.0", "a.1.b.1"])) == {"a.0.b.0": 1, "a.1.b.1": 1}
