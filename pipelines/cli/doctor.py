"""cliploom doctor."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.options import json_option


@click.command("doctor")
@click.option("--storage", help="Also check that runs can live at this folder or URL.")
@json_option("Print one JSON object.")
def command(storage: str | None, as_json: bool) -> int:
    """Check this machine, and with --storage the place where runs would be kept."""
    from pipelines.health import check_machine, check_storage

    findings = list(check_machine())
    if storage is not None:
        findings += check_storage(storage)
    failed = [finding for finding in findings if finding.ok is False]
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            mark = {True: "ok", False: "FAILED", None: "-"}[finding.ok]
            click.echo(f"{mark:<7} {finding.name:<20} {finding.detail}")
    return FAILED if failed else DONE
