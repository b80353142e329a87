"""Whose product is what a metric counts, now or as it was known at a position of the book.

A refund or dispute is of the product of its payment, and a payment whose cart is empty of those of
its subscriptions. So as it was known depends on both as they were known.
"""

from typing import Any, Literal

from msgspec import Struct
from psycopg.sql import SQL, Composable, Identifier

from projections.events import EVENTS
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.queries.metric_known import MOST_FOLDED, MetricQuestion, encoded, rows_then


class Counted(Struct, frozen=True):
    """What a sum counts: rows of a read model, and whose product is theirs."""

    projection: Projection[Any]
    product_of: Literal["itself", "its payment", "nothing"]


async def product_condition(
    conn: Queryable,
    counted: Counted,
    question: MetricQuestion,
    rows: Composable,
    params: dict[str, Any],
) -> tuple[Composable, dict[str, Any]]:
    """Whether a row ``c`` of what counts is of the product that is asked for.

    Args:
        conn: in the same ``one_question``.
        counted: what counts.
        question: what is asked.
        rows: the statement that lists what counts.
        params: the parameters of ``rows``.

    Returns:
        The condition, and its further parameters.

    Raises:
        Problem: ``too-many-events`` if more must be folded than one question may; ``busy``.
    """
    if question.product_id is None or counted.product_of == "nothing":
        return SQL("true"), {}
    own = counted.product_of == "itself"
    payments: Composable = statements.relation(PAYMENTS.view)
    subscriptions: Composable = statements.relation(SUBSCRIPTIONS.view)
    further: dict[str, Any] = {}
    if question.known is not None:
        events = statements.relation(EVENTS.view)
        paid = rows
        if not own:
            further["paid"] = await _payments_then(conn, question, rows, params)
            payments = statements.fill("queries/metrics/known_payments", payments=payments)
            paid = statements.fill("queries/metrics/payments_of", counted=rows, payments=payments)
        further |= await _products_then(conn, question, paid, {**params, **further})
        subscriptions = statements.fill(
            "queries/metrics/known_products", subscriptions=subscriptions, events=events
        )
    paid_for = statements.fill(
        "queries/metrics/paid_for",
        payment=Identifier("c" if own else "p"),
        subscriptions=subscriptions,
    )
    if own:
        return paid_for, further
    of_payment = statements.fill(
        "queries/metrics/payment_paid_for", payments=payments, paid_for=paid_for
    )
    return of_payment, further


async def _payments_then(
    conn: Queryable, question: MetricQuestion, rows: Composable, params: dict[str, Any]
) -> str:
    """The payments of refunds or disputes that changed since, as they were."""
    statement = statements.fill(
        "queries/metrics/changed_payments",
        counted=rows,
        payments=statements.relation(PAYMENTS.view),
    )
    found = await conn.execute(statement, {**params, "most": MOST_FOLDED})
    ids = [row["id"] for row in await found.fetchall()]
    return encoded(await rows_then(conn, PAYMENTS, ids, question))


async def _products_then(
    conn: Queryable, question: MetricQuestion, paid: Composable, params: dict[str, Any]
) -> dict[str, Any]:
    """The subscriptions of payments whose product may have been another one, as they were."""
    statement = statements.fill(
        "queries/metrics/changed_products", paid=paid, events=statements.relation(EVENTS.view)
    )
    found = await conn.execute(statement, {**params, "most": MOST_FOLDED})
    streams = [row["stream"] for row in await found.fetchall()]
    ids = [one.partition("-")[2] for one in streams]
    rows = await rows_then(conn, SUBSCRIPTIONS, ids, question)
    return {"resold": streams, "sold": encoded(rows)}
