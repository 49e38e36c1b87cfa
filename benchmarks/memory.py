"""What a run holds in memory on one long source: the main job, whole, on two hours of full HD.

The target is for a worker together with its children (the decoding server, decoders, ffmpeg), their
resident sizes summed at the same moment; pages that they share are counted once for each. The driver,
which trains nothing here, stands beside it.

    python benchmarks/memory.py [--minutes 120] [--frames-per-s 10] [--folder KEEP]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.interleaved import last_line
from benchmarks.long_source import HEIGHT_PX, WIDTH_PX, make_long_source
from benchmarks.process_memory import DRIVER, FAMILY, WORKER, MemorySampler, Peak
from curation.base.ledger import Attempt, UnitRow
from curation.base.storage import Storage
from curation.base.tables import Tables

TARGET_BYTES = 1_500_000_000
WORKERS = 2
CONFIG = Path(__file__).resolve().parent.parent / "examples" / "quickstart.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=120, help="length of the source")
    parser.add_argument("--frames-per-s", type=int, default=10, help="frame rate of the source")
    parser.add_argument("--folder", type=Path, help="keeps the source and the run; default: a temporary one")
    options = parser.parse_args()
    with _folder(options.folder) as folder:
        started = time.monotonic()
        source = make_long_source(folder, options.minutes * 60, options.frames_per_s)
        made_s = time.monotonic() - started
        size_bytes = source.stat().st_size
        print(
            f"{WIDTH_PX}x{HEIGHT_PX}, {options.minutes} min at {options.frames_per_s} fps, "
            f"{size_bytes / 1e6:.0f} MB, there after {made_s:.0f} s",
            flush=True,
        )
        run_url = str(folder / f"run-{time.time_ns()}")
        summary, peaks, rounds = _run(source, run_url, folder / "scratch")
        stages = _stages(run_url)
    _show(peaks, stages, summary)
    family = peaks[FAMILY]
    met = family.rss < TARGET_BYTES
    print(f"a worker with its children: {family.rss / 1e6:.0f} MB (target {TARGET_BYTES / 1e6:.0f})")
    last_line(
        minutes=options.minutes,
        frames_per_s=options.frames_per_s,
        source_bytes=size_bytes,
        generate_s=round(made_s, 1),
        run_s=summary["seconds"],
        clips=summary["clips"],
        samples=summary["samples"],
        rejected=summary["rejected"],
        peak_bytes={kind: {"hwm": p.hwm, "rss": p.rss, "pss": p.pss} for kind, p in peaks.items()},
        at_peak={kind: _under_way(stages, peaks[kind]) for kind in (DRIVER, WORKER, FAMILY) if kind in peaks},
        stage_s={stage["stage"]: stage["seconds"] for stage in stages},
        samples_of_memory=rounds,
        target_bytes=TARGET_BYTES,
        met=met,
    )


def _run(source: Path, run_url: str, scratch: Path) -> tuple[dict[str, Any], dict[str, Peak], int]:
    """The main job in processes of its own: its summary, and the peaks of its memory."""
    settings = ["training=", f"execution.workers={WORKERS}", f"execution.scratch={scratch}"]
    overrides = [text for setting in settings for text in ("--set", setting)]
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "run", str(CONFIG)]
    command += ["--input", str(source), "--output", run_url, "--json", *overrides]
    environment = {**os.environ, "PYTHONPATH": str(CONFIG.parent.parent)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    with process, MemorySampler(process.pid) as sampler:
        printed, _ = process.communicate()
    code = process.returncode
    if code != 0:
        sys.exit(f"the run ended with exit code {code}; its messages are above")
    return json.loads(printed.splitlines()[-1]), dict(sampler.peaks), sampler.rounds


def _stages(run_url: str) -> list[dict[str, Any]]:
    """When each stage was at work, from the ledger: `stage`, `from_s`, `to_s` (since 1970), `seconds`."""
    tables = Tables(Storage(run_url))
    attempts, units = tables.read(Attempt.TABLE), tables.read(UnitRow.TABLE)
    assert attempts is not None
    assert units is not None
    seconds = dict(zip(attempts["attempt"].to_pylist(), attempts["seconds"].to_pylist(), strict=True))
    stages = []
    for row in units.select(["stage", "attempt", "committed_at"]).to_pylist():
        took_s, to_s = seconds[row["attempt"]], row["committed_at"]
        stages.append({"stage": row["stage"], "from_s": to_s - took_s, "to_s": to_s, "seconds": took_s})
    return sorted(stages, key=lambda stage: float(stage["from_s"]))


def _under_way(stages: list[dict[str, Any]], peak: Peak) -> list[str]:
    return [stage["stage"] for stage in stages if stage["from_s"] <= peak.at_s <= stage["to_s"]]


def _show(peaks: dict[str, Peak], stages: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    print(f"\n{'MB':<20}{'processes':>10}{'peak (VmHWM)':>14}{'sampled RSS':>13}{'PSS':>8}   at the peak")
    for kind, peak in sorted(peaks.items(), key=lambda item: -item[1].rss):
        hwm = f"{peak.hwm / 1e6:.0f}" if peak.hwm else ""
        print(
            f"{kind:<20}{len(peak.processes):>10}{hwm:>14}{peak.rss / 1e6:>13.0f}{peak.pss / 1e6:>8.0f}"
            f"   {', '.join(_under_way(stages, peak))}"
        )
    print(f"\n{'stage':<20}{'from s':>10}{'seconds':>10}")
    for stage in stages:
        print(f"{stage['stage']:<20}{stage['from_s'] - stages[0]['from_s']:>10.1f}{stage['seconds']:>10.1f}")
    print(f"\n{summary['clips']} clips, {summary['samples']} samples in {summary['seconds']} s")


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


if __name__ == "__main__":
    main()
