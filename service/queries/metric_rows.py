"""The rows that a metric is made of, now or as they were known at a position of the book.

What was known is not stored. A row that no event has changed since is as it was then; the streams
of the others are folded again, from the events up to the position. For a month that was closed
these are few, however long ago that was. Of subscriptions, what moved at an event changes only if
something is recorded later that happened earlier, so only streams with such an event are folded.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import asdict
from psycopg.rows import DictRow
from psycopg.sql import Composable, Composed, Identifier

from domain.events import Entry
from domain.fold import fold
from domain.recurring import movements
from projections.disputes import DISPUTES
from projections.events import EVENTS
from projections.payments import PAYMENTS
from projections.payouts import PAYOUTS
from projections.projection import Projection
from projections.refunds import REFUNDS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.connections import Connection
from service.problems import Problem
from service.queries.periods import Span
from service.readmodels.folding import MOST_ENTRIES, fold_aside
from service.readmodels.streams import Target, question_entries

Booking = Literal["created_at", "status_since"]
"""The date by which something counts: when it was made, or when it reached its status."""

_LATER = timedelta(hours=1)
"""How far clocks may be apart: more streams than needed are folded, never fewer."""


class Known(Struct, frozen=True):
    """A past state of knowledge: the last position recorded by then, and when that was."""

    position: int
    moment: datetime


class MetricQuestion(Struct, frozen=True, kw_only=True):
    """What a metric is asked.

    Attributes:
        target: the book, with its live read models.
        span: the periods.
        known: up to where the book is read; None for all of it.
        product_id: only what is of this product; None for all.
        booked_by: the date by which payments, refunds and disputes count.
    """

    target: Target
    span: Span
    known: Known | None = None
    product_id: str | None = None
    booked_by: Booking = "created_at"


class Counted(Struct, frozen=True):
    """What a sum counts: the statement that lists it, and the read model that it lists."""

    statement: str
    projection: Projection[Any]


PAID = Counted("queries/metrics/counted_payments", PAYMENTS)
REFUNDED = Counted("queries/metrics/counted_refunds", REFUNDS)
DISPUTED = Counted("queries/metrics/counted_disputes", DISPUTES)
PAID_OUT = Counted("queries/metrics/counted_payouts", PAYOUTS)

Asked = tuple[Composed, dict[str, Any]]
"""A statement and its parameters."""


async def movement_rows(conn: Connection, question: MetricQuestion) -> list[DictRow]:
    """The sums of movements by period, currency and kind.

    Raises:
        Problem: as ``movement_statement``.
    """
    statement, params = await movement_statement(conn, "queries/metrics/movements", question)
    return await (await conn.execute(statement, params)).fetchall()


async def movement_statement(
    conn: Connection, name: str, question: MetricQuestion, **parts: Composable
) -> Asked:
    """A statement over the movements that a question is about, as known.

    Raises:
        Problem: ``too-many-events`` if more must be folded than one question may; ``busy``.
    """
    streams: list[str] = []
    rows: list[Any] = []
    if question.known is not None:
        found = await conn.execute(
            statements.fill("queries/metrics/told_late", events=_view(EVENTS)),
            {
                "book": question.target.book, "known": question.known.position,
                "moment": question.known.moment + _LATER, "most": MOST_ENTRIES + 1,
            },
        )  # fmt: skip
        streams = [row["stream"] for row in await found.fetchall()]
        entries = await _entries(conn, question.target, streams, question.known)
        count = sum(map(len, entries))
        rows = await fold_aside(count, partial(_moved, entries))
    moved = statements.fill("queries/metrics/moved", events=_view(EVENTS))
    return statements.fill(name, moved=moved, **parts), _params(question, rows) | {
        "folded": streams
    }


async def sum_rows(
    conn: Connection, name: str, counted: Counted, question: MetricQuestion
) -> list[DictRow]:
    """The sums that a statement makes of what is counted.

    Raises:
        Problem: as ``movement_statement``.
    """
    statement, params = await counted_statement(conn, name, counted, question)
    return await (await conn.execute(statement, params)).fetchall()


async def counted_statement(
    conn: Connection, name: str, counted: Counted, question: MetricQuestion, **parts: Composable
) -> Asked:
    """A statement over what a question counts, as known.

    Raises:
        Problem: as ``movement_statement``.
    """
    projection, rows = counted.projection, list[Any]()
    if question.known is not None:
        by_creation = question.booked_by == "created_at"
        found = await conn.execute(
            statements.fill(
                "queries/metrics/changed",
                view=_view(projection),
                key=Identifier(projection.key),
            ),
            {
                "book": question.target.book, "known": question.known.position,
                "begin": question.span.periods[0] if by_creation else None,
                "until": question.span.until, "most": MOST_ENTRIES + 1,
            },
        )  # fmt: skip
        category = projection.source_name
        streams = [f"{category}-{row['id']}" for row in await found.fetchall()]
        entries = await _entries(conn, question.target, streams, question.known)
        count = sum(map(len, entries))
        rows = await fold_aside(count, partial(_shown, projection, entries))
    views = {one.name: _view(one) for one in (PAYMENTS, SUBSCRIPTIONS, projection)}
    listed = statements.fill(counted.statement, **views, date=Identifier(question.booked_by))
    return statements.fill(name, counted=listed, **views, **parts), _params(question, rows)


async def _entries(
    conn: Connection, target: Target, streams: list[str], known: Known
) -> list[list[Entry]]:
    """The entries of some streams up to the position, stream by stream."""
    if len(streams) > MOST_ENTRIES:
        raise Problem(
            "too-many-events",
            f"More than {MOST_ENTRIES:,} resources have changed since known_at. Ask for fewer"
            " periods, or for a later known_at.",
        )
    if not streams:
        return []
    return [*(await question_entries(conn, target, streams, known.position)).values()]


def _moved(streams: Iterable[list[Entry]]) -> list[Any]:
    return [
        {**asdict(one), "stream": step.entry.stream, "position": step.entry.event.position}
        for told in streams
        for step in fold(told)[1]
        for one in movements(step)
    ]


def _shown(projection: Projection[Any], streams: Iterable[list[Entry]]) -> list[Any]:
    """The rows of the read model, without what is stored for other purposes."""
    rows = (row for told in streams for row in projection.rows(fold(told)[0]))
    return [{k: v for k, v in asdict(row).items() if not isinstance(v, bytes)} for row in rows]


def _params(question: MetricQuestion, rows: list[Any]) -> dict[str, Any]:
    span, known = question.span, question.known
    return {
        "book": question.target.book, "periods": span.periods, "since": span.periods[0],
        "until": span.until, "known": known.position if known else None,
        "product_id": question.product_id, "rows": msgspec.json.encode(rows).decode(),
    }  # fmt: skip


def _view(projection: Projection[Any]) -> Identifier:
    return statements.relation(projection.view)
