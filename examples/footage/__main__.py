"""`python -m examples.footage FOLDER`: render the demo's footage."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from examples.footage.films import FILMS
from examples.footage.render import render_films
from examples.footage.speech import MissingSynthesiserError, check_synthesiser


def main() -> int:
    """Render the films that are not there yet and say what was done."""
    parser = argparse.ArgumentParser(prog="python -m examples.footage", description=__doc__)
    parser.add_argument(
        "folder", type=Path, help="where the videos go (and .shots.json, their true shot boundaries)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other pictures (default: 0)")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        check_synthesiser()
        rendered = render_films(FILMS, options.folder, options.seed)
    except MissingSynthesiserError as error:
        print(f"footage: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"footage: {error.cmd[0]} failed with status {error.returncode}", file=sys.stderr)
        return 1
    seconds = sum(film.duration_s for film in FILMS)
    took = f"rendered {len(rendered)} in {time.monotonic() - started:.0f} s" if rendered else "already there"
    print(f"{options.folder}: {len(FILMS)} videos, {seconds:.0f} s of footage, {took}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
