"""Causes of differences, and what applying them does to the access of the customers concerned."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from domain.drift import HELD, Effect, Evidence, effect_on, explain, needs_review
from domain.policy import Policy
from service.database.connections import Connection
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


async def judge(
    conn: Connection, target: Target, policy: Policy, records: Records, found: Sequence[Compared]
) -> Judgement:
    """Explain the differences of some customers; all that differ of each customer are among them.

    Raises:
        Problem: ``not-ready`` while the read models are built for the first time.
    """
    streams = {one.entry.stream for one in found if one.entry.stream}
    unknown = await unknown_types(conn, target.book, streams)
    evidence = [evidence_of(one, records, unknown) for one in found]
    of_customer: dict[str, list[Compared]] = defaultdict(list)
    for one, seen in zip(found, evidence, strict=True):
        if explain(seen).cause in HELD:
            continue
        for customer_id in customers_of(one):
            of_customer[customer_id].append(one)
    effects: dict[str, Effect] = {}
    reviewed: set[str] = set()
    for customer_id, news in of_customer.items():
        entries = [one.entry for one in news]
        changed = await prospect(conn, target, customer_id, entries, datetime.now(UTC), policy)
        effects[customer_id] = effect_on(changed.before, changed.after)
        reviewed |= needs_review(changed.subscriptions_before, changed.subscriptions_after)
    differences = [
        _difference(one, seen, effects, reviewed) for one, seen in zip(found, evidence, strict=True)
    ]
    return Judgement(
        differences,
        [name for name, effect in effects.items() if effect == "gains"],
        [name for name, effect in effects.items() if effect == "loses"],
    )


def customers_of(found: Compared) -> tuple[str, ...]:
    """Whom a difference concerns: the customer it names, and the one that the book knows."""
    named = found.entry.customer.customer_id if found.entry.customer else None
    folded = found.known.folded if found.known else None
    known = getattr(folded.state, "customer_id", None) if folded else None
    return tuple(dict.fromkeys(name for name in (named, known) if name))


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
    found: Compared, evidence: Evidence, effects: dict[str, Effect], reviewed: set[str]
) -> Difference:
    explained = explain(evidence)
    customers = customers_of(found)
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
