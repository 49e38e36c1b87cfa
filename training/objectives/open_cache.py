"""The cache of one objective: what its entries depend on, and what they hold."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from training.models.encoder_config import EncoderConfig
from training.objectives.distillation_config import DistillationConfig
from training.objectives.kept_targets import layout
from training.objectives.target_cache import TargetCache
from training.objectives.target_cache_config import TargetCacheConfig
from training.teachers.config import EmaConfig, HuggingFaceConfig, TeacherConfig
from training.views.augmentation_config import AugmentationConfig


def open_cache(
    config: DistillationConfig,
    encoder: EncoderConfig,
    augmentation: AugmentationConfig,
    cache: TargetCacheConfig,
) -> TargetCache:
    """The cache that a config names.

    Raises:
        ValueError: weights of a teacher are not there.
        OSError: the folder cannot be written, or weights not be read.
    """
    crops = augmentation.semantic()
    # How many views there are changes none of them; which sources are mirrored is told entry by entry.
    del crops["views_per_clip"], crops["unmirrored_sources"]
    settings: dict[str, Any] = {
        "teachers": {
            name: {
                "settings": {
                    key: value for key, value in teacher.semantic().items() if key != "weights_sha256"
                },
                "weights": weights_digest(teacher),
            }
            for name, teacher in config.teachers().items()
        },
        "grid": encoder.grid,
        "num_frames": config.num_frames(encoder),
        "size_px": encoder.size_px,
        "augmentation": crops,
        "mask": config.mask.semantic(),
        "masks_per_view": config.masks_per_view,
        "projection_width": config.projection_width,
        "storage": cache.storage,
    }
    tensors = layout(config.target_shapes(encoder), cache.storage)
    return TargetCache(cache, settings, tensors, augmentation.unmirrored_sources)


def weights_digest(teacher: TeacherConfig) -> str:
    """What tells weights from others: sha256 of the file, or of all files of a folder; a commit.

    Raises:
        ValueError: they are not there, and no sha256 is given for them.
        OSError: they cannot be read.
    """
    assert not isinstance(teacher, EmaConfig), "refused by DistillationConfig"
    if isinstance(teacher, HuggingFaceConfig):
        if teacher.revision is not None:
            return f"{teacher.model}@{teacher.revision}"
        return _sha256(Path(teacher.model))
    return teacher.weights_sha256 or _sha256(Path(teacher.weights))


def _sha256(path: Path) -> str:
    if not path.exists():
        raise ValueError(
            f"objective: a teacher's weights, {path}, do not exist. Give their path; a file whose targets "
            "are all kept may be left out if weights_sha256 is given."
        )
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        text = "\n".join(f"{file.relative_to(path)} {_sha256(file)}" for file in files)
        return hashlib.sha256(text.encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
