"""The report as one HTML page: no network, no other files, and nothing in it that could run but the
page's own script."""

from __future__ import annotations

import base64
import functools
import hashlib
from itertools import groupby
from pathlib import Path

import jinja2

from captioning.records import Modality
from curation.base.storage import Storage
from pipelines.report import charts, wording
from pipelines.report.data import ReportData
from pipelines.report.filters import passing

PATH = "report/index.html"
TEMPLATES = Path(__file__).parent / "templates"


def render(data: ReportData) -> str:
    """The page; equal data gives equal text."""
    style, script = _asset("report.css"), _asset("report.js")
    return (
        _environment()
        .get_template("index.html.j2")
        .render(
            data=data,
            facts=data.facts,
            totals=data.totals,
            funnel_groups=[
                (unit, list(steps)) for unit, steps in groupby(data.funnel, lambda step: step.unit)
            ],
            modalities=list(Modality),
            charts=charts,
            style=style,
            script=script,
            policy=_policy(style, script),
        )
    )


def write(data: ReportData, storage: Storage) -> str:
    """Put the page in place at once; returns its URL."""
    storage.write_bytes(PATH, render(data).encode())
    return storage.uri(PATH)


def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy that admits the page's own style and script, by hash, and the
    thumbnails; should a caption ever escape its quoting, it still could neither run nor load."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.cache
def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "plural", "quantity", "duration", "clock", "size", "moment"):
        environment.filters[name] = getattr(wording, name)
    environment.filters["bin_label"] = charts.bin_label
    environment.filters["spread"] = charts.spread
    environment.filters["passing"] = passing
    return environment
