"""Whether other lines fit the claim better than the cited ones."""

from __future__ import annotations

from collections.abc import Iterator

from captioning.fusion.checks.case import Case, carried
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.topics import WEIGHTS

BETTER = 0.25
"""An uncited line must carry this much more of the claim's words than all cited ones together."""
WEIGHT = 0.8
LEAST = 0.5
"""Claims whose words weigh less in all fit anywhere."""


def better_lines(case: Case) -> Iterator[Problem]:
    """A problem if one line that is not cited carries clearly more of the claim than the cited lines do."""
    tellers = {case.claim.mentions[at].place for report in case.reports for at in report.event.subjects}
    words = [support for support in case.words if support.word.place not in tellers]
    total = sum(WEIGHTS[support.topic] for support in words)
    if total < LEAST:
        return
    cited = sum(WEIGHTS[support.topic] * support.score for support in words) / total
    if cited + BETTER >= 1.0:
        return
    for line in case.others:
        other = (
            sum(WEIGHTS[support.topic] * carried(support.word, line.source.text) for support in words) / total
        )
        if other > cited + BETTER:
            yield Problem(ProblemKind.WRONG_CITATION, f"{line.source.line} fits better", WEIGHT)
            return
