"""Whether customers are entitled now.

``access_of`` answers for one customer, in one statement, as a login asks; ``access_of_customers``
for several in one statement. Both decide in ``decided``, and so does ``past_access``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field, structs

from domain.access import access
from domain.fold import Fold, decode
from domain.policy import Policy
from projections.customers import CUSTOMERS
from projections.disputes import DISPUTES
from projections.entitlement_grants import ENTITLEMENT_GRANTS
from projections.license_keys import LICENSE_KEYS
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.refunds import REFUNDS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem
from service.queries.answers import AccessAnswer, AccessAnswers
from service.queries.resources import checkpoint_of, of
from service.readmodels.folding import MOST_ENTRIES, fold_aside
from service.store.positions import Position

DECIDING: dict[str, Projection[Any]] = {
    "subscription": SUBSCRIPTIONS,
    "payment": PAYMENTS,
    "refund": REFUNDS,
    "dispute": DISPUTES,
    "entitlement_grant": ENTITLEMENT_GRANTS,
    "license_key": LICENSE_KEYS,
}
"""What decides on access, by category."""

_VIEWS = {projection.name: projection.view for projection in (*DECIDING.values(), CUSTOMERS)}

Rows = list[dict[str, Any]]


class Held(Struct):
    """What the book holds of a customer.

    Attributes:
        customer_id: as asked.
        folds: the streams that decide, by category.
        elsewhere: the subscriptions of other customers that the payments name.
        known: whether any event concerns the customer.
        stale: whether a stream is parked.
    """

    customer_id: str
    folds: dict[str, list[Fold[Any]]] = field(default_factory=lambda: {c: [] for c in DECIDING})
    elsewhere: set[str] = field(default_factory=set)
    known: bool = False
    stale: bool = False


def decided(held: Held, at: datetime, policy: Policy, checkpoint: Position) -> AccessAnswer:
    """The decision on one customer at a moment, by what the book holds of them."""
    folds = held.folds
    decision = access(
        folds["subscription"],
        at,
        payments=folds["payment"],
        refunds=folds["refund"],
        disputes=folds["dispute"],
        grants=folds["entitlement_grant"],
        keys=folds["license_key"],
        elsewhere=held.elsewhere,
        policy=policy,
    )
    return AccessAnswer(
        customer_id=held.customer_id,
        entitled=decision.entitled,
        state=decision.state,
        known=held.known,
        until=decision.until,
        because=decision.because,
        hint=None if held.known else _hint(held.customer_id),
        at=at,
        stale=held.stale,
        position=str(checkpoint),
    )


async def access_of(
    conn: Queryable, book: str, customer_id: str, now: datetime, policy: Policy
) -> AccessAnswer:
    """Whether a customer is entitled at ``now``; an unknown customer is not, and not ``known``.

    If the database's clock is ahead of ours, the answer rests on events recorded after ``now``.
    Then ``at`` is the time of the last recorded event, provided that the decision is the same at
    that time; otherwise it is ``now``, so that a clock once hours ahead ends no access early.
    """
    rows, checkpoint = await _rows_of(conn, book, customer_id)
    return _decided_now(customer_id, rows, now, policy, checkpoint)


async def held_of(conn: Queryable, book: str, customer_id: str) -> tuple[Held, Position]:
    """What the book holds of a customer, and up to which position."""
    rows, checkpoint = await _rows_of(conn, book, customer_id)
    return _held(customer_id, rows), checkpoint


async def _rows_of(conn: Queryable, book: str, customer_id: str) -> tuple[Rows, Position]:
    statement = statements.bind_views("queries/access", **_VIEWS)
    cursor = await conn.execute(statement, of(book, customer_id=customer_id))
    rows = await cursor.fetchall()
    # even after a restore of the database: it must not lock out paying customers
    return rows, checkpoint_of(rows, even_lost=True)


async def access_of_customers(
    conn: Queryable, book: str, customer_ids: Sequence[str], now: datetime, policy: Policy
) -> AccessAnswers:
    """The answers of ``access_of`` for several customers, in the order of ``customer_ids``.

    Raises:
        Problem: ``too-many-events``; ``busy``.
    """
    rows = await held_rows(conn, book, customer_ids)
    checkpoint = checkpoint_of(rows, even_lost=True)

    def decide() -> list[AccessAnswer]:
        by_id = by_customer(customer_ids, rows)
        return [_decided_now(i, found, now, policy, checkpoint) for i, found in by_id.items()]

    return AccessAnswers(await fold_aside(len(rows), decide), str(checkpoint))


async def held_rows(conn: Queryable, book: str, customer_ids: Sequence[str]) -> Rows:
    """What the book holds of each customer now: at least one row each, unless it is not ready.

    Raises:
        Problem: ``too-many-events``.
    """
    statement = statements.bind_views("queries/access_of_customers", **_VIEWS)
    params = of(book, customer_ids=list(customer_ids), most=MOST_ENTRIES + 1)
    rows = await (await conn.execute(statement, params, binary=True)).fetchall()
    if len(rows) > MOST_ENTRIES:
        held = f"These customers have more than {MOST_ENTRIES:,} resources."
        raise Problem("too-many-events", f"{held} Ask for fewer of them at a time.")
    return rows


def by_customer(customer_ids: Iterable[str], rows: Rows) -> dict[str, Rows]:
    """The rows of each customer, in the order of ``customer_ids``."""
    found: dict[str, Rows] = {customer_id: [] for customer_id in customer_ids}
    for row in rows:
        found[row["customer_id"]].append(row)
    return found


def _decided_now(
    customer_id: str, rows: Rows, now: datetime, policy: Policy, checkpoint: Position
) -> AccessAnswer:
    held = _held(customer_id, rows)
    answer = decided(held, now, policy, checkpoint)
    recorded_at = rows[0]["recorded_at"]
    if recorded_at is not None and recorded_at > now:
        later = decided(held, recorded_at, policy, checkpoint)
        if structs.replace(later, at=now) == answer:
            return later
    return answer


def _held(customer_id: str, rows: Rows) -> Held:
    held = Held(customer_id, known=rows[0]["known"], elsewhere=elsewhere_of(rows))
    for row in rows:
        held.stale = held.stale or row["stale"]
        if row["memo"] is not None:
            held.folds[row["category"]].append(decode(row["category"], row["memo"]))
    return held


def elsewhere_of(rows: Rows) -> set[str]:
    """The subscriptions of other customers that the payments name."""
    return {row["id"] for row in rows if row["category"] == "elsewhere"}


def _hint(customer_id: str) -> str | None:
    """What to ask instead, where an id cannot be one."""
    if "@" not in customer_id:
        return None
    address = quote(customer_id, safe="")
    return f"This looks like an e-mail address. Find its customer_id: /v1/customers?email={address}"
