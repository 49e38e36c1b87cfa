"""Our models beside numbers that the published ones gave, for the same weights and inputs.

    python benchmarks/parity.py FILE...

One line per output: the largest absolute error of its values, and the largest relative one (as a share of
the reference's value or of the root mean square of the output, whichever is larger). The last line is JSON.
Exit status 1 if any absolute error is above 1e-4 or any relative one above 1e-3 (float32 on a CPU), 2 if a
file is of no known kind.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import parity_internvideo2, parity_shots
from benchmarks.interleaved import last_line
from benchmarks.parity_output import Difference

MAX_ABSOLUTE = 1e-4
MAX_RELATIVE = 1e-3

KINDS: tuple[tuple[frozenset[str], Callable[[Mapping[str, Any]], Iterator[Difference]]], ...] = (
    (parity_shots.KEYS, parity_shots.differences),
    (parity_internvideo2.KEYS, parity_internvideo2.differences),
)
"""The keys that a kind of file has, and what compares it."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="outputs of reference models")
    paths = parser.parse_args(arguments).files
    errors: dict[str, dict[str, dict[str, float]]] = {}
    try:
        for path in paths:
            errors[str(path)] = {row.output: _shown(path, row) for row in differences(path)}
            if not errors[str(path)]:
                raise ValueError("nothing to compare, it holds no outputs")
    except ValueError as error:
        print(f"parity: {path}: {error}", file=sys.stderr)
        return 2
    above = [
        f"{path} {output}"
        for path, rows in errors.items()
        for output, row in rows.items()
        if row["absolute"] > MAX_ABSOLUTE or row["relative"] > MAX_RELATIVE
    ]
    last_line(max_absolute=MAX_ABSOLUTE, max_relative=MAX_RELATIVE, met=not above, above=above, errors=errors)
    return int(bool(above))


def _shown(path: Path, row: Difference) -> dict[str, float]:
    print(
        f"{path.name} {row.output}: absolute {_told(row.absolute, MAX_ABSOLUTE)}, "
        f"relative {_told(row.relative, MAX_RELATIVE)}"
    )
    return {"absolute": row.absolute, "relative": row.relative}


def _told(error: float, bound: float) -> str:
    return f"{error:.2e}" if error <= bound else f"{error:.2e} (above {bound:g})"


def differences(path: Path) -> Iterator[Difference]:
    """What a file compares, by the module for its kind.

    Raises:
        ValueError: the file cannot be read or is of no known kind.
    """
    try:
        document = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"no readable JSON ({error})") from error
    keys = document.keys() if isinstance(document, dict) else set()
    for wanted, compare in KINDS:
        if wanted <= keys:
            return compare(document)
    known = "; ".join(", ".join(sorted(wanted)) for wanted, _ in KINDS)
    raise ValueError(
        f"no known kind of file. Its keys are {', '.join(sorted(keys)) or 'none'}; a known kind has {known}"
    )


if __name__ == "__main__":
    sys.exit(main())
