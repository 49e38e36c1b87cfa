"""How well and how fast shot boundaries are found, beside PySceneDetect's detectors at their defaults.

Accuracy: on clips with transitions marked by eye (the field's evaluator, tolerance of 2 frames), and on
transitions composed over single shots that no detector was trained on. Speed: ours is the whole stage, with
decoding in the sandbox; contenders run in turns on clips of one video stream, and on enlarged ones beside
bare decoding. Where a file has several video streams, ours takes the largest and PySceneDetect the first;
each is compared with what was marked in its own.

PySceneDetect runs in a process of its own, by this Python or another one, and is left out where it is
missing:

    python -m venv PEER && PEER/bin/pip install scenedetect==0.7.2 opencv-python-headless
    python benchmarks/shot_boundaries.py --media DIR --ground-truth FILE [--peer-python PEER/bin/python]
        [--footage DIR ...] [--pictures DIR ...]
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.interleaved import last_line
from benchmarks.shot_boundaries_accuracy import score, show_scores
from benchmarks.shot_boundaries_composed import (
    ComposedScore,
    held_out_pool,
    score_composed,
    show_composed,
)
from benchmarks.shot_boundaries_contenders import (
    Contender,
    Ours,
    Peer,
    PeerProcess,
    start_up_of_ours_s,
    start_up_of_peer_s,
    temporary_workspace,
)
from benchmarks.shot_boundaries_media import Clip, made_sources, made_tiny, read_clips
from benchmarks.shot_boundaries_peer import CLASSES
from benchmarks.shot_boundaries_speed import OURS, Speed, measure, show_speed
from benchmarks.shot_boundaries_verdict import accuracy_verdicts, speed_verdicts
from curation.base.workspace import Workspace
from curation.detect.content import ContentDetectorConfig
from curation.detect.loom import LoomConfig

CLASSICAL = "classical"
START_REPEATS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    clips = read_clips(options.media, options.ground_truth)
    if not clips:
        raise SystemExit(f"{options.media}: not one clip of {options.ground_truth} is there")
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with temporary_workspace() as workspace:
        peer = PeerProcess(options.peer_python)
        try:
            _compare(options, clips, workspace, peer)
        finally:
            peer.close()


def _compare(options: argparse.Namespace, clips: list[Clip], workspace: Workspace, peer: PeerProcess) -> None:
    config = _config(options)
    contenders = _contenders(options.detectors, config, workspace, peer)
    peers = [name for name in contenders if name in CLASSES]

    scores = {name: score(contender, clips) for name, contender in contenders.items()}
    show_scores(scores)
    verdicts = list(accuracy_verdicts(scores, peers)) if OURS in scores else []

    composed: dict[str, ComposedScore] = {}
    if options.composed:
        composed = _composed(options, contenders, workspace.scratch)

    speeds: list[Speed] = []
    starts: dict[str, float] = {}
    if options.repeats:
        sources = made_sources(workspace.scratch, clips)
        for speed in measure(contenders, workspace, sources, options.repeats):
            show_speed(speed)
            speeds.append(speed)
        verdicts += speed_verdicts(speeds) if OURS in contenders else []
        starts = _start_up(options, config, peers[:1], made_tiny(workspace.scratch, clips[0].path))

    print("\n" + "\n".join(str(verdict) for verdict in verdicts))
    figures = {name: dict(each.figures()) for name, each in scores.items()}
    for name in figures:
        if speeds:
            figures[name]["fps"] = round(speeds[0].fps(name)[0], 1)
        if name in composed:
            figures[name]["composed"] = composed[name].figures()
    last_line(
        detectors=figures,
        speed={speed.name: speed.figures() for speed in speeds},
        start_up_s={name: round(seconds, 3) for name, seconds in starts.items()},
        scenedetect=peer.version,
        verdicts=[asdict(verdict) for verdict in verdicts],
    )


def _contenders(
    names: Sequence[str], config: LoomConfig, workspace: Workspace, peer: PeerProcess
) -> dict[str, Contender]:
    """Those that were asked for; PySceneDetect's only if it answers."""
    if peer.error is None:
        print(f"PySceneDetect {peer.version}\n")
    else:
        print(f"PySceneDetect is left out ({peer.error}); give --peer-python a Python that has it\n")
    found: dict[str, Contender] = {}
    for name in names:
        if name == OURS:
            found[name] = Ours(config, workspace)
        elif name == CLASSICAL:
            found[name] = Ours(ContentDetectorConfig(), workspace)
        elif peer.error is None:
            found[name] = Peer(peer, name, workspace.scratch)
    if not found:
        raise SystemExit(f"--detectors {','.join(names)}: none is left")
    return found


def _composed(
    options: argparse.Namespace, contenders: Mapping[str, Contender], scratch: Path
) -> dict[str, ComposedScore]:
    pool = held_out_pool(scratch / "pool", options.scenes, options.footage, options.pictures)
    scores = score_composed(contenders, pool, options.composed)
    show_composed(scores, len(pool))
    return scores


def _start_up(
    options: argparse.Namespace, config: LoomConfig, peers: Sequence[str], tiny: Path
) -> dict[str, float]:
    """Median seconds, in turns, that a fresh process takes for a clip of a second."""
    starts: dict[str, Callable[[], float]] = {OURS: functools.partial(start_up_of_ours_s, config, tiny)}
    for name in peers:
        starts["PySceneDetect"] = functools.partial(start_up_of_peer_s, options.peer_python, name, tiny)
    found: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(START_REPEATS):
        for name, start in starts.items():
            found[name].append(start())
    medians = {name: statistics.median(seconds) for name, seconds in found.items()}
    for name, seconds in medians.items():
        print(f"start-up of {name}: {seconds:.2f} s")
    return medians


def _config(options: argparse.Namespace) -> LoomConfig:
    given = {"weights": options.weights, "threshold": options.threshold}
    return LoomConfig(**{name: value for name, value in given.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--media", type=Path, required=True, help="folder that the ground truth names files of"
    )
    parser.add_argument("--ground-truth", type=Path, required=True, help="JSON of marked transitions")
    parser.add_argument(
        "--detectors",
        type=_names,
        default=_names("ours,content,adaptive,hash,histogram"),
        help=f"of: {', '.join([OURS, CLASSICAL, *CLASSES])}; default: %(default)s",
    )
    parser.add_argument("--peer-python", default=sys.executable, help="a Python that has PySceneDetect")
    parser.add_argument("--repeats", type=int, default=7, help="of each timing; 0 leaves speed out")
    parser.add_argument("--composed", type=int, default=1000, help="transitions to compose; 0: none")
    parser.add_argument("--scenes", type=int, default=120, help="procedural shots to compose over")
    parser.add_argument("--footage", type=Path, nargs="*", default=[], help="held-out videos, a shot each")
    parser.add_argument("--pictures", type=Path, nargs="*", default=[], help="held-out photographs")
    parser.add_argument("--weights", help="of our network instead of those in the package")
    parser.add_argument("--threshold", type=float, help="of our network instead of the default")
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in (OURS, CLASSICAL, *CLASSES)]
    if unknown:
        known = ", ".join([OURS, CLASSICAL, *CLASSES])
        raise argparse.ArgumentTypeError(f"no detector {', '.join(unknown)}; there are {known}")
    return names


if __name__ == "__main__":
    main()
