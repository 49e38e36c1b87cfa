"""What `cliploom run` says at its end."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import textwrap

from pipelines.config import PipelineConfig
from pipelines.run import RunSummary


def closing_text(summary: RunSummary, config: PipelineConfig, config_path: str, output: str) -> str:
    """Where everything lies, what the captions are worth, and what to try next."""
    command = _command()
    lines = [
        _counts(summary),
        "",
        f"  shards   {summary.shards_url}",
        f"  report   {summary.report_url}",
    ]
    if summary.training_url:
        lines.append(f"  training {summary.training_url} (checkpoints, TensorBoard and metrics.jsonl)")
    lines.append(f"  log      {summary.log_url}")
    if summary.rejected:
        reasons = ", ".join(f"{reason} {count}" for reason, count in summary.rejected.items())
        lines += ["", f"Turned down: {reasons}. Why, file by file: {command} tables {output} rejected"]
    if embedded := _embedded(config):
        lines += [
            "",
            *_what_embedded_ones_do(embedded),
            "Captioners that ask models are chosen by `kind:` under `captioning:` in the config",
            "(docs/captioners.md; recipes in examples/captioning).",
        ]
    if summary.postponed:
        return "\n".join(lines)
    lines += [
        "",
        "Next:",
        f"  {command} run {config_path} --input YOUR_FOLDER --output YOUR_RUN",
        f"  {command} shards head {summary.shards_url}",
        f"  {command} train examples/train/stage1_tiny_cpu.yaml --set data.train={summary.shards_url}",
    ]
    return "\n".join(lines)


def _counts(summary: RunSummary) -> str:
    held = (
        f"{summary.inputs} files, {summary.sources} videos, {summary.clips} clips, "
        f"{summary.fused} fused captions, {summary.samples} samples in {summary.shards} shards"
    )
    if summary.postponed:
        return f"Not finished after {summary.seconds:.1f} s: {held}."
    if summary.executed == 0 and summary.trained_steps == 0:
        return f"Nothing was left to do ({summary.seconds:.1f} s): {held}."
    trained = f", {summary.trained_steps} training steps" if summary.trained_steps else ""
    return f"Done in {summary.seconds:.1f} s: {held}{trained}."


def _embedded(config: PipelineConfig) -> list[str]:
    """The modalities whose captions come from what is built in."""
    captioning = config.captioning
    kinds = {"video": captioning.video.kind, "audio": captioning.audio.kind, "speech": captioning.speech.kind}
    return [modality for modality, kind in kinds.items() if kind in ("measured", "pocketsphinx")]


def _what_embedded_ones_do(modalities: list[str]) -> list[str]:
    facts = {
        "video": "video captions state facts such as camera motion and colours",
        "audio": "audio captions state facts such as loudness and pauses",
        "speech": "speech recognition is offline, English only and rough",
    }
    said = "; ".join(facts[modality] for modality in modalities)
    return textwrap.wrap(f"Embedded captioners measure rather than describe: {said}.", 100)


def _command() -> str:
    """How the user can call this command: by its name where that is found, else by the path used."""
    called = sys.argv[0]
    found = shutil.which("cliploom")
    if not os.path.isfile(called) or (found is not None and os.path.samefile(found, called)):
        return "cliploom"
    return shlex.quote(called)
