"""What a metric is asked, and what was known at a past position of the book.

What was known is not stored. A row that no event has changed since is as it was then; the streams
of the others are folded again, from the events up to the position. For a month that was closed
these are few, however long ago that was: those whose date lies in it, and those whose date did, of
which an event tells (``retold``). Of subscriptions, what moved at an event changes only if
something is recorded later that happened earlier, so only streams with such an event are folded.

Where many changed, most are unknown as a rule: they began later. So those that had begun are looked
for once more, from the events that had been recorded, if these are fewer than may be folded.
"""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import asdict
from psycopg import AsyncConnection
from psycopg.sql import SQL, Composable, Identifier

from domain.events import Entry
from domain.fold import fold
from projections.by_day import BY_DAY
from projections.customers import CUSTOMERS
from projections.events import EARLY, EVENTS, placed
from projections.movements import MOVEMENTS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem
from service.queries.one_reading import one_reading
from service.queries.periods import Span
from service.readmodels.folding import MOST_ENTRIES, fold_aside
from service.readmodels.streams import Target, question_entries

Booking = Literal["created_at", "status_since"]
"""The date by which something counts: when it was made, or when it reached its status."""

_LATER = timedelta(hours=1)
"""How far clocks may be apart: more streams than needed are folded, never fewer."""

MOST_FOLDED = MOST_ENTRIES + 1
"""How many resources are looked for that changed: one more than may be folded."""

_READ: tuple[Projection[Any], ...] = (
    EVENTS, CUSTOMERS, SUBSCRIPTIONS, *BY_DAY, *(one.counted for one in BY_DAY if one.counted),
)  # fmt: skip
"""All that a question about a metric reads."""


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

    @property
    def precedes_book(self) -> bool:
        """Whether nothing had been recorded by then, so that the answer is nothing."""
        return self.known is not None and self.known.position == 0


def one_question(conn: Queryable, question: MetricQuestion) -> AbstractAsyncContextManager[None]:
    """Let all that is read for a question see the same book.

    What is recorded while streams are folded again would change rows that nobody has folded, and
    they would be missing from what was known. A question of the past needs a connection of its own.
    """
    if question.known is None:
        # of what is known now one statement tells
        return nullcontext()
    assert isinstance(conn, AsyncConnection), "a shared one has no transaction"  # noqa: S101
    return one_reading(conn, _READ)


async def known_movements(conn: Queryable, question: MetricQuestion) -> dict[str, Any]:
    """The parameters ``folded``, the streams that are folded again, and ``rows``, their movements.

    Raises:
        Problem: ``too-many-events`` if more must be folded than one question may; ``busy``.
    """
    streams: list[str] = []
    rows: list[Any] = []
    if question.known is not None:
        params = {"moment": question.known.moment + _LATER}
        stream = SQL("e.stream")
        streams = await _changed(conn, "queries/metrics/told_late", question, stream, params)
        entries = await _entries(conn, question.target, streams, question.known)
        count = sum(map(len, entries))
        rows = await fold_aside(count, partial(_shown_movements, question.target.book, entries))
    return {"folded": streams, "rows": encoded(rows)}


async def known_rows(
    conn: Queryable, projection: Projection[Any], question: MetricQuestion
) -> dict[str, Any]:
    """The parameter ``rows``: those of a read model that changed since, as they were.

    Raises:
        Problem: as ``known_movements``.
    """
    rows: list[Any] = []
    if question.known is not None:
        by_creation = question.booked_by == "created_at"
        key = Identifier(projection.key)
        params = {
            "begin": question.span.periods[0] if by_creation else None,
            "until": question.span.until + (timedelta() if by_creation else EARLY),
            "category": projection.source_name,
        }
        stream = SQL("%(category)s || '-' || r.{}").format(key)
        ids = await _changed(
            conn, "queries/metrics/changed", question, stream, params,
            view=_view(projection), key=key,
        )  # fmt: skip
        rows = await rows_then(conn, projection, ids, question)
    return {"rows": encoded(rows)}


async def rows_then(
    conn: Queryable, projection: Projection[Any], ids: Iterable[str], question: MetricQuestion
) -> list[Any]:
    """The rows of some resources as they were known; of what was not known there is none.

    Raises:
        Problem: as ``known_movements``.
    """
    if question.known is None:
        return []
    streams = [f"{projection.source_name}-{one}" for one in ids]
    entries = await _entries(conn, question.target, streams, question.known)
    count = sum(map(len, entries))
    return await fold_aside(count, partial(_shown, question.target.book, projection, entries))


def encoded(rows: list[Any]) -> str:
    """Rows as a parameter of statements."""
    return msgspec.json.encode(rows).decode()


async def _changed(
    conn: Queryable,
    name: str,
    question: MetricQuestion,
    stream: Composable,
    params: dict[str, Any],
    **parts: Composable,
) -> list[str]:
    """The only column of a statement that lists what changed, by ``stream``, since."""
    assert question.known is not None, "what is known now has not changed since"  # noqa: S101
    given = {
        **params, "book": question.target.book, "known": question.known.position,
        "most": MOST_FOLDED,
    }  # fmt: skip
    events = _view(EVENTS)
    begun = statements.fill("queries/metrics/begun", stream=stream, events=events)
    found: list[str] = []
    # where few changed, it would cost more to look for those that had begun
    for condition in (SQL("true"), begun):
        statement = statements.fill(name, begun=condition, events=events, **parts)
        rows = await (await conn.execute(statement, given)).fetchall()
        found = [value for row in rows for value in row.values()]
        if len(found) < MOST_FOLDED or question.known.position >= MOST_FOLDED:
            break
    return found


async def _entries(
    conn: Queryable, target: Target, streams: list[str], known: Known
) -> list[list[Entry]]:
    """The entries of some streams up to the position, stream by stream.

    Of a parked stream they are those before its failure, as its rows show.
    """
    if len(streams) >= MOST_FOLDED:
        raise Problem(
            "too-many-events",
            f"More than {MOST_ENTRIES:,} resources have changed since known_at. Ask for fewer"
            " periods, or for a later known_at.",
        )
    if not streams:
        return []
    params = {"build": target.build, "book": target.book, "streams": streams}
    found = await conn.execute(statements.text("queries/metrics/parked"), params)
    failed = {row["stream"]: row["position"] for row in await found.fetchall()}
    told = await question_entries(conn, target, streams, known.position)
    for stream in failed.keys() & told.keys():
        told[stream] = [one for one in told[stream] if one.event.position < failed[stream]]
    return [entries for entries in told.values() if entries]


def _shown_movements(book: str, streams: Iterable[list[Entry]]) -> list[Any]:
    return [
        {"book": book, **asdict(row)}
        for told in streams
        for event in placed(*fold(told))
        for row in MOVEMENTS.rows(event)
    ]


def _shown(book: str, projection: Projection[Any], streams: Iterable[list[Entry]]) -> list[Any]:
    """The rows of the read model, without what is stored for other purposes."""
    rows = (row for told in streams for row in projection.rows(fold(told)[0]))
    return [
        {"book": book, **{k: v for k, v in asdict(row).items() if not isinstance(v, bytes)}}
        for row in rows
    ]


def _view(projection: Projection[Any]) -> Identifier:
    return statements.relation(projection.view)
