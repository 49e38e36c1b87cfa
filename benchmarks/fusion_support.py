"""How well the checker without a model tells supported claims from unsupported ones.

Each line of the file is a clip: {"video": [...], "audio": [...], "speech": [...], "claims": [{"text": ...,
"cites": ["V1"], "supported": true, "kind": ...}]}. A source line is a string or {"text", "start_s", "end_s"}.
The last line of the output is JSON: recall (unsupported claims found), false_alarm_rate (supported claims
flagged) and auroc, each also by kind, and claims per second.

    python benchmarks/fusion_support.py tests/captioning/fusion/planted_dev.jsonl [--errors] [--threshold 0.5]
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from captioning.fusion.checks import DEFAULT_THRESHOLD, ClaimCheck, check_claim
from captioning.records import Modality, SourceLine


@dataclass(frozen=True)
class Judged:
    """A claim of the file and what the checker makes of it."""

    text: str
    cites: tuple[str, ...]
    supported: bool
    kind: str
    sources: tuple[SourceLine, ...]
    check: ClaimCheck


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--threshold", type=float, default=DEFAULT_THRESHOLD)
    parser.add_argument("--errors", action="store_true", help="print every claim that is judged wrongly")
    arguments = parser.parse_args()
    clips = [json.loads(line) for line in arguments.file.read_text("utf-8").splitlines() if line.strip()]
    if not any(clip["claims"] for clip in clips):
        raise SystemExit(f"{arguments.file}: no claims")
    judge(clips[:1])
    started_s = time.process_time()
    judged = judge(clips)
    seconds = time.process_time() - started_s
    if arguments.errors:
        for claim in judged:
            if claim.check.supported(arguments.threshold) != claim.supported:
                show(claim)
    figures = measure(judged, arguments.threshold)
    for name in ("recall_by_kind", "false_alarm_rate_by_kind"):
        for kind, rate in figures[name].items():
            count = sum(
                claim.kind == kind and claim.supported == name.startswith("false") for claim in judged
            )
            print(
                f"{name:26} {kind:16} {rate:6.3f} of {count:4}   auroc {figures['auroc_by_kind'][kind]:.3f}"
            )
    figures["claims"] = len(judged)
    figures["claims_per_cpu_second"] = round(len(judged) / seconds, 1)
    figures["peak_memory_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    print(json.dumps(figures))


def judge(clips: Sequence[dict[str, Any]]) -> list[Judged]:
    """Check every claim of every clip."""
    judged = []
    for clip in clips:
        sources = read_sources(clip)
        for claim in clip["claims"]:
            check = check_claim(claim["text"], claim["cites"], sources)
            judged.append(
                Judged(
                    claim["text"],
                    tuple(claim["cites"]),
                    bool(claim["supported"]),
                    str(claim.get("kind")),
                    sources,
                    check,
                )
            )
    return judged


def read_sources(clip: dict[str, Any]) -> tuple[SourceLine, ...]:
    """The numbered lines of a clip. Lines without times get none (0 to 0)."""
    lines = []
    for modality in Modality:
        for number, item in enumerate(clip.get(modality.value) or (), start=1):
            line = {"text": item} if isinstance(item, str) else item
            lines.append(
                SourceLine(
                    line=f"{modality.letter}{number}",
                    modality=modality,
                    start_s=float(line.get("start_s", 0.0)),
                    end_s=float(line.get("end_s", 0.0)),
                    text=line["text"],
                    confidence=float(line.get("confidence", 1.0)),
                )
            )
    return tuple(lines)


def measure(judged: Sequence[Judged], threshold: float) -> dict[str, Any]:
    """Recall, false alarm rate and AUROC, over all and by kind."""
    false = [claim for claim in judged if not claim.supported]
    true = [claim for claim in judged if claim.supported]
    by_kind: dict[tuple[bool, str], list[Judged]] = defaultdict(list)
    for claim in judged:
        by_kind[claim.supported, claim.kind].append(claim)
    kinds = sorted(by_kind, key=lambda key: (key[0], key[1]))
    return {
        "recall": _share(false, threshold),
        "false_alarm_rate": _share(true, threshold),
        "auroc": auroc(true, false),
        "recall_by_kind": {
            kind: _share(by_kind[False, kind], threshold) for is_true, kind in kinds if not is_true
        },
        "false_alarm_rate_by_kind": {
            kind: _share(by_kind[True, kind], threshold) for is_true, kind in kinds if is_true
        },
        "auroc_by_kind": {
            kind: auroc(by_kind[True, kind], false) if is_true else auroc(true, by_kind[False, kind])
            for is_true, kind in kinds
        },
        "threshold": threshold,
    }


def _share(claims: Sequence[Judged], threshold: float) -> float | None:
    """The share that is flagged."""
    if not claims:
        return None
    return round(sum(not claim.check.supported(threshold) for claim in claims) / len(claims), 4)


def auroc(true: Sequence[Judged], false: Sequence[Judged]) -> float | None:
    """The chance that a supported claim scores higher than an unsupported one; ties count half."""
    if not true or not false:
        return None
    higher = sum(
        (a.check.score > b.check.score) + 0.5 * (a.check.score == b.check.score) for a in true for b in false
    )
    return round(higher / (len(true) * len(false)), 4)


def show(claim: Judged) -> None:
    """A claim that is judged wrongly, with its sources."""
    print(
        f"{'MISSED' if not claim.supported else 'FALSE ALARM'} {claim.kind} {claim.check.score}: {claim.text}"
    )
    for source in claim.sources:
        if source.line in claim.cites:
            print(f"    {source.line}: {source.text}")
    for problem in claim.check.problems:
        print(f"    - {problem.kind} {problem.weight:.2f}: {problem.detail}")


if __name__ == "__main__":
    main()
