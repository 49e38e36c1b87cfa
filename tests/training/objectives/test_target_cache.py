"""With kept targets the losses are the same, teachers rest, and what is damaged is made again."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.training.objectives.fakes import MEANING, MOTION, STUDENT, FakeConfig, fake_config
from tests.training.objectives.test_distillation import DRAWS, clips
from training.objectives.distillation import Distillation
from training.objectives.distillation_config import TermWeights
from training.objectives.kept_targets import from_entries, layout, to_entries
from training.objectives.notes import objective_notes
from training.objectives.target_cache import TargetCache, fingerprints
from training.objectives.target_cache_config import TargetCacheConfig
from training.objectives.targets import Targets
from training.randomness import Draw
from training.views.augmentation_config import AugmentationConfig

Build = Callable[..., Distillation]


def cached(folder: Path, **changes: object) -> TargetCacheConfig:
    return TargetCacheConfig.model_validate({"folder": str(folder)} | changes)


def losses(
    objective: Distillation, draws: Sequence[Draw] = DRAWS, video: torch.Tensor | None = None
) -> dict[str, float]:
    prepared = objective.prepare(clips() if video is None else video, draws)
    assert objective.cache is not None
    objective.cache.finish()
    return {name: term.item() for name, term in objective.terms(objective.model, prepared).items()}


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


@pytest.mark.parametrize("storage", ["bf16", "int8"])
@pytest.mark.parametrize("projection_width", [None, 32])
def test_losses_are_the_same_from_kept_targets_and_teachers_rest(
    build: Build, tmp_path: Path, storage: str, projection_width: int | None
) -> None:
    def objective() -> tuple[Distillation, FakeConfig, FakeConfig]:
        teacher, motion = FakeConfig(MEANING), FakeConfig(MOTION)
        cache = cached(tmp_path, storage=storage)
        config = fake_config(
            teacher, motion, cache=cache, masks_per_view=2, projection_width=projection_width
        )
        return build(config, views_per_clip=2), teacher, motion

    cold, teacher, _ = objective()
    first = losses(cold)
    assert [len(asked) for asked in teacher.asked] == [12]
    assert len(entries(tmp_path)) == 12

    warm, teacher, motion = objective()
    assert losses(warm) == first
    assert (teacher.loaded, motion.loaded, teacher.asked, motion.asked) == (0, 0, [], [])
    assert losses(cold) == first


def test_kept_targets_are_nearly_what_teachers_say(build: Build, tmp_path: Path) -> None:
    plain = build(fake_config(motion=FakeConfig(MOTION)))
    expected = plain.terms(plain.model, plain.prepare(clips(), DRAWS))
    for storage, error in (("bf16", 2e-4), ("int8", 2e-3)):
        objective = build(fake_config(motion=FakeConfig(MOTION), cache=cached(tmp_path, storage=storage)))
        found = losses(objective)
        assert all(abs(found[name] - term.item()) < error for name, term in expected.items())


def test_only_what_is_missing_is_looked_at_and_order_does_not_matter(build: Build, tmp_path: Path) -> None:
    losses(build(fake_config(cache=cached(tmp_path))), DRAWS[2:4], clips()[2:4])
    teacher = FakeConfig(MEANING)
    some = build(fake_config(teacher, cache=cached(tmp_path)))
    mixed = some.prepare(clips(), DRAWS).targets
    assert [len(asked) for asked in teacher.asked] == [4]
    some.cache.finish()
    fresh = build(fake_config(cache=cached(tmp_path / "other"))).prepare(clips(), DRAWS).targets
    assert torch.equal(mixed.visible_RP, fresh.visible_RP)
    # A matrix product of other rows together may round otherwise.
    torch.testing.assert_close(mixed.middle_KRLD, fresh.middle_KRLD, atol=1e-2, rtol=0)
    swapped = some.prepare(clips().flip(0), DRAWS[::-1]).targets
    assert torch.equal(swapped.middle_KRLD, mixed.middle_KRLD.flip(1))
    assert len(teacher.asked) == 1


def test_other_clips_draws_teachers_and_settings_have_entries_of_their_own(
    build: Build, tmp_path: Path
) -> None:
    def count(video: torch.Tensor, draws: Sequence[Draw] = DRAWS, **changes: object) -> int:
        before = len(entries(tmp_path))
        augmentation = {"crop_scales": [0.5]} if changes.pop("crops", False) else {}
        losses(build(fake_config(cache=cached(tmp_path), **changes), **augmentation), draws, video)
        return len(entries(tmp_path)) - before

    video = clips()
    assert count(video) == 6
    assert count(video) == 0
    other = video.clone()
    other[3, 5, 20, 20, 1] ^= 1
    assert count(other) == 1
    assert count(video, [replace(draw, epoch=1) for draw in DRAWS]) == 6
    assert count(video, [replace(draw, source="another") for draw in DRAWS]) == 0
    assert count(video, teacher=FakeConfig(MEANING, weights="second")) == 6
    assert count(video, masks_per_view=2) == 6
    assert count(video, projection_width=32) == 6
    assert count(video, crops=True) == 6
    (folder, *_) = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert (
        json.loads((folder / "settings.json").read_text())["teachers"]["teacher"]["settings"]["kind"]
        == "fake"
    )


def test_runs_with_the_pooled_vector_and_without_keep_their_own_entries(build: Build, tmp_path: Path) -> None:
    asked = []
    for final in (1.0, 0.0, 1.0, 0.0):
        teacher = FakeConfig(MEANING)
        losses(build(fake_config(teacher, cache=cached(tmp_path), weights=TermWeights(final=final))))
        asked.append(len(teacher.asked))
    assert asked == [1, 1, 0, 0]


def test_naming_a_source_that_is_not_mirrored_concerns_its_clips_only(build: Build, tmp_path: Path) -> None:
    draws = [replace(draw, source=("left", "other")[number % 2]) for number, draw in enumerate(DRAWS)]
    for named, looked_at in (([], 6), (["else"], 0), (["left"], 3), (["left", "else"], 0)):
        teacher = FakeConfig(MEANING)
        losses(build(fake_config(teacher, cache=cached(tmp_path)), unmirrored_sources=named), draws)
        assert sum(len(asked) for asked in teacher.asked) == looked_at


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "other"])
def test_damaged_entries_are_made_again(
    build: Build, tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = losses(build(fake_config(cache=cached(tmp_path))))
    path = entries(tmp_path)[2]
    whole = path.read_bytes()
    if how == "other":
        losses(build(fake_config(cache=cached(tmp_path / "else"), masks_per_view=2)))
        path.write_bytes(entries(tmp_path / "else")[0].read_bytes())
    else:
        flipped = whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:]
        path.write_bytes({"cut": whole[:-9], "flipped": flipped, "empty": b""}[how])
    teacher = FakeConfig(MEANING)
    with caplog.at_level(logging.WARNING):
        again = losses(build(fake_config(teacher, cache=cached(tmp_path))))
    assert again == pytest.approx(first, abs=1e-3)
    assert [len(asked) for asked in teacher.asked] == [1]
    assert f"{path} is damaged" in caplog.text
    assert len(path.read_bytes()) == len(whole)


def test_a_disk_that_is_full_stops_and_says_what_to_do(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = build(fake_config(cache=cached(tmp_path)))

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    objective.prepare(clips(), DRAWS)
    with pytest.raises(OSError, match=r"No space left on device: targets cannot be kept in .* Make room"):
        objective.prepare(clips(), DRAWS)
    assert entries(tmp_path) == []


def test_a_write_that_fails_in_the_last_step_is_told_and_threads_end(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = build(fake_config(cache=cached(tmp_path)))

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    def working() -> set[threading.Thread]:
        return {one for one in threading.enumerate() if one.name.startswith("targets")}

    before = working()
    monkeypatch.setattr(Path, "write_bytes", full)
    objective.prepare(clips(), DRAWS)
    assert working() > before
    with pytest.raises(OSError, match="No space left on device: targets cannot be kept"):
        objective.close()
    assert working() == before


def test_it_is_told_how_often_teachers_looked(
    build: Build, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    losses(build(fake_config(cache=cached(tmp_path))), DRAWS[:2], clips()[:2])
    objective = build(fake_config(cache=cached(tmp_path)))
    losses(objective)
    with caplog.at_level(logging.INFO):
        objective.close()
    assert "teachers looked at 4 of 6 views of this process" in caplog.text


def write_many(folder: str, barrier: object, failed: object) -> None:
    torch.set_num_threads(1)
    shapes = {"visible": (1, 3), "middle": (2, 1, 4, 64)}
    cache = TargetCache(TargetCacheConfig(folder=folder), {}, layout(shapes, "bf16"))
    video, draws = clips(8), [replace(draw, sample="same") for draw in [DRAWS[0]] * 8]
    entry = {"visible": torch.zeros(1, 3, dtype=torch.int32), "middle": torch.ones(2, 1, 4, 64).bfloat16()}
    for epoch in range(12):
        barrier.wait(timeout=60)
        now = [replace(draw, epoch=epoch) for draw in draws]
        found = cache.entries(video, now, lambda missed: [entry] * len(missed))
        cache.finish()
        if not all(torch.equal(one["middle"], entry["middle"]) for one in found):
            failed.set()


def test_processes_may_write_the_same_entries_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, failed = context.Barrier(3), context.Event()
    children = [context.Process(target=write_many, args=(str(tmp_path), barrier, failed)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout=60)
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert not failed.is_set()
    assert len(entries(tmp_path)) == 96
    assert not list(tmp_path.rglob("*.tmp"))


def test_temporary_files_of_killed_processes_are_swept(tmp_path: Path) -> None:
    TargetCache(TargetCacheConfig(folder=str(tmp_path)), {}, layout({"visible": (1, 3)}, "bf16"))
    (settings,) = tmp_path.iterdir()
    (settings / "aa").mkdir()
    old, new = settings / "aa" / ".x.1.tmp", settings / "aa" / ".y.2.tmp"
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    TargetCache(TargetCacheConfig(folder=str(tmp_path)), {}, layout({"visible": (1, 3)}, "bf16"))
    assert (old.exists(), new.exists()) == (False, True)


def test_fingerprints_tell_bytes_and_places_apart() -> None:
    video = torch.zeros(4, 2, 5, 5, 3, dtype=torch.uint8)
    video[1, 0, 0, 0, 0] = 1
    video[2, 1, 4, 4, 2] = 1
    video[3, 1, 4, 4, 2] = 128
    numbers = fingerprints(video)
    assert len(set(numbers)) == 4
    assert fingerprints(video[2:3]) == numbers[2:3]
    random = torch.randint(0, 256, (300, 2, 4, 4, 3), dtype=torch.uint8)
    assert len(set(fingerprints(random))) == 300


def test_int8_bears_channels_that_are_far_larger_than_others() -> None:
    features = torch.randn(2, 3, 5, 256)
    features[..., 7] = 60.0
    features = functional.normalize(features, dim=-1)
    visible = torch.arange(4).expand(3, 4).contiguous()
    made = Targets(visible_RP=visible, middle_KRLD=features, final_RD=None, motion_KRPD=None)
    (kept,) = [from_entries(to_entries(made, 3, "int8"), torch.device("cpu")).middle_KRLD]
    assert (1 - (kept * features).sum(-1)).max() < 1e-3
    rest = [torch.cat([x[..., :7], x[..., 8:]], dim=-1) for x in (kept, features)]
    assert functional.cosine_similarity(*rest, dim=-1).min() > 0.9


@pytest.mark.parametrize("storage", ["bf16", "int8"])
def test_the_size_that_is_told_is_that_of_the_files(build: Build, tmp_path: Path, storage: str) -> None:
    config = fake_config(motion=FakeConfig(MOTION), cache=cached(tmp_path, storage=storage, views=3))
    losses(build(config))
    told = config.kept_bytes(STUDENT)
    # Names, types and shapes are in the header of each file.
    assert all(0 < path.stat().st_size - told < 1024 for path in entries(tmp_path))
    (note,) = objective_notes(config, STUDENT, AugmentationConfig(views_per_clip=2), 1_000_000)
    assert (
        f"{6e6 * told / 1e9:.3g} GB for 1000000 clips of which 6 views each are kept, in {tmp_path}" in note
    )
    assert objective_notes(fake_config(), STUDENT, AugmentationConfig(), 10) == []
