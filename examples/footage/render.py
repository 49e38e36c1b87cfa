"""Renders films into a folder, two at a time, leaving those alone that are there as they should be."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from curation.media.ffmpeg import ffmpeg_version
from examples.footage.encode import encode
from examples.footage.film import Film
from examples.footage.sound import speak_over
from examples.footage.speech import VOICES, speak

PROCESSES = 2
TRUTH_FILE = ".shots.json"
"""Hidden, so that a run over the folder passes it over."""
CONVENTION = {
    "start": "the last frame that belongs only to the outgoing shot",
    "end": "the first frame that belongs only to the incoming shot (a cut: end = start + 1)",
    "frame_index": "counted from 0 in order of display, which is the order of decoding",
    "edge_fades": "fades at the very start and end; they bound no shot",
    "hard_negatives": "places inside a shot where a detector may be misled",
}


def render_films(films: Sequence[Film], folder: Path, seed: int) -> list[str]:
    """Render what is missing or was made differently, and write `.shots.json` with the true shot
    boundaries, the narration and the sha256 of each film.

    Returns the names of the films that had to be rendered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe = _recipe(seed)
    missing = [film for film in films if not _is_there(folder, film, recipe)]
    # A fresh process for each film: eSpeak keeps state between utterances.
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        jobs = [
            pool.submit(render, film, folder / film.name, [seed, index])
            for index, film in enumerate(films)
            if film in missing
        ]
        for job in jobs:
            job.result()
    if missing:
        entries = {film.name: _entry(folder, film) for film in films}
        text = json.dumps({"_convention": CONVENTION, "_recipe": recipe, **entries}, indent=1)
        (folder / TRUTH_FILE).write_text(text + "\n")
    return [film.name for film in missing]


def render(film: Film, path: Path, seed: list[int]) -> None:
    """Render one film. The same film and seed give the same bytes in a fresh process."""
    cv2.setNumThreads(1)
    sound = None
    if film.sound is not None:
        speech = [(line.start_s, speak(line.text, VOICES[film.speaker])) for line in film.narration]
        bed = film.sound(np.random.default_rng(seed), film.duration_s)
        sound = speak_over(bed, speech)
    encode(path, film.frames(seed), film.frame_rates, sound)


def _entry(folder: Path, film: Film) -> dict[str, Any]:
    narration = [{"start_s": line.start_s, "text": line.text} for line in film.narration]
    return {"sha256": _sha256(folder / film.name), **film.truth(), "narration": narration}


def _is_there(folder: Path, film: Film, recipe: str) -> bool:
    try:
        known = json.loads((folder / TRUTH_FILE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    path = folder / film.name
    return known["_recipe"] == recipe and path.is_file() and _sha256(path) == known[film.name]["sha256"]


def _recipe(seed: int) -> str:
    """A hash of all that decides the bytes: seed, this package's source, libraries, ffmpeg."""
    digest = hashlib.sha256(str(seed).encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    for library in ("numpy", "opencv-python-headless", "espeakng-loader"):
        digest.update(version(library).encode())
    digest.update(ffmpeg_version().encode())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
