"""Causes of differences, and what applying them does to the access of the customers concerned."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from domain.drift import HELD, Effect, Evidence, effect_on, explain, needs_review
from domain.policy import Policy
from service.database.connections import Connection
from service.provider.reconciliation.concerns import Concern
from service.provider.reconciliation.evidence import Records, evidence_of, unknown_types
from service.provider.recording import Compared
from service.queries.prospects import prospect
from service.queries.reconcile import Difference
from service.readmodels.streams import Target


class Judgement(Struct, frozen=True):
    """The differences of some customers, and who gains and who loses access."""

    differences: list[Difference]
    gains: list[str]
    losses: list[str]


async def judge(  # noqa: PLR0913, PLR0917 - what it judges, and by what
    conn: Connection,
    target: Target,
    policy: Policy,
    records: Records,
    found: Sequence[Compared],
    concerns: Sequence[Concern],
) -> Judgement:
    """Explain the differences of some customers; all that differ of each customer are among them.

    ``concerns`` has whom each of them concerns.

    Raises:
        Problem: ``not-ready`` while the read models are built for the first time.
    """
    streams = {one.entry.stream for one in found if one.entry.stream}
    unknown = await unknown_types(conn, target.book, streams)
    now = datetime.now(UTC)
    evidence = [evidence_of(one, records, unknown, now) for one in found]
    of_customer: dict[str, list[Compared]] = defaultdict(list)
    elsewhere: dict[str, set[str]] = defaultdict(set)
    for one, seen, concern in zip(found, evidence, concerns, strict=True):
        if explain(seen).cause in HELD:
            continue
        for customer_id in concern.customers:
            of_customer[customer_id].append(one)
            elsewhere[customer_id].update(concern.elsewhere)
    effects: dict[str, Effect] = {}
    reviewed: set[str] = set()
    for customer_id, news in of_customer.items():
        entries = [one.entry for one in news]
        changed = await prospect(
            conn, target, customer_id, entries, now, policy, elsewhere[customer_id]
        )
        effects[customer_id] = effect_on(changed.before, changed.after)
        reviewed |= needs_review(changed.subscriptions_before, changed.subscriptions_after)
    differences = [
        _difference(one, seen, concern.customers, effects, reviewed)
        for one, seen, concern in zip(found, evidence, concerns, strict=True)
    ]
    return Judgement(
        differences,
        [name for name, effect in effects.items() if effect == "gains"],
        [name for name, effect in effects.items() if effect == "loses"],
    )


def gone(kind: str, resource_id: str, ours: str | None, customer_id: str | None) -> Difference:
    """The difference of a resource that the provider does not have."""
    evidence = Evidence(category=kind, ours=ours, gone=True)
    explained = explain(evidence)
    return Difference(
        kind=kind, id=resource_id, customer_id=customer_id, ours=ours, theirs=None, fields=(),
        cause=explained.cause, evidence=explained.evidence, missing_types=(), effect="none",
        review=False, remedy=explained.remedy, applied=False,
    )  # fmt: skip


def _difference(
    found: Compared,
    evidence: Evidence,
    customers: Sequence[str],
    effects: dict[str, Effect],
    reviewed: set[str],
) -> Difference:
    explained = explain(evidence)
    felt = {effects.get(name, "none") for name in customers}
    effect: Effect = "none"
    if explained.cause not in HELD:
        effect = "loses" if "loses" in felt else "gains" if "gains" in felt else "none"
    kind = found.reading.kind.category
    review = explained.cause not in HELD and kind == "subscription" and found.reading.id in reviewed
    remedy = explained.remedy
    if review:
        remedy = (
            "A person decides: the customer has another subscription. To apply it:"
            " --apply --yes-they-lose-access"
        )
    return Difference(
        kind=kind,
        id=found.reading.id,
        customer_id=customers[0] if customers else None,
        ours=evidence.ours,
        theirs=evidence.theirs,
        fields=evidence.fields,
        cause=explained.cause,
        evidence=explained.evidence,
        missing_types=explained.missing_types,
        effect=effect,
        review=review,
        remedy=remedy,
        applied=False,
    )
