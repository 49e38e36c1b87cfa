"""Reported speech as a whole: a report most of which no line says is invented."""

from __future__ import annotations

from collections.abc import Iterator

from captioning.fusion.checks.case import Case
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.topics import Topic

INVENTED = 0.6
LEAST = 0.8
"""Reports of less than a verb tell too little."""
MOSTLY = 0.45
"""A report less of which than this share is carried counts as invented."""
_WEIGHTS = {"n": 1.0, "v": 0.8, "a": 0.8, "r": 0.3}


def invented_reports(case: Case) -> Iterator[Problem]:
    """A problem for each report that the cited lines do not carry."""
    for at, report in enumerate(case.reports):
        later = {place for other in case.reports[at + 1 :] for place in (other.event.place, *other.places)}
        said = [
            support
            for support in case.words
            if support.word.place in report.places - later and support.topic is not Topic.FRAME
        ]
        total = sum(_WEIGHTS[support.word.pos] for support in said)
        if total < LEAST:
            continue
        carried = sum(
            _WEIGHTS[support.word.pos] * max(support.score, 0.6 * support.elsewhere) for support in said
        )
        if carried < MOSTLY * total:
            detail = " ".join(support.word.form for support in said)
            yield Problem(ProblemKind.INVENTED_SPEECH, f"no cited line says: {detail}", INVENTED)
