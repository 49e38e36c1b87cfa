"""Telling checkpoints apart by the names and shapes of their tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from training.released.errors import CheckpointMismatchError
from training.released.matching import Shapes

Kind = Literal["student", "encoder", "classifier", "videomae", "internvl", "delta"]

PATCHES = "patch_embed.proj.weight"
POOL_QUERY = "clip_projector.cross_attn.q.weight"
HEADS = frozenset(
    {
        "clip_projector",
        "clip_decoder",
        "clip_pos_embed",
        "clip_img_pos_embed",
        "final_clip_decoder",
        "mae_decoder",
        "mae_pos_embed",
        "img_pos_embed",
        "fc_norm",
        "head",
        "extra_mlp",
    }
)
"""What stands on an encoder, by the first word of its names: who takes the encoder may want none of it."""

_PREFERRED = ("", "vision_encoder.", "model.", "encoder.", "student.")
"""Where several models of a kind lie in one file, which one is meant."""

_INTERNVL_TEXT = ("transformer", "text_projection", "logit_scale")

_CLIP_BASES = {
    384: ("S", "the distilled S/14 encoder and MobileCLIP's text encoder"),
    768: ("B", "the distilled B/14 encoder and MobileCLIP's text encoder"),
    1024: ("L", "the distilled L/14 encoder and MobileCLIP's text encoder"),
    1408: ("1B", "InternVideo2-stage2_1b-224p-f4.pt and the text side of internvl_c_13b_224px.pth"),
    3200: ("6B", "internvideo2-s2_6b-224p-f4.pt and the text side of internvl_c_13b_224px.pth"),
}
"""Width of the pooling -> model, and what a clip file was trained on (InternVideo2's model zoo)."""


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """What a file holds: the model's tensors by their names in the model, what stood before those names in
    the file, and all other tensors by group (`text_encoder`…), by their names in the file."""

    kind: Kind
    title: str
    prefix: str
    own: Shapes
    others: Mapping[str, tuple[str, ...]]
    needs: str | None = None
    """What a delta was trained on."""


def recognise(shapes: Shapes, source: str) -> Recognised:
    """Tell what a state dict is of.

    Raises:
        CheckpointMismatchError: nothing that is known; its groups of names are listed.
    """
    prefix = _prefix(shapes, PATCHES)
    if prefix is None:
        return _delta(shapes, source)
    own, others = _split(shapes, prefix)
    parts = {name.partition(".attn.")[2] for name in own if name.startswith("blocks.")}
    if "q_bias" in parts:
        return Recognised(kind="videomae", title="VideoMAE encoder", prefix=prefix, own=own, others=others)
    if "q_norm.weight" not in parts:
        raise CheckpointMismatchError(
            f"{source}: a vision transformer, but not one of InternVideo2's: its blocks have no attn.q_norm. "
            f"{_groups_text(shapes)} InternVideo2 students, classifiers and stage-2 files, VideoMAE and "
            "InternVL-C are known."
        )
    if len(own[PATCHES]) == 4 or "text_projection" in own:
        return _internvl(own, prefix, others)
    kind, title = _internvideo2(own, others)
    return Recognised(kind=kind, title=title, prefix=prefix, own=own, others=others)


def _internvideo2(own: Shapes, others: Mapping[str, tuple[str, ...]]) -> tuple[Kind, str]:
    where = " inside a whole stage-2 file" if "text_encoder" in others else ""
    if "fc_norm.weight" in own or "head.weight" in own:
        extra = " with an extra MLP (_ap_)" if "extra_mlp.0.weight" in own else ""
        return "classifier", f"fine-tuned classifier{extra}"
    groups = {name.partition(".")[0] for name in own}
    if "clip_decoder" not in groups:
        return "encoder", f"video encoder{where}"
    if "mae_decoder" in groups:
        return "student", "stage-1 student of two teachers"
    if any(name.startswith("clip_decoder.") and ".head.2." in name for name in own):
        return "student", "distilled student of one teacher"
    if where or "img_pos_embed" in own:
        return "student", f"stage-2 vision encoder{where}"
    return "student", "student of one teacher"


def _internvl(own: Shapes, prefix: str, others: Mapping[str, tuple[str, ...]]) -> Recognised:
    """The text side of InternVL-C lies beside its image encoder without a prefix."""
    text: dict[str, list[str]] = {group: [] for group in _INTERNVL_TEXT}
    for name in own:
        if name.partition(".")[0] in text:
            text[name.partition(".")[0]].append(prefix + name)
    return Recognised(
        kind="internvl",
        title="InternVL-C image encoder",
        prefix=prefix,
        own={name: shape for name, shape in own.items() if name.partition(".")[0] not in text},
        others={**others, **{group: tuple(names) for group, names in text.items() if names}},
    )


def _delta(shapes: Shapes, source: str) -> Recognised:
    prefix = _prefix(shapes, POOL_QUERY)
    if prefix is None:
        raise CheckpointMismatchError(
            f"{source} holds no video encoder: no name ends in {PATCHES}. {_groups_text(shapes)}"
        )
    own, others = _split(shapes, prefix)
    size, needs = _CLIP_BASES.get(
        own[POOL_QUERY][-1] if own[POOL_QUERY] else 0, ("unknown size", "the encoder that it was trained on")
    )
    return Recognised(
        kind="delta",
        title=f"clip weights ({size}): attention pooling only, trained on top of another file",
        prefix=prefix,
        own=own,
        others=others,
        needs=needs,
    )


def _prefix(shapes: Shapes, ending: str) -> str | None:
    """What stands before a name that the model must have, None if it has it nowhere."""
    found = {name.removesuffix(ending) for name in shapes if name == ending or name.endswith(f".{ending}")}
    return min(found, key=_rank, default=None)


def _rank(prefix: str) -> tuple[int, int, str]:
    place = _PREFERRED.index(prefix) if prefix in _PREFERRED else len(_PREFERRED)
    return place, len(prefix), prefix


def _split(shapes: Shapes, prefix: str) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[str, ...]]]:
    own = {name.removeprefix(prefix): tuple(s) for name, s in shapes.items() if name.startswith(prefix)}
    others: dict[str, list[str]] = defaultdict(list)
    for name in shapes:
        if not name.startswith(prefix):
            others[name.partition(".")[0]].append(name)
    return own, {group: tuple(names) for group, names in others.items()}


def _groups_text(shapes: Shapes) -> str:
    groups: dict[str, int] = defaultdict(int)
    for name in shapes:
        groups[name.partition(".")[0]] += 1
    listed = [f"{group} ({count})" for group, count in sorted(groups.items())]
    more = f" and {len(listed) - 20} more" if len(listed) > 20 else ""
    return f"Its groups of names are: {', '.join(listed[:20])}{more}."
