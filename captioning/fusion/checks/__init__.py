"""Whether a claim is supported by the source lines it cites, without a model."""

from captioning.fusion.checks.claim_check import check_claim
from captioning.fusion.checks.coverage import Coverage, coverage
from captioning.fusion.checks.fingerprints import checks_fingerprints
from captioning.fusion.checks.problems import DEFAULT_THRESHOLD, ClaimCheck, Problem, ProblemKind

__all__ = [
    "DEFAULT_THRESHOLD",
    "ClaimCheck",
    "Coverage",
    "Problem",
    "ProblemKind",
    "check_claim",
    "checks_fingerprints",
    "coverage",
]
