"""Naive answers from the truth, in plain code: status, fields, access, revenue, credit.

An oracle answers None where the documentation leaves the answer open.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from tests.simulator.deliveries import Delivery, latest_rendered
from tests.simulator.world import Fields, Resource, World, add_interval

_A_MOMENT = timedelta(seconds=10)
"""Nearer to a change than this, the stamps, the rows and the clocks may disagree."""

_PAYING = ("active", "past_due")
_YEARLY = {
    "Day": Fraction(365),
    "Week": Fraction(365, 7),
    "Month": Fraction(12),
    "Year": Fraction(1),
}


def status_of(fields: Fields) -> str:
    """The status in a row, as we spell it."""
    status: str = fields.get("status") or fields.get("dispute_status") or "open"
    return status.lower().removeprefix("dispute_")


def settled(world: World, moment: datetime) -> bool:
    """Whether nothing happened so near to a moment that clocks matter."""
    near = [
        *(fact.at for fact in world.facts),
        *(version.at for one in world.resources.values() for version in one.versions),
    ]
    return all(abs(at - moment) > _A_MOMENT for at in near)


def status_at(world: World, stream: str, moment: datetime) -> str | None:
    """The status at a moment; None where no event had told of the resource."""
    if all(fact.at > moment for fact in world.facts_of(stream)):
        return None
    row = world.resources[stream].row(moment)
    return status_of(row) if row is not None else None


def since(resource: Resource, number: int) -> datetime:
    """When the status of a version began."""
    versions = resource.versions
    status = status_of(versions[number].fields)
    while number > 0 and status_of(versions[number - 1].fields) == status:
        number -= 1
    return versions[number].at


def newest_row(world: World, deliveries: Sequence[Delivery]) -> Fields:
    """The row in the newest snapshot among the deliveries of a stream.

    What changed silently after it, nobody was told.
    """
    newest = latest_rendered(deliveries)
    return world.resources[newest.stream].versions[newest.version].fields


def tells_all(world: World, deliveries: Sequence[Delivery]) -> bool:
    """Whether sending shows which snapshot is the newest; clocks may disagree on that."""
    newest = latest_rendered(deliveries)
    rows = world.resources[newest.stream].versions
    return all(
        one.sent_at < newest.sent_at or rows[one.version].fields == rows[newest.version].fields
        for one in deliveries
    )


def last_renewal(world: World, deliveries: Iterable[Delivery]) -> str | None:
    """The payment of the latest renewal that was told of."""
    facts = [world.facts[one.fact] for one in deliveries]
    renewals = [f for f in facts if f.type == "subscription.renewed" and f.extra]
    latest = max(renewals, key=lambda fact: fact.at, default=None)
    return latest.extra["payment_id"] if latest else None


def monthly(fields: Fields) -> Fraction:
    """What a subscription is worth in a month, exactly."""
    count = fields["payment_frequency_count"]
    amount: int = fields["recurring_pre_tax_amount"]
    a_year = _YEARLY[fields["payment_frequency_interval"]]
    return amount * a_year / (12 * Fraction(count))


def mrr(world: World, stream: str, moment: datetime) -> dict[str, Fraction]:
    """Recurring revenue of a subscription at a moment, by currency; nothing where there is none."""
    row = world.resources[stream].row(moment)
    if row is None or row["status"] not in _PAYING:
        return {}
    return {row["currency"]: monthly(row)}


def month_ends(world: World) -> Iterator[datetime]:
    """The ends of all months in which something happened."""
    stamps = [fact.at for fact in world.facts]
    month = min(stamps).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month <= max(stamps):
        month = add_interval(month, "Month", 1)
        yield month


def credit(rows: Iterable[Resource]) -> tuple[Decimal, Decimal]:
    """Balance and overage after the last row."""
    last = [*rows][-1].fields
    return Decimal(str(last["balance_after"])), Decimal(str(last["overage_after"]))


def breaks(rows: Sequence[Resource]) -> int | None:
    """How often a row does not find what the one before it left.

    None where several stand in one instant, or where the balance fits and the overage does not.
    """
    fields = [row.fields for row in rows]
    if len({one["created_at"] for one in fields}) < len(fields):
        return None
    pairs = list(pairwise(sorted(fields, key=lambda one: one["created_at"])))
    broken = [float(a["balance_after"]) != float(b["balance_before"]) for a, b in pairs]
    overage = [float(a["overage_after"]) != float(b["overage_before"]) for a, b in pairs]
    if any(less and not more for more, less in zip(broken, overage, strict=True)):
        return None
    return sum(broken)


def is_circular(rows: Sequence[Resource]) -> bool:
    """Whether the first instant of a ledger ends where it began: nothing shows its start."""
    began = rows[0].fields["created_at"]
    first = [row.fields for row in rows if row.fields["created_at"] == began]
    return float(first[0]["balance_before"]) == float(first[-1]["balance_after"])


def opens_again(world: World, stream: str) -> bool:
    """Whether a dispute was opened after it was decided, which no documentation foresees."""
    return "dispute.opened" in [fact.type for fact in world.facts_of(stream)][1:]


def is_kept(world: World, stream: str) -> bool:
    """Whether nothing of a payment was given back or is disputed."""
    fields = world.resources[stream].fields
    return not fields["refunds"] and not fields["disputes"]


def is_new(row: Fields, others: Iterable[Fields]) -> bool:
    """Whether a row shows what no other does; else it may be as old as that."""
    aside = ("metadata", "paused_at")
    seen = {name: value for name, value in row.items() if name not in aside}
    return all(any(one.get(name) != value for name, value in seen.items()) for one in others)
