"""Rejects by stage and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from curation.base.records import Record
from curation.base.rejects import Reason, Rejected
from pipelines.report.data import Loss, RejectGroup
from pipelines.report.reasons import MEANING
from pipelines.report.run_records import RunRecords
from pipelines.report.wording import shown, words

MAX_DETAIL = 600
MAX_ID = 200


def reject_groups(records: RunRecords) -> tuple[RejectGroup, ...]:
    """Every (stage, reason) with its count and the detail of the reject with the lowest id; the most
    frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], tuple[str, str]] = {}
    for batch in records.batches(Rejected, ["stage", "reason", "rejected_id", "detail"]):
        for row in batch.to_pylist():
            group, example = (row["stage"], row["reason"]), (row["rejected_id"], row["detail"])
            counts[group] += 1
            examples[group] = min(examples.get(group, example), example)
    ordered = sorted(counts, key=lambda group: (-counts[group], group))
    return tuple(
        RejectGroup(
            stage=stage,
            reason=words(reason),
            meaning=MEANING[Reason(reason)],
            count=counts[stage, reason],
            example_id=shown(examples[stage, reason][0], MAX_ID),
            example=shown(examples[stage, reason][1], MAX_DETAIL),
        )
        for stage, reason in ordered
    )


def losses_to(
    step: type[Record], groups: tuple[RejectGroup, ...], outputs: Mapping[str, type[Record]]
) -> tuple[Loss, ...]:
    """Rejects, by reason, of the stages that put out a record type."""
    counts: Counter[str] = Counter()
    for group in groups:
        if outputs.get(group.stage) is step:
            counts[group.reason] += group.count
    return tuple(Loss(why=why, count=count) for why, count in sorted(counts.items(), key=_most_first))


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
