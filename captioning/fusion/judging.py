"""Judges a draft: each claim by the checks and, where one is configured, by an entailment model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from captioning.fusion.checks import ClaimCheck, check_claim, checks_fingerprints
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.entailment import Entailment
from captioning.fusion.written import WrittenClaim
from captioning.records import Dropped, Modality, SourceLine
from captioning.served import Unusable
from curation.base.records import round_score

_TOLD = {Modality.VIDEO: "{}", Modality.AUDIO: "Heard: {}", Modality.SPEECH: 'A voice says: "{}"'}


@dataclass(frozen=True)
class Judged:
    """A draft's claims and, in the same order, what the checks found."""

    claims: Sequence[WrittenClaim]
    checks: Sequence[ClaimCheck]
    least_support: float

    @property
    def holds(self) -> bool:
        """Whether every claim is supported."""
        return all(self._supported(check) for check in self.checks)

    @property
    def support_rate(self) -> float:
        """Share of the claims that are supported."""
        return round_score(sum(map(self._supported, self.checks)) / len(self.checks))

    def dropped(self, draft: int) -> tuple[Dropped, ...]:
        """The claims that are not supported."""
        return tuple(
            Dropped(
                text=claim.text,
                lines=claim.cites,
                problems=tuple(f"{problem.kind}: {problem.detail}" for problem in check.problems),
                score=check.score,
                draft=draft,
            )
            for claim, check in zip(self.claims, self.checks, strict=True)
            if not self._supported(check)
        )

    def explained(self) -> str:
        """The claims and what is wrong with them, for who writes the next draft."""
        lines = []
        for number, (claim, check) in enumerate(zip(self.claims, self.checks, strict=True), start=1):
            said = f"{number}. {claim.text} [{', '.join(claim.cites)}]"
            if self._supported(check):
                lines.append(f"{said} - in order")
            else:
                why = "; ".join(problem.detail for problem in check.problems) or "its lines do not say so"
                lines.append(f"{said} - not supported: {why}")
        return "\n".join(lines)

    def _supported(self, check: ClaimCheck) -> bool:
        return check.supported(self.least_support)


class Judge:
    """Checks drafts; holds the word lists."""

    def __init__(self, least_support: float, entailment: Entailment | None) -> None:
        self._least_support = least_support
        self._entailment = entailment

    @staticmethod
    def fingerprints() -> Mapping[str, str]:
        """Of the word lists and rules."""
        return checks_fingerprints()

    def __call__(
        self, drafts: Sequence[tuple[Sequence[WrittenClaim], Sequence[SourceLine], str]]
    ) -> Iterator[Judged]:
        """What the checks say of each draft: its claims, the lines it may rest on, its unit.

        Entailment is only asked of claims that passed the checks before it; its score bounds theirs.
        """
        found = [
            [check_claim(claim.text, claim.cites, lines) for claim in claims] for claims, lines, _ in drafts
        ]
        if self._entailment is not None:
            open_ones = [
                (number, place)
                for number, checks in enumerate(found)
                for place, check in enumerate(checks)
                if check.supported(self._least_support)
            ]
            pairs = [
                (_premise(drafts[number][0][place], drafts[number][1]), drafts[number][0][place].text)
                for number, place in open_ones
            ]
            units = [drafts[number][2] for number, _ in open_ones]
            for (number, place), verdict in zip(open_ones, self._entailment(pairs, units), strict=True):
                found[number][place] = _bounded(found[number][place], verdict)
        for (claims, _, _), checks in zip(drafts, found, strict=True):
            yield Judged(claims, checks, self._least_support)


def _premise(claim: WrittenClaim, lines: Sequence[SourceLine]) -> str:
    """The cited lines as sentences that say by which sense they are known: what a voice says is no fact."""
    known = {line.line: line for line in lines}
    cited = [known[cite] for cite in claim.cites if cite in known]
    return " ".join(_TOLD[line.modality].format(line.text) for line in cited)


def _bounded(check: ClaimCheck, verdict: float | Unusable) -> ClaimCheck:
    if isinstance(verdict, Unusable):
        score, detail = 0.0, f"the entailment model could not judge it: {verdict.why}"
    else:
        score, detail = verdict, f"the entailment model gives it {verdict:.2f}"
    if score >= check.score:
        return check
    return replace(
        check,
        score=round_score(score),
        support=tuple(replace(part, score=round_score(min(part.score, score))) for part in check.support),
        problems=(*check.problems, Problem(ProblemKind.ENTAILMENT, detail, round_score(1.0 - score))),
    )
