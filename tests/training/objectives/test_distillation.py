"""The student is compared with what the teachers say of the very patches that it sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from tests.training.objectives.fakes import MEANING, MOTION, STUDENT, FakeConfig, FakeTeacher, fake_config
from training.models.encoder_config import EncoderConfig
from training.objectives.build import build_objective
from training.objectives.distillation import Distillation, distance
from training.objectives.distillation_config import DistillationConfig, TermWeights
from training.objectives.targets import Targets, project, random_directions
from training.randomness import Draw
from training.views.augmentation_config import AugmentationConfig
from training.views.masking_config import MaskConfig

Build = Callable[..., Distillation]
DRAWS = [Draw(0, 0, f"clip{number}") for number in range(6)]


def clips(count: int = 6, side: int = 32) -> torch.Tensor:
    """Noise, 8 frames."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 8, side, side, 3), dtype=torch.uint8, generator=generator)


def test_three_terms_are_near_two_each_before_training_and_all_weights_learn(build: Build) -> None:
    objective = build(fake_config(motion=FakeConfig(MOTION)))
    terms = objective.terms(objective.model, objective.prepare(clips(), DRAWS))
    assert list(terms) == ["middle", "final", "motion"]
    assert all(
        term.dtype == torch.float32 and term.item() == pytest.approx(2, abs=0.4) for term in terms.values()
    )
    loss = torch.stack(list(terms.values())).sum()
    assert loss.item() == pytest.approx(6, abs=0.7)
    loss.backward()
    still = [name for name, weight in objective.model.named_parameters() if not weight.grad.any()]
    # Without dropped paths each weight counts, but for what softmax does not see of keys' biases.
    assert [name for name in still if "k_bias" not in name] == []


def test_targets_are_those_of_the_visible_patches(build: Build) -> None:
    teacher, motion = FakeConfig(MEANING), FakeConfig(MOTION)
    objective = build(fake_config(teacher, motion), crop_scales=[1.0], flip_probability=0)
    targets = objective.prepare(clips(), DRAWS).targets
    said, moved = FakeTeacher(teacher)(teacher.asked[0]), FakeTeacher(motion)(motion.asked[0])
    assert targets.visible_RP.shape == (6, 4 * 4)
    for row, visible in enumerate(targets.visible_RP):
        torch.testing.assert_close(targets.middle_KRLD[:, row, 0], said.middle_KBLD[:, row, 0])
        torch.testing.assert_close(targets.middle_KRLD[:, row, 1:], said.middle_KBLD[:, row, 1 + visible])
        torch.testing.assert_close(targets.motion_KRPD[:, row], moved.middle_KBLD[:, row, visible])
    torch.testing.assert_close(targets.final_RD, said.final_BD)


def test_a_student_that_says_what_the_teachers_do_has_no_loss(build: Build) -> None:
    objective = build(fake_config(motion=FakeConfig(MOTION), projection_width=24))
    prepared = objective.prepare(clips(), DRAWS)
    targets = prepared.targets
    assert targets.middle_KRLD.shape[-1] == targets.motion_KRPD.shape[-1] == 24

    def right(video: torch.Tensor, visible: torch.Tensor) -> object:
        told = objective.model(video, visible)
        back = [random_directions(width, 24, seed=0).T for width in (MEANING.width, MOTION.width)]
        return told._replace(
            middle_KBLD=targets.middle_KRLD @ back[0],
            final_BD=targets.final_RD,
            motion_KBLD=targets.motion_KRPD @ back[1],
        )

    terms = objective.terms(right, prepared)
    assert all(term.item() == pytest.approx(0, abs=1e-5) for term in terms.values())


def test_teachers_look_once_for_several_masks(build: Build) -> None:
    teacher = FakeConfig(MEANING)
    objective = build(fake_config(teacher, masks_per_view=3), views_per_clip=2)
    prepared = objective.prepare(clips(), DRAWS)
    assert [len(asked) for asked in teacher.asked] == [12]
    assert len(prepared.video_RCTHW) == len(prepared.targets.visible_RP) == 36
    masks = prepared.targets.visible_RP.view(12, 3, -1)
    assert not (masks[:, 0] == masks[:, 1]).all(dim=1).any()
    videos = prepared.video_RCTHW.view(6, 2, 3, -1)
    assert torch.equal(videos[:, :, 0], videos[:, :, 2])
    assert not torch.equal(videos[:, 0], videos[:, 1])
    alone = build(fake_config(masks_per_view=3), views_per_clip=2).prepare(clips()[4:5], DRAWS[4:5])
    assert torch.equal(alone.targets.visible_RP, prepared.targets.visible_RP[24:30])
    torch.testing.assert_close(alone.targets.middle_KRLD, prepared.targets.middle_KRLD[:, 24:30])


def test_teachers_look_at_as_many_views_at_once_as_they_are_told_to(build: Build) -> None:
    def targets(size: int | None) -> tuple[Targets, list[int]]:
        teacher = FakeConfig(MEANING, micro_batch_size=size)
        motion = FakeConfig(MOTION, micro_batch_size=None if size is None else size + 1)
        found = build(fake_config(teacher, motion, masks_per_view=2)).prepare(clips(), DRAWS).targets
        return found, [len(asked) for asked in (*teacher.asked, *motion.asked)]

    whole, asked_for = targets(None)
    assert asked_for == [6, 6]
    parts, asked_for = targets(4)
    # All features of one look are gone before the next.
    assert asked_for == [4, 2, 5, 1]
    assert torch.equal(parts.visible_RP, whole.visible_RP)
    for name in ("middle_KRLD", "final_RD", "motion_KRPD"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))


def test_features_of_hidden_patches_are_not_kept_while_teachers_look_on(build: Build) -> None:
    teacher, motion = FakeConfig(MEANING, micro_batch_size=2), FakeConfig(MOTION, micro_batch_size=3)
    build(fake_config(teacher, motion)).prepare(clips(), DRAWS)
    assert [alive for config in (teacher, motion) for alive in config.alive] == [0] * 5


def test_all_see_the_same_crop_at_their_own_size_and_frames(build: Build) -> None:
    teacher, motion = FakeConfig(MEANING), FakeConfig(MOTION)
    objective = build(fake_config(teacher, motion))
    smooth = functional.interpolate(
        torch.rand(6, 3, 2, 4, 4), size=(8, 40, 40), mode="trilinear", align_corners=True
    )
    video = (smooth * 255).byte().permute(0, 2, 3, 4, 1).contiguous()
    own = objective.prepare(video, DRAWS).video_RCTHW
    mean, std = (torch.tensor(one).view(3, 1, 1, 1) for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(own * std + mean, teacher.asked[0])
    assert motion.asked[0].shape == (6, 3, 8, 16, 16)
    smaller = functional.avg_pool3d(teacher.asked[0], (1, 2, 2))
    assert (motion.asked[0][:, :, ::2] - smaller).abs().max() < 0.02


def test_weights_scale_terms_and_leave_the_final_one_out(build: Build) -> None:
    plain = build(fake_config())
    weighted = build(fake_config(weights=TermWeights(middle=3.0)))
    terms = plain.terms(plain.model, plain.prepare(clips(), DRAWS))
    others = weighted.terms(weighted.model, weighted.prepare(clips(), DRAWS))
    assert others["middle"].item() == pytest.approx(3 * terms["middle"].item())
    without = build(fake_config(weights=TermWeights(final=0.0)))
    assert list(without.terms(without.model, without.prepare(clips(), DRAWS))) == ["middle"]


def test_a_teacher_without_a_class_token_teaches_patches_only(build: Build) -> None:
    objective = build(fake_config(FakeConfig(MOTION), mask=MaskConfig(kind="tube", ratio=0.75)))
    prepared = objective.prepare(clips(), DRAWS)
    assert prepared.targets.middle_KRLD.shape == (3, 6, 16, 80)
    assert list(objective.terms(objective.model, prepared)) == ["middle"]


def test_distance_is_the_mean_square_of_the_difference() -> None:
    told, target = (functional.normalize(torch.randn(2, 3, 5, 16), dim=-1) for _ in range(2))
    expected = (told - target).square().sum(dim=-1).mean()
    torch.testing.assert_close(distance(told, target), expected)
    assert distance(told.bfloat16(), target.bfloat16()).dtype == torch.float32


def test_random_directions_are_orthonormal_and_keep_angles_roughly() -> None:
    directions = random_directions(512, 128, seed=0)
    torch.testing.assert_close(directions.T @ directions, torch.eye(128), atol=1e-5, rtol=0)
    assert torch.equal(directions, random_directions(512, 128, seed=0))
    x = functional.normalize(torch.randn(64, 512), dim=-1)
    y = functional.normalize(x + 0.05 * torch.randn(64, 512), dim=-1)
    near, exact = (project(x, directions) * project(y, directions)).sum(-1), (x * y).sum(-1)
    assert (near - exact).abs().max() < 0.25


def ema_config(**changes: object) -> DistillationConfig:
    values = {"kind": "distill", "teacher": {"kind": "ema", "momentum": 0.5, "precision": "fp32"}}
    return DistillationConfig.model_validate(values | {"mask": {"kind": "random"}} | changes)


def test_a_moving_average_begins_as_the_student_is_and_follows_it() -> None:
    objective = build_objective(ema_config(), STUDENT, AugmentationConfig(), torch.device("cpu"))
    weight = objective.model.get_parameter("blocks.0.attn.qkv.weight")
    with torch.no_grad():
        weight.fill_(1.0)
    objective.prepare(clips(), DRAWS)
    with torch.no_grad():
        weight.fill_(3.0)
    objective.after_step()
    average = objective.tensors()["teacher/blocks.0.attn.qkv.weight"]
    torch.testing.assert_close(average, torch.full_like(average, 2.0))


def test_a_moving_average_is_put_back_in_place() -> None:
    objective = build_objective(ema_config(), STUDENT, AugmentationConfig(), torch.device("cpu"))
    for tensor in objective.tensors().values():
        tensor.fill_(0.25)
    objective.prepare(clips(), DRAWS)
    assert all((tensor == 0.25).all() for tensor in objective.tensors().values())


def test_loss_falls_when_teachers_say_something_about_the_clip(build: Build) -> None:
    def learn(shift: int) -> float:
        objective = build(fake_config(), crop_scales=[1.0], flip_probability=0)
        optimizer = torch.optim.AdamW(objective.model.parameters(), lr=2e-3)
        losses = []
        for step in range(60):
            colour = torch.randint(0, 256, (8, 1, 1, 1, 3), generator=torch.Generator().manual_seed(step))
            video = colour.expand(8, 8, 32, 32, 3).byte()
            prepared = objective.prepare(video, [Draw(0, step, f"{row}") for row in range(8)])
            targets = prepared.targets
            targets = replace(targets, middle_KRLD=targets.middle_KRLD.roll(shift, dims=1))
            terms = objective.terms(objective.model, replace(prepared, targets=targets))
            optimizer.zero_grad()
            terms["middle"].backward()
            optimizer.step()
            losses.append(terms["middle"].item())
        return sum(losses[-10:]) / 10

    torch.set_num_threads(1)
    assert learn(shift=0) < 0.5 * learn(shift=1)


@pytest.mark.parametrize(
    ("config", "encoder", "message"),
    [
        (
            fake_config(FakeConfig(replace(MEANING, grid=(4, 2, 2)))),
            STUDENT,
            r"gives 4x2x2 tokens .* the student has 4x4x4 .* Set objective.teacher.size_px to 64",
        ),
        (
            fake_config(FakeConfig(replace(MEANING, num_frames=3))),
            STUDENT,
            r"takes 3 of the 4 frames that are decoded: it must divide them",
        ),
        (
            fake_config(motion=FakeConfig(replace(MOTION, num_frames=6))),
            STUDENT,
            r"takes 4 of the 6 frames",
        ),
        (fake_config(FakeConfig(MOTION)), STUDENT, r"attention, but .* does not tell where it looks"),
        (
            fake_config(FakeConfig(MOTION), mask=MaskConfig(kind="random"), weights=TermWeights(final=0.5)),
            STUDENT,
            r"weights.final = 0.5, but objective.teacher \(fake video model\) has no pooled vector",
        ),
        (
            fake_config(mask=MaskConfig(ratio=0.01)),
            STUDENT,
            r"ratio = 0.01 hides 0 of the 16 patches of a frame",
        ),
        (
            fake_config(FakeConfig(replace(MEANING, layers=4))),
            STUDENT,
            r"objective.teacher.layers = 4, but model.depth = 3",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    config: DistillationConfig, encoder: EncoderConfig, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        config.check(encoder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mask": {"kind": "tube", "scope": "clip"}}, "Set scope: frame"),
        ({"weights": {"middle": 0}}, r"weights.middle\n  Input should be greater than 0"),
        (
            {"weights": {"motion": 0}, "motion_teacher": {"kind": "videomae", "weights": "x"}},
            "motion_teacher, which would look at clips for nothing",
        ),
        ({"weights": {"motion": 2.0}}, "there is no motion_teacher"),
        ({"target_cache": {"folder": "x"}}, "kind = ema follows the student"),
    ],
)
def test_settings_that_contradict_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ema_config(**values)


def test_internvideo2s_own_figures() -> None:
    config = DistillationConfig.model_validate(
        {
            "kind": "distill",
            "teacher": {"kind": "internvl", "weights": "x"},
            "motion_teacher": {"kind": "videomae", "weights": "y"},
        }
    )
    encoder = EncoderConfig(size="1B")
    config.check(encoder)
    assert config.num_frames(encoder) == 16
    assert config.mask.num_visible(encoder.grid) == 8 * 52
    assert config.target_shapes(encoder) == {
        "visible": (1, 416),
        "middle": (6, 1, 417, 3200),
        "final": (768,),
        "motion": (4, 1, 416, 1408),
    }
    heads = config.student(encoder)
    assert (heads.middle.kind, heads.motion and heads.motion.kind) == ("linear", "mlp")
    small = config.model_copy(update={"mask": MaskConfig(scope="clip")})
    assert small.mask.num_visible(encoder.grid) == 410
