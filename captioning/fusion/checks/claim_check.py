"""The check of one claim: all layers, and the score that they leave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from captioning.fusion.checks.actors import wrong_actors
from captioning.fusion.checks.binding import wrong_attributes
from captioning.fusion.checks.case import Case, make_case
from captioning.fusion.checks.citations import better_lines
from captioning.fusion.checks.counts import wrong_counts
from captioning.fusion.checks.negations import wrong_negations
from captioning.fusion.checks.order import wrong_order
from captioning.fusion.checks.problems import ClaimCheck, Problem, ProblemKind
from captioning.fusion.checks.senses import told_by_the_wrong_sense
from captioning.fusion.checks.spatial import wrong_relations
from captioning.fusion.checks.speakers import wrong_speakers
from captioning.fusion.checks.speech import invented_reports
from captioning.fusion.checks.topics import WEIGHTS
from captioning.fusion.checks.words_check import strangers, unsupported_words
from captioning.records import Modality, SourceLine, SupportScore
from curation.base.records import round_score

CHECKS: tuple[Callable[[Case], Iterator[Problem]], ...] = (
    unsupported_words,
    strangers,
    wrong_counts,
    wrong_attributes,
    wrong_negations,
    wrong_actors,
    wrong_relations,
    wrong_order,
    wrong_speakers,
    invented_reports,
    told_by_the_wrong_sense,
    better_lines,
)


def check_claim(text: str, cited: Sequence[str], sources: Sequence[SourceLine]) -> ClaimCheck:
    """Check a claim against the source lines that it cites by name (V1, A2), without a model.

    Words, numbers, colours and names must be carried by the cited lines; so must who does what to whom, what
    is attributed to what, order, negation, speakers and the sense that tells of it. Scores are rounded.
    """
    known = {source.line: source for source in sources}
    lines = [known[name] for name in dict.fromkeys(cited) if name in known]
    unknown = [name for name in cited if name not in known]
    if not lines:
        detail = f"cites {', '.join(unknown)}, which is no line" if unknown else "cites nothing"
        kind = ProblemKind.UNKNOWN_LINE if unknown else ProblemKind.NO_CITATION
        return ClaimCheck(0.0, (), (Problem(kind, detail, 1.0),))
    case = make_case(text, lines, [source for source in sources if source not in lines])
    problems = [Problem(ProblemKind.UNKNOWN_LINE, f"cites {name}, which is no line", 1.0) for name in unknown]
    problems += [problem for check in CHECKS for problem in check(case)]
    left = math.prod(1.0 - problem.weight for problem in problems)
    return ClaimCheck(round_score(left), _support(case, left), tuple(problems))


def _support(case: Case, left: float) -> tuple[SupportScore, ...]:
    """For each cited modality, the share of the claim's words that its lines carry, times what is left."""
    total = sum(WEIGHTS[support.topic] for support in case.words)
    scores = []
    for modality in Modality:
        columns = [at for at, line in enumerate(case.cited) if line.modality == modality]
        if not columns:
            continue
        carried = sum(
            WEIGHTS[support.topic] * max(support.by_line[at] for at in columns) for support in case.words
        )
        share = carried / total if total else 1.0
        scores.append(SupportScore(modality=modality, score=round_score(share * left)))
    return tuple(scores)
