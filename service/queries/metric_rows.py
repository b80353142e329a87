"""The rows that a metric is made of, now or as they were known at a position of the book.

Sums are of counts by day, which are few. Rows are read one by one on the days that two periods of a
time zone share, where they changed since what was known, and where only a product is asked for.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Identifier

from projections.catalog import COUNTS
from projections.disputes import DISPUTES
from projections.movements import MOVEMENTS
from projections.payments import PAYMENTS
from projections.payouts import PAYOUTS
from projections.projection import Projection
from projections.refunds import REFUNDS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.connections import Connection
from service.queries.metric_known import MetricQuestion, known_movements, known_rows
from service.readmodels.writing import counted as counted_rows

_ALWAYS = datetime(1, 1, 1, tzinfo=UTC)


class Counted(Struct, frozen=True):
    """What a sum counts: rows of a read model, and whose product is theirs."""

    projection: Projection[Any]
    product_of: Literal["itself", "its payment", "nothing"]


PAID = Counted(PAYMENTS, "itself")
REFUNDED = Counted(REFUNDS, "its payment")
DISPUTED = Counted(DISPUTES, "its payment")
PAID_OUT = Counted(PAYOUTS, "nothing")

Asked = tuple[Composed, dict[str, Any]]
"""A statement and its parameters."""

_CREATED = Identifier("created_at")


async def movement_rows(conn: Connection, question: MetricQuestion) -> list[DictRow]:
    """The sums of movements by period, currency and kind.

    Raises:
        Problem: as ``movement_statement``.
    """
    known = await known_movements(conn, question)
    if question.product_id is None:
        changed = statements.fill("queries/metrics/changed_movements", view=_view(MOVEMENTS))
        found = _by_day(MOVEMENTS, Identifier("at"), _CREATED, changed)
    else:
        moved = _moved(SQL("true"))
        found = statements.fill("queries/metrics/moved_one_by_one", moved=moved)
    statement = statements.fill("queries/metrics/movements", found=found)
    # those before the first period lead to what stands at its beginning
    params = _params(question) | known | {"begin": _ALWAYS, "booked_by": "created_at"}
    return await (await conn.execute(statement, params)).fetchall()


async def movement_statement(
    conn: Connection, name: str, question: MetricQuestion, **parts: Composable
) -> Asked:
    """A statement over the movements that a question is about, as known.

    Raises:
        Problem: ``too-many-events`` if more must be folded than one question may; ``busy``.
    """
    known = await known_movements(conn, question)
    moved_with = statements.text("queries/metrics/moved_with")
    statement = statements.fill(
        name, moved=_moved(SQL("true")), moved_with=_moved(SQL(moved_with)), **parts
    )
    return statement, _params(question) | known


def _moved(condition: Composable) -> Composed:
    return statements.fill("queries/metrics/moved", movements=_view(MOVEMENTS), condition=condition)


async def sum_rows(
    conn: Connection, name: str, counted: Counted, question: MetricQuestion
) -> list[DictRow]:
    """The sums that a statement makes of what is counted.

    Raises:
        Problem: as ``movement_statement``.
    """
    known = await known_rows(conn, counted.projection, question)
    date = Identifier(question.booked_by)
    if question.product_id is None:
        view = _view(counted.projection)
        changed = statements.fill("queries/metrics/changed_rows", view=view)
        found = _by_day(counted.projection, date, date, changed)
    else:
        found = statements.fill(
            "queries/metrics/one_by_one", **_listed(counted, question), date=date
        )
    statement = statements.fill(name, found=found)
    return await (await conn.execute(statement, _params(question) | known)).fetchall()


async def counted_statement(
    conn: Connection, name: str, counted: Counted, question: MetricQuestion, **parts: Composable
) -> Asked:
    """A statement over what a question counts, as known.

    Raises:
        Problem: as ``movement_statement``.
    """
    known = await known_rows(conn, counted.projection, question)
    date = Identifier(question.booked_by)
    statement = statements.fill(
        name, **_listed(counted, question), date=date, payments=_view(PAYMENTS), **parts
    )
    return statement, _params(question) | known


def _by_day(
    projection: Projection[Any], column: Identifier, date: Identifier, changed: Composed
) -> Composed:
    """What counts, by whole days where it can be; ``column`` is the date as the table names it."""
    view = _view(projection)
    shared = statements.fill("queries/metrics/shared", view=view, column=column)
    folded = statements.fill("queries/metrics/folded_rows", view=view)
    return statements.fill(
        "queries/metrics/by_day",
        counts=_view(COUNTS[projection.name]),
        date=date,
        shared=counted_rows(projection, shared),
        changed=counted_rows(projection, changed),
        folded=counted_rows(projection, folded),
    )


def _listed(counted: Counted, question: MetricQuestion) -> dict[str, Composable]:
    """What counts, row by row, and whether a row belongs to the product that is asked for."""
    view, column = _view(counted.projection), Identifier(question.booked_by)
    listed = statements.fill("queries/metrics/listed", view=view, column=column)
    condition: Composable = SQL("true")
    if question.product_id is not None and counted.product_of != "nothing":
        alias = Identifier("c" if counted.product_of == "itself" else "p")
        condition = paid_for = statements.fill(
            "queries/metrics/paid_for", payment=alias, subscriptions=_view(SUBSCRIPTIONS)
        )
        if counted.product_of == "its payment":
            condition = statements.fill(
                "queries/metrics/payment_paid_for", payments=_view(PAYMENTS), paid_for=paid_for
            )
    return {"counted": counted_rows(counted.projection, listed), "condition": condition}


def _params(question: MetricQuestion) -> dict[str, Any]:
    span, known = question.span, question.known
    bounds = [moment.astimezone(UTC) for moment in (*span.periods, span.until)]
    days = (moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in bounds)
    return {
        "book": question.target.book, "periods": span.periods, "begin": span.periods[0],
        "until": span.until, "known": known.position if known else None,
        "product_id": question.product_id, "booked_by": question.booked_by,
        # in UTC no day is
        "shared": [day for day, moment in zip(days, bounds, strict=True) if day != moment],
    }  # fmt: skip


def _view(projection: Projection[Any]) -> Identifier:
    return statements.relation(projection.view)
