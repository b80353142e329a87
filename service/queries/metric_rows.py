"""The rows that a metric is made of, now or as they were known at a position of the book.

Sums are of counts by day, which are few. Rows are read one by one on the days that two periods of a
time zone share, where they changed since what was known, and where only a product is asked for.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from msgspec.structs import replace
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Identifier

from projections.catalog import COUNTS
from projections.disputes import DISPUTES
from projections.movements import MOVEMENTS
from projections.payments import PAYMENTS
from projections.payouts import PAYOUTS
from projections.projection import Projection
from projections.refunds import REFUNDS
from service.database import statements
from service.database.reader import Queryable
from service.queries.metric_known import MetricQuestion, known_movements, known_rows, one_question
from service.queries.metric_products import Counted, product_condition
from service.readmodels.writing import counted as counted_rows

_IN_CURRENCY = SQL(statements.text("queries/metrics/in_currency"))

_ALWAYS = datetime(1, 1, 1, tzinfo=UTC)


PAID = Counted(PAYMENTS, "itself")
REFUNDED = Counted(REFUNDS, "its payment")
DISPUTED = Counted(DISPUTES, "its payment")
PAID_OUT = Counted(PAYOUTS, "nothing")

Asked = tuple[Composed, dict[str, Any]]
"""A statement and its parameters."""


async def movement_rows(conn: Queryable, question: MetricQuestion) -> list[DictRow]:
    """The sums of movements by period, currency and kind.

    Raises:
        Problem: as ``movement_statement``.
    """
    if question.precedes_book:
        return []
    # a movement has one date
    question = replace(question, booked_by="created_at")
    if question.product_id is None:
        changed = statements.fill("queries/metrics/changed_movements", view=_view(MOVEMENTS))
        found = _by_day(MOVEMENTS, question, Identifier("at"), changed)
    else:
        moved = _moved(question, SQL("true"))
        found = statements.fill("queries/metrics/moved_one_by_one", moved=moved)
    statement = statements.fill("queries/metrics/movements", found=found)
    async with one_question(conn, question):
        known = await known_movements(conn, question)
        # those before the first period lead to what stands at its beginning
        params = _params(question) | known | {"begin": _ALWAYS}
        return await summed(conn, statement, params)


async def movement_statement(
    conn: Queryable, name: str, question: MetricQuestion, **parts: Composable
) -> Asked:
    """A statement over the movements that a question is about, as known.

    It is to be executed in the same ``one_question``.

    Raises:
        Problem: ``too-many-events`` if more must be folded than one question may; ``busy``.
    """
    known = await known_movements(conn, question)
    moved_with = statements.text("queries/metrics/moved_with")
    statement = statements.fill(
        name,
        moved=_moved(question, SQL("true")),
        moved_with=_moved(question, SQL(moved_with)),
        in_currency=_IN_CURRENCY,
        **parts,
    )
    return statement, _params(question) | known


def _moved(question: MetricQuestion, condition: Composable) -> Composed:
    rows: Composable = _view(MOVEMENTS)
    if question.known is not None:
        rows = statements.fill("queries/metrics/known_movements", movements=rows)
    return statements.fill("queries/metrics/moved", rows=rows, condition=condition)


async def sum_rows(
    conn: Queryable, name: str, counted: Counted, question: MetricQuestion
) -> list[DictRow]:
    """The sums that a statement makes of what is counted.

    Raises:
        Problem: as ``movement_statement``.
    """
    if question.precedes_book:
        return []
    date = Identifier(question.booked_by)
    async with one_question(conn, question):
        if question.product_id is None:
            params = _params(question) | await known_rows(conn, counted.projection, question)
            view = _view(counted.projection)
            changed = statements.fill("queries/metrics/changed_rows", view=view)
            found = _by_day(counted.projection, question, date, changed)
        else:
            parts, params = await _listed(conn, counted, question)
            found = statements.fill("queries/metrics/one_by_one", **parts, date=date)
        statement = statements.fill(name, found=found)
        return await summed(conn, statement, params)


async def summed(conn: Queryable, statement: Composed, params: dict[str, Any]) -> list[DictRow]:
    """The rows of a statement; sums are integers, of more than 64 bits where amounts are absurd."""
    rows = await (await conn.execute(statement, params)).fetchall()
    return [
        {name: int(v) if isinstance(v, Decimal) else v for name, v in row.items()} for row in rows
    ]


async def counted_statement(
    conn: Queryable, name: str, counted: Counted, question: MetricQuestion, **parts: Composable
) -> Asked:
    """A statement over what a question counts, as known.

    It is to be executed in the same ``one_question``.

    Raises:
        Problem: as ``movement_statement``.
    """
    listed, params = await _listed(conn, counted, question)
    date = Identifier(question.booked_by)
    statement = statements.fill(
        name, **listed, date=date, payments=_view(PAYMENTS), in_currency=_IN_CURRENCY, **parts
    )
    return statement, params


def _by_day(
    projection: Projection[Any], question: MetricQuestion, column: Identifier, changed: Composed
) -> Composed:
    """What counts, by whole days where it can be; ``column`` is the date as the table names it."""
    view = _view(projection)
    # from the very first on, of movements: the planner would take a range for a few days
    begun = SQL("true" if projection is MOVEMENTS else "day >= %(begin)s")
    counts = _view(COUNTS[projection.name])
    found: list[Composable] = [
        statements.fill("queries/metrics/by_day", counts=counts, begun=begun)
    ]
    # each only where it is needed: one plan for all would read everything
    if _shared_days(question):
        shared = statements.fill("queries/metrics/shared", view=view, column=column)
        found.append(_row_by_row(projection, question, shared, "+"))
    if question.known is not None:
        folded = statements.fill("queries/metrics/folded_rows", view=view)
        found.append(_row_by_row(projection, question, changed, "-"))
        found.append(_row_by_row(projection, question, folded, "+"))
    return SQL(" union all ").join(found)


def _row_by_row(
    projection: Projection[Any],
    question: MetricQuestion,
    rows: Composed,
    sign: Literal["+", "-"],
) -> Composed:
    return statements.fill(
        "queries/metrics/row_by_row",
        counted=counted_rows(projection, rows),
        date=Identifier(question.booked_by),
        sign=SQL(sign),
    )


async def _listed(
    conn: Queryable, counted: Counted, question: MetricQuestion
) -> tuple[dict[str, Composable], dict[str, Any]]:
    """What counts, row by row, and whether a row is of the product that is asked for."""
    params = _params(question) | await known_rows(conn, counted.projection, question)
    name = "queries/metrics/listed" if question.known is None else "queries/metrics/known_rows"
    view, column = _view(counted.projection), Identifier(question.booked_by)
    rows = counted_rows(counted.projection, statements.fill(name, view=view, column=column))
    condition, further = await product_condition(conn, counted, question, rows, params)
    return {"counted": rows, "condition": condition}, params | further


def _params(question: MetricQuestion) -> dict[str, Any]:
    span, known = question.span, question.known
    return {
        "book": question.target.book, "periods": span.periods, "begin": span.periods[0],
        "until": span.until, "known": known.position if known else None,
        "product_id": question.product_id, "booked_by": question.booked_by,
        "shared": _shared_days(question),
    }  # fmt: skip


def _shared_days(question: MetricQuestion) -> list[datetime]:
    """The days of UTC that two periods share: none where periods are those of UTC too."""
    bounds = [moment.astimezone(UTC) for moment in (*question.span.periods, question.span.until)]
    days = (moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in bounds)
    return [day for day, moment in zip(days, bounds, strict=True) if day != moment]


def _view(projection: Projection[Any]) -> Identifier:
    return statements.relation(projection.view)
