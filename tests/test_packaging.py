"""What is installed: the wheel's contents, the extras, names nobody else may own, quick start-up."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tools.install import WITHOUT_DEPENDENCIES
from tools.run_tests import SUITES, Suite, chosen, in_no_suite, run_suite

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("curation", "captioning", "shards", "training", "pipelines")
HEAVY = ("torch", "ray", "transformers", "cv2", "av", "pocketsphinx", "silero_vad", "imageio_ffmpeg")
OPTIONAL = {
    "ray": {"pipelines/executors/ray.py", "captioning/serve/ray_serve.py"},
    "whisper": {"captioning/speech/whisper.py", "captioning/speech/whisper_weights.py"},
    "faster_whisper": {"captioning/speech/faster_whisper.py"},
    "huggingface_hub": {"captioning/serve/weights.py"},
    "deepspeed": {"training/engines/deepspeed.py"},
    "wandb": {"training/logs/wandb_sink.py"},
}
"""What comes with an extra, and the files that may import it, each with a message where it is missing."""
HELP_S = 0.3


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as `pip wheel` builds it, by the build backend that is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
    ]
    subprocess.run([*command, str(ROOT)], check=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_wheel_holds_the_five_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)


def test_every_package_is_typed(wheel: zipfile.ZipFile) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel.namelist())


def test_the_wheel_holds_every_source_file_and_the_licence(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    missing = {str(path.relative_to(ROOT)) for path in sources} - names
    assert not missing
    licences = {name.rsplit("/", 1)[1] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE", "WORDNET-LICENSE.txt"}
    text = wheel.read(next(name for name in names if name.endswith("licenses/LICENSE"))).decode()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_the_extras_are_there(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    extras = set(re.findall(r"^Provides-Extra: (\S+)$", wheel.read(name).decode(), re.MULTILINE))
    assert extras >= {"ray", "vllm", "whisper", "train", "gpu", "audit", "demo", "dev"}


def test_base_dependencies_leave_out_what_extras_are_for() -> None:
    base = " ".join(project()["dependencies"])
    for name in ("ray", "vllm", "whisper", "deepspeed", "flash-attn", "fastapi", "espeak"):
        assert not re.search(rf"\b{name}\b", base), name


def test_no_other_distribution_owns_our_packages() -> None:
    owners = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        assert set(owners.get(package, ["cliploom"])) == {"cliploom"}, f"{package}: {owners[package]}"


def test_our_packages_are_those_of_this_checkout(tmp_path: Path) -> None:
    code = f"import importlib; print(*[importlib.import_module(p).__path__[0] for p in {PACKAGES!r}])"
    completed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert [Path(path) for path in completed.stdout.split()] == [ROOT / package for package in PACKAGES]


def test_configs_and_stages_import_nothing_heavy() -> None:
    code = (
        f"import sys, pipelines.config, pipelines.build; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert completed.stdout.split() == []


def test_help_imports_little_and_takes_less_than_300_ms() -> None:
    """Processor time, the best of several: a busy machine stretches the wall clock."""
    command = [str(Path(sys.executable).with_name("cliploom")), "--help"]
    seconds = []
    for _ in range(8):
        before = os.times()
        completed = subprocess.run(command, capture_output=True, text=True, check=True)
        after = os.times()
        seconds.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    assert "Usage: cliploom" in completed.stdout
    assert min(seconds) < HELP_S, f"cliploom --help took {min(seconds):.2f} s of processor time"


def test_every_import_is_a_declared_dependency() -> None:
    """What base packages import must come with `pip install .`, but for `OPTIONAL`."""
    names = {re.match(r"[\w.-]+", text)[0].lower() for text in project()["dependencies"]}
    names |= {"pydantic-core"}  # the half of pydantic that is written in Rust, always of one version with it
    owners = importlib.metadata.packages_distributions()
    undeclared = set()
    for source in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for module in imported_modules(source) - set(sys.stdlib_module_names) - set(PACKAGES):
            distributions = {name.lower().replace("_", "-") for name in owners.get(module, [module])}
            optional = str(source.relative_to(ROOT)) in OPTIONAL.get(module, ())
            if not distributions & names and not optional:
                undeclared.add(f"{source.relative_to(ROOT)}: {module}")
    assert not undeclared


def imported_modules(source: Path) -> set[str]:
    """The first names of all imports of a file."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_constraints_pin_every_dependency() -> None:
    pinned = {
        re.split(r"[=;]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    wanted = [*project()["dependencies"], *project()["optional-dependencies"]["demo"]]
    wanted += [name for name in project()["optional-dependencies"]["dev"] if not name.startswith("cliploom")]
    wanted += [name for bare in WITHOUT_DEPENDENCIES.values() for name in bare]
    names = {re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in wanted}
    assert not names - pinned


@pytest.mark.parametrize(
    ("extra", "package", "left_out"),
    [(extra, *bare) for extra, packages in WITHOUT_DEPENDENCIES.items() for bare in packages.items()],
)
def test_what_is_installed_without_its_dependencies_has_the_others(
    extra: str, package: str, left_out: tuple[str, ...]
) -> None:
    declared = {
        re.match(r"[\w.-]+", text)[0].lower()
        for text in importlib.metadata.requires(package) or ()
        if "extra ==" not in text
    }
    ours = [*project()["dependencies"], *project()["optional-dependencies"][extra]]
    names = {re.match(r"[\w.-]+", text)[0].lower() for text in ours}
    assert set(left_out) <= declared
    for name in declared - names - set(left_out):
        # Such as tqdm, which others bring: it must be there, and pinned.
        assert importlib.metadata.version(name)
        assert re.search(rf"^{name}==", (ROOT / "constraints.txt").read_text(), re.MULTILINE), name


def test_every_test_file_is_in_a_suite() -> None:
    assert in_no_suite() == []


def test_suites_have_the_budgets_that_contributing_says_and_fit_in_45_minutes() -> None:
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert {name: float(budget) for name, budget in rows} == {
        suite.name: suite.budget_min for suite in SUITES
    }
    assert sum(suite.budget_min for suite in chosen([])) < 45


def test_a_suite_on_request_runs_only_if_it_is_named() -> None:
    assert "vllm" not in [suite.name for suite in chosen([])]
    assert [suite.name for suite in chosen(["vllm", "base"])] == ["base", "vllm"]


def test_a_suite_past_its_budget_is_stopped_and_says_so(tmp_path: Path) -> None:
    test_file = tmp_path / "test_slow.py"
    test_file.write_text("import time\ndef test_quick(): pass\ndef test_slow(): time.sleep(60)\n")
    result = run_suite(Suite("slow", (str(test_file),), budget_min=4 / 60, processes=1))
    assert result.failed
    assert "ran past its budget" in result.line()
    assert result.seconds < 30


def test_a_suite_says_how_it_went(tmp_path: Path) -> None:
    test_file = tmp_path / "test_mixed.py"
    test_file.write_text(
        "import pytest\ndef test_1(): pass\ndef test_2(): assert False\ndef test_3(): pytest.skip('why')\n"
    )
    result = run_suite(Suite("mixed", (str(test_file),), budget_min=1, processes=1))
    assert result.failed
    assert result.line().startswith("mixed: 1 failed, 1 passed, 1 skipped in ")
