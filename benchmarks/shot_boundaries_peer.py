"""PySceneDetect in a process of its own: a request per line of stdin, an answer per line of stdout, JSON.

Runs in any environment that has PySceneDetect 0.7 (it imports nothing of ours), so that the peer and its
OpenCV stay out of ours. The first line says which version answers, or why none does. Every detector is used
as it is by default, and as `SceneManager` uses it.

A cut, a fade too, is a transition from the frame before the one that PySceneDetect names, which is the first
of the incoming shot, to that frame.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

CLASSES = {
    "content": "ContentDetector",
    "adaptive": "AdaptiveDetector",
    "hash": "HashDetector",
    "histogram": "HistogramDetector",
    "threshold": "ThresholdDetector",
}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # Whatever a codec library prints goes to stderr.
    os.dup2(2, 1)
    try:
        import scenedetect
    except ImportError as error:
        answers.write(json.dumps({"error": f"{sys.executable}: {error}"}) + "\n")
        return
    answers.write(json.dumps({"version": scenedetect.__version__}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        make = in_frames if "frames" in request else in_file
        answers.write(json.dumps(make(**request)) + "\n")


def in_file(detector: str, path: str) -> dict[str, Any]:
    """Transitions in the first video stream of a file, and the seconds that they took."""
    from scenedetect import SceneManager, open_video

    started = time.perf_counter()
    video = open_video(path)
    manager = SceneManager()
    manager.add_detector(_detector(detector))
    manager.detect_scenes(video)
    starts = [start.frame_num for start, _ in manager.get_scene_list()][1:]
    return {
        "transitions": [(start - 1, start) for start in starts],
        "num_frames": video.frame_number,
        "duration_s": video.frame_number / float(video.frame_rate),
        "wall_s": time.perf_counter() - started,
    }


def in_frames(detector: str, frames: str) -> dict[str, Any]:
    """Transitions in a file (npy) of RGB frames [T, height, width, 3], given to the detector as they are."""
    import numpy as np
    from scenedetect import FrameTimecode

    found = _detector(detector)
    cuts = []
    time_of = FrameTimecode(0, fps=25.0)
    for number, image in enumerate(np.load(Path(frames), allow_pickle=False)):
        time_of = FrameTimecode(number, fps=25.0)
        cuts += found.process_frame(time_of, np.ascontiguousarray(image[..., ::-1]))
    cuts += found.post_process(time_of)
    starts = sorted({cut.frame_num for cut in cuts})
    return {"transitions": [(start - 1, start) for start in starts if start > 0]}


def _detector(name: str) -> Any:
    import scenedetect.detectors

    return getattr(scenedetect.detectors, CLASSES[name])()


if __name__ == "__main__":
    main()
