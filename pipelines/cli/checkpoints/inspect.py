"""cliploom checkpoints inspect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.checkpoints.options import checkpoint_errors, hint_options
from pipelines.cli.options import json_option
from pipelines.cli.shards.texts import plain, size_text

if TYPE_CHECKING:
    from training.released.description import Description
    from training.released.inspection import Inspection


@click.command("inspect")
@click.argument("file")
@hint_options
@json_option("Print one JSON object.")
def command(
    file: str, heads: int | None, file_frames: int | None, ignored: tuple[str, ...], as_json: bool
) -> int:
    """Say what FILE is: its kind, its model's config, and every key that is missing, unexpected or reshaped.

    Exit code 1 if a strict load of the model would fail, and for files that are no model by themselves.
    """
    with checkpoint_errors():
        from training.released.architecture import Hints
        from training.released.inspection import inspect_checkpoint

        found = inspect_checkpoint(Path(file), Hints(heads=heads, frames=file_frames), ignored)
    if as_json:
        click.echo(json.dumps({"file": file, **_values(found)}))
    else:
        for line in _lines(file, found):
            click.echo(line)
    return DONE if found.identity.loads else FAILED


def _values(found: Inspection) -> dict[str, Any]:
    identity, wrapping = found.identity, found.wrapping
    recognised, mismatch = identity.recognised, identity.mismatch
    return {
        "kind": recognised.kind,
        "title": recognised.title,
        "size_bytes": found.size_bytes,
        "format": wrapping.format,
        "unwrapped": list(wrapping.keys),
        "prefix": recognised.prefix,
        "beside": dict(wrapping.beside),
        "left_out": list(wrapping.left_out),
        "tensors": len(recognised.own),
        "parameters": found.parameters,
        "dtypes": dict(found.dtypes),
        "model": identity.description.model_dump(mode="json") if identity.description else None,
        "others": {group: len(names) for group, names in recognised.others.items()},
        "missing": list(mismatch.missing) if mismatch else None,
        "unexpected": list(mismatch.unexpected) if mismatch else None,
        "reshaped": {name: list(map(list, shapes)) for name, shapes in mismatch.reshaped.items()}
        if mismatch
        else None,
        "problem": identity.problem,
        "loads": identity.loads,
    }


def _lines(file: str, found: Inspection) -> Iterator[str]:
    identity, wrapping = found.identity, found.wrapping
    recognised = identity.recognised
    yield f"{plain(file)}: {recognised.title}"
    lay = [f"{size_text(found.size_bytes)}, {wrapping.format}"]
    lay += [f"under '{'.'.join(wrapping.keys)}'"] if wrapping.keys else []
    lay += [f"names begin with '{plain(recognised.prefix)}'"] if recognised.prefix else []
    yield f"  {'file':<14}{', '.join(lay)}"
    if wrapping.beside:
        beside = ", ".join(f"{plain(name, 40)} {plain(value, 40)}" for name, value in wrapping.beside.items())
        yield f"  {'beside':<14}{beside}"
    if wrapping.left_out:
        yield f"  {'not read':<14}objects of {', '.join(map(plain, wrapping.left_out))}"
    dtypes = ", ".join(f"{name} {count:,}" for name, count in found.dtypes.items())
    yield f"  {'parameters':<14}{found.parameters:,} in {len(recognised.own)} tensors ({dtypes})"
    for group, names in recognised.others.items():
        yield f"  {'other part':<14}{plain(group, 60)}: not of this model, tensors: {len(names)}"
    yield from _config_lines(found)
    if identity.problem is not None:
        yield plain(identity.problem, 4000)
    elif identity.mismatch is not None and not identity.loads:
        yield "A strict load would fail:"
        yield from (f"  {plain(line)}" for line in identity.mismatch.lines())
    else:
        yield "A strict load works: nothing is missing, unexpected or reshaped."
        if identity.description is None:
            yield f"It serves as a teacher of kind: {recognised.kind}, with the file as its weights."


def _config_lines(found: Inspection) -> Iterator[str]:
    description = found.identity.description
    if description is None:
        return
    encoder = description.encoder
    time, height, width = encoder.grid
    size = f"{encoder.size}: " if encoder.size else ""
    yield (
        f"  {'encoder':<14}{size}width {encoder.width}, depth {encoder.depth}, heads {encoder.heads}, "
        f"mlp_width {encoder.mlp_width}"
    )
    yield (
        f"  {'input':<14}{encoder.num_frames} frames of {encoder.size_px} px; patches of "
        f"{encoder.tubelet_frames} x {encoder.patch_px} x {encoder.patch_px}; {time} x {height} x {width} "
        f"tokens{', images have positions of their own' if encoder.image_positions else ''}"
    )
    for name, settings in _parts(description).items():
        text = ", ".join(f"{key} {value}" for key, value in settings.items()) if settings else "none"
        yield f"  {name:<14}{text}"
    told = "" if found.described else " (assumed: the file does not tell)"
    yield f"  {'gelu':<14}{encoder.gelu}{told}"
    if description.provenance:
        yield f"  {'from':<14}{plain(description.provenance.source)}: {description.provenance.recognised}"


def _parts(description: Description) -> dict[str, dict[str, Any] | None]:
    """What stands on the encoder, by a title."""
    values = description.model_dump(mode="json")
    match description.kind:
        case "student":
            return {f"{name} head": settings for name, settings in values["heads"].items()}
        case "classifier":
            return {"classifier": values["head"]}
        case "encoder":
            pool = {"width": description.encoder.pool_width, "heads": description.encoder.pool_heads}
            return {"pooling": pool if values["pool"] else None}
