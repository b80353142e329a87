"""What a figure is made of: the payments behind revenue, the movements behind MRR.

The rows come from the statements that are summed, so their amounts add up to the figure, also as
it was known at a past position.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from psycopg.rows import DictRow
from psycopg.sql import Composable, Composed, Identifier

from projections.customers import CUSTOMERS
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.queries.changes import link
from service.queries.disputes import Payer
from service.queries.metric_known import MetricQuestion, one_question, rows_then
from service.queries.metric_products import Counted
from service.queries.metric_rows import counted_statement, movement_statement, summed
from service.queries.paging import Order
from service.store.positions import Position

Figure = Literal[
    "mrr", "mrr_at_start", "new", "expansion", "contraction", "churned", "reactivated", "known",
    "trial", "on_demand",
]  # fmt: skip
"""A figure of recurring revenue: the fields of the rows of ``Mrr`` and ``Churn``."""

_CAME = ("new", "known", "reactivated", "switched_to", "trial_began", "on_demand_began")
_WENT = ("churned", "switched_from", "trial_ended", "on_demand_ended")
_RECURRING = (
    "new", "known", "reactivated", "switched_to", "churned", "switched_from", "expansion",
    "contraction",
)  # fmt: skip
_STANDING: Mapping[str, tuple[str, ...]] = {
    "mrr": _RECURRING,
    "mrr_at_start": _RECURRING,
    "trial": ("trial_began", "trial_ended"),
    "on_demand": ("on_demand_began", "on_demand_ended"),
}
"""The kinds of movement that lead to what stands at a moment."""

_MOVED: Mapping[str, tuple[str, ...]] = {
    "expansion": ("expansion", "switched_to"),
    "contraction": ("contraction", "switched_from"),
}
"""The kinds of movement that a figure adds up, where they are not the one of its name."""


class Part(Struct, frozen=True):
    """One of the things that a figure is made of; ``amount`` in minor units of ``currency``.

    ``at`` is the date by which it counts. ``movement`` is the kind of movement, null for what
    stands at a moment. ``fee`` is that of a payout. ``customer`` is whose it was as far as known,
    by name and address of today; null if no event named one.
    """

    kind: str
    id: str
    at: datetime
    currency: str | None
    amount: int | None
    fee: int | None
    movement: str | None
    customer: Payer | None
    event_position: str
    link: str


class Parts(Struct, frozen=True):
    """A page of parts, the latest first; ``next_cursor`` is null on the last page."""

    data: list[Part]
    next_cursor: str | None
    position: str


class Wanted(Struct, frozen=True):
    """Which page of parts is wanted.

    Attributes:
        currency: only those in it; ``none`` for those without one, None for all.
        limit: the size of the page.
        order: where it begins.
        reflected: the position that the answer reflects.
    """

    currency: str | None
    limit: int
    order: Order[str]
    reflected: Position


async def parts_of_sum(
    conn: Queryable, counted: Counted, question: MetricQuestion, wanted: Wanted
) -> Parts:
    """A page of what a sum of payments, refunds, disputes or payouts is made of.

    Raises:
        Problem: as ``sum_rows``.
    """
    if question.precedes_book:
        return _nothing(wanted)
    async with one_question(conn, question):
        statement, params = await counted_statement(
            conn, "queries/metrics/counted", counted, question,
            customers=statements.relation(CUSTOMERS.view), conditions=_conditions(wanted),
        )  # fmt: skip
        kind = counted.projection.source_name
        return await _page(conn, kind, statement, params, question, wanted)


async def parts_of_mrr(
    conn: Queryable, figure: Figure, question: MetricQuestion, wanted: Wanted
) -> Parts:
    """A page of the movements, or of the subscriptions, that a figure is made of.

    Raises:
        Problem: as ``movement_rows``.
    """
    if question.precedes_book:
        return _nothing(wanted)
    kinds = _STANDING.get(figure)
    span = question.span
    async with one_question(conn, question):
        statement, params = await movement_statement(
            conn, "queries/metrics/standing" if kinds else "queries/metrics/moves", question,
            subscriptions=statements.relation(SUBSCRIPTIONS.view),
            customers=statements.relation(CUSTOMERS.view), conditions=_conditions(wanted),
        )  # fmt: skip
        params |= {
            "kinds": [*(kinds or _MOVED.get(figure, (figure,)))], "came": [*_CAME],
            "went": [*_WENT],
            "before": span.periods[0] if figure == "mrr_at_start" else span.until,
        }  # fmt: skip
        return await _page(conn, "subscription", statement, params, question, wanted)


def _nothing(wanted: Wanted) -> Parts:
    return Parts([], None, str(wanted.reflected))


def _conditions(wanted: Wanted) -> Composable:
    return wanted.order.condition(Identifier("at"), Identifier("key"))


async def _page(  # noqa: PLR0913, PLR0917 - the statement, and all that it is given
    conn: Queryable,
    kind: str,
    statement: Composed,
    params: Mapping[str, Any],
    question: MetricQuestion,
    wanted: Wanted,
) -> Parts:
    given = {
        **params, **wanted.order.params, "currency": wanted.currency, "limit": wanted.limit + 1,
    }  # fmt: skip
    rows = await summed(conn, statement, given)
    more, rows = len(rows) > wanted.limit, rows[: wanted.limit]
    following = None
    if more:
        following = wanted.order.following(rows[-1]["at"], rows[-1]["key"], wanted.reflected)
    owned = SUBSCRIPTIONS if kind == "subscription" else PAYMENTS
    rows = await _with_owners(conn, owned, rows, question)
    return Parts([_part(kind, row) for row in rows], following, str(wanted.reflected))


async def _with_owners(
    conn: Queryable, owned: Projection[Any], rows: list[DictRow], question: MetricQuestion
) -> list[DictRow]:
    """The rows, whose ``owner`` changed since, with its customer as it was known."""
    owners = {row["owner"] for row in rows if row["owner"]}
    if not owners:
        return rows
    then = await rows_then(conn, owned, owners, question)
    ids = {one[owned.key]: one["customer_id"] for one in then if one["customer_id"]}
    found = await conn.execute(
        statements.fill("queries/metrics/names", customers=statements.relation(CUSTOMERS.view)),
        {"book": question.target.book, "ids": [*{*ids.values()}]},
    )
    named = {row["customer_id"]: row for row in await found.fetchall()}
    nobody = {"customer_id": None, "email": None, "name": None}
    return [
        row | named.get(ids.get(row["owner"]), nobody) if row["owner"] else row for row in rows
    ]  # fmt: skip


def _part(kind: str, row: Mapping[str, Any]) -> Part:
    payer = row["customer_id"] and Payer(row["customer_id"], row["email"], row["name"])
    return Part(
        kind=kind,
        id=row["id"],
        at=row["at"],
        currency=row["currency"],
        amount=row["amount"],
        fee=row["fee"],
        movement=row["what"] if kind == "subscription" else None,
        customer=payer or None,
        event_position=str(row["position"]),
        link=link(kind, row["id"]),
    )
