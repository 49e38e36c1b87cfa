"""Reading a config: plain YAML only, and messages that say where and what."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from curation.base.config import Config
from pipelines.config import PipelineConfig
from pipelines.config_file import ConfigError, default_config, load_config
from training.config import TrainConfig


class Inner(Config):
    size_px: float = Field(1.0, description="A size in px.")
    name: str = Field("", description="A name.")


class Outer(Config):
    inner: Inner = Field(Inner(), description="What lies within.")


def load(tmp_path: Path, text: str, *overrides: str) -> Outer:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(Outer, str(path), overrides)


BOMB = "a: &a [x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "c.yaml:1: '&a': anchors and aliases are not supported"),
        ("inner: *x", "c.yaml:1: '*x': anchors and aliases"),
        ("inner:\n  name: a\n  size_px: 2\n  name: b", "key 'name' stands on line 2 and again on line 4"),
        ("inner: {}\ninner: {}", "key 'inner' stands on line 1 and again on line 2"),
        ("inner: " + "[" * 20_000, "c.yaml:1: more than 50 levels of nesting"),
        ("inner: [1", "c.yaml:1: not valid YAML"),
        ("inner: !!python/object:os.system {}", "not valid YAML: could not determine a constructor"),
        ("inner: 2020-13-45", "not valid YAML: month must be in 1..12"),
        ("inner:\n  size_px: .inf", "c.yaml:2: inner.size_px = inf: input should be a finite number"),
        ("inner:\n  size_px: .nan", "c.yaml:2: inner.size_px = nan"),
    ],
)
def test_a_file_that_is_not_plain_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[a", "not valid YAML"),
        ("!env HOME", "not valid YAML: could not determine a constructor"),
        ("a: b: c", "not valid YAML"),
        ("*all", "anchors and aliases"),
        ("{a: 1, a: 2}", "key 'a' stands on line 1 and again on line 1"),
    ],
)
def test_an_override_that_is_not_plain_is_refused(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "inner: {}", f"inner.name={value}")
    assert str(caught.value).startswith(f"--set inner.name={value}: ")
    assert message in str(caught.value)


def test_an_override_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more than 50 levels"):
        load(tmp_path, "inner: {}", "a." * 20_000 + "b=1")


def test_an_infinite_override_is_named_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--set inner.size_px=.inf: inner.size_px = inf"):
        load(tmp_path, "inner: {}", "inner.size_px=.inf")


@pytest.mark.parametrize("text", ["two words", "s3://bucket/a?b=c", "a=b", "C:\\x", "'*quoted'"])
def test_plain_text_stays_as_it_is(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, "inner: {}", f"inner.name={text}").inner.name == text.strip("'")


def test_only_what_is_wrong_inside_is_named() -> None:
    """The tuple of forms, without its only item, is too short as well."""
    with pytest.raises(ConfigError) as caught:
        default_config(PipelineConfig, ["curation.cut.forms=[{crf: 99}]"])
    assert "curation.cut.forms.0.crf = 99" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.width=97", r"train.yaml: model: width = 97 is not a multiple of 16, .* Set width to 96\.$"),
        ("schedule.warmup_steps=40", r"train.yaml: schedule.warmup_steps = 40 leaves nothing of steps = 9\."),
        ("objective.mask_ratio=0.5", r"objective: no kind; allowed: 'pixels', 'distill'\.$"),
    ],
)
def test_rules_over_several_keys_say_what_they_have_to_say(
    tmp_path: Path, override: str, message: str
) -> None:
    config = tmp_path / "train.yaml"
    config.write_text("data: {train: shards}\nsteps: 9\nbatch_size: 2\n")
    with pytest.raises(ConfigError, match=message):
        load_config(TrainConfig, str(config), (override,))


def test_an_engine_without_a_kind_is_the_usual_one(tmp_path: Path) -> None:
    config = tmp_path / "train.yaml"
    config.write_text("data: {train: shards}\nsteps: 9\nbatch_size: 2\nengine: {micro_batch_size: 1}\n")
    engine = load_config(TrainConfig, str(config)).engine
    assert (engine.kind, engine.micro_batch_size) == ("ddp", 1)
