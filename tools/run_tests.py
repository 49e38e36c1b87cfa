"""Runs the test suites one after another, each within a budget of minutes.

CONTRIBUTING.md holds the same table (a test compares them). A suite that runs past its budget is stopped
and counts as failed. The last lines are pytest's closing lines: one per suite, and their sum.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
NO_TESTS = 5
"""pytest's exit status when it collected nothing."""
LAST_WORDS_S = 20
"""How long an interrupted suite may take to say where it was."""


@dataclass(frozen=True)
class Suite:
    """Tests that run together: what pytest is given, in how many processes, for how long at most, and whether
    they wait to be named."""

    name: str
    paths: tuple[str, ...]
    budget_min: float
    processes: int = 2
    markers: str = "not ray"
    on_request: bool = False


SUITES = (
    Suite("packaging", ("tests/test_packaging.py", "tests/test_setup.py"), 1),
    Suite("base", ("tests/base",), 0.5),
    Suite("curation", ("tests/curation",), 5),
    Suite("detector", ("tests/detector",), 4, processes=1),
    Suite("captioning", ("tests/captioning",), 4),
    Suite("shards", ("tests/shards",), 4.5),
    Suite("training", ("tests/training",), 6.5),
    Suite("engine", ("tests/engine",), 2.5),
    Suite("pipelines", ("tests/pipelines",), 8),
    Suite("golden", ("tests/golden",), 1),
    Suite("docs", ("tests/docs",), 2),
    Suite("examples", ("tests/examples",), 2, processes=1),
    Suite("ray", ("tests",), 3.5, processes=1, markers="ray"),
    Suite("vllm", ("tests/vllm",), 12, processes=1, on_request=True),
)


@dataclass(frozen=True)
class Result:
    """How a suite went: pytest's status, its counts, and the seconds it took."""

    suite: Suite
    status: int
    counts: Counter[str]
    seconds: float
    over_budget: bool

    @property
    def failed(self) -> bool:
        """Whether any test failed, pytest could not run, or the budget was exceeded."""
        return self.status not in (0, NO_TESTS) or self.over_budget

    def line(self) -> str:
        """The suite's closing line."""
        line = f"{self.suite.name}: {_closing(self.counts, self.seconds)}"
        if self.over_budget:
            return f"{line}, stopped: it ran past its budget of {self.suite.budget_min:g} min"
        return line if self.counts or not self.failed else f"{line}, pytest ended with status {self.status}"


def main(names: list[str]) -> int:
    """Run the named suites, or all but those that want to be named."""
    known = {suite.name: suite for suite in SUITES}
    if unknown := set(names) - set(known):
        print(f"no such suite: {', '.join(sorted(unknown))}. There are: {', '.join(known)}", file=sys.stderr)
        return 2
    if not names and (forgotten := in_no_suite()):
        print(f"{', '.join(forgotten)}: in no suite of tools/run_tests.py; add one", file=sys.stderr)
        return 2
    results = [run_suite(suite) for suite in chosen(names)]
    print("\n== closing lines")
    for result in results:
        print(result.line())
    total = sum((result.counts for result in results), Counter())
    print(f"===== {_closing(total, sum(result.seconds for result in results))} =====")
    return int(any(result.failed for result in results))


def chosen(names: list[str]) -> list[Suite]:
    """The suites named, or without names those that do not wait for it, in their order."""
    return [suite for suite in SUITES if (suite.name in names if names else not suite.on_request)]


def in_no_suite(folder: Path = ROOT / "tests", suites: Iterable[Suite] = SUITES) -> list[str]:
    """Test files that no suite would run."""
    covered = [ROOT / path for suite in suites if suite.markers == "not ray" for path in suite.paths]
    files = sorted(folder.rglob("test_*.py"))
    return [
        str(file.relative_to(ROOT))
        for file in files
        if not any(file.is_relative_to(path) for path in covered)
    ]


def run_suite(suite: Suite) -> Result:
    """Run the tests of a suite within its budget."""
    print(f"\n== suite {suite.name}, budget {suite.budget_min:g} min", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "--durations=5", "-m", suite.markers, *suite.paths]
    environment = dict(os.environ)
    if suite.processes > 1:
        command += ["-n", str(suite.processes), "--dist", "loadfile"]
        environment["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        started = time.monotonic()
        process = subprocess.Popen(
            [*command, f"--junitxml={report}"], cwd=ROOT, env=environment, start_new_session=True
        )
        over_budget = _wait(process, suite.budget_min * 60)
        seconds = time.monotonic() - started
        return Result(suite, process.returncode, _counts(report), seconds, over_budget)


def _wait(process: subprocess.Popen[bytes], budget_s: float) -> bool:
    """Wait for a suite's end; when its time is up, interrupt it, then kill all it started.

    Returns whether it had to be stopped.
    """
    try:
        process.wait(budget_s)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS_S)
        return True
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _counts(report: Path) -> Counter[str]:
    """Outcomes out of pytest's report; empty if pytest wrote none."""
    if not report.is_file():
        return Counter()
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    passed = count["tests"] - count["failures"] - count["errors"] - count["skipped"]
    return Counter(failed=count["failures"], passed=passed, skipped=count["skipped"], error=count["errors"])


def _closing(counts: Counter[str], seconds: float) -> str:
    said = [f"{counts[what]} {what}" for what in ("failed", "passed", "skipped", "error") if counts[what]]
    return f"{', '.join(said) or 'no tests ran'} in {seconds:.2f}s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
