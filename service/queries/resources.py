"""The questions about resources: one, and a page of them, now and in the past."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from domain.past import Past
from projections.catalog import BY_CATEGORY, PROJECTIONS
from projections.customers import CUSTOMERS
from projections.payments import PAYMENTS
from projections.projection import VERSION, Projection
from projections.search_terms import SEARCH_TERMS
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem
from service.queries import documents
from service.queries.answers import Page
from service.queries.documents import document
from service.queries.paging import Order
from service.queries.relations import refund_status, refund_statuses, related
from service.readmodels.checkpoints import checkpoint_rows
from service.readmodels.folding import fold_aside
from service.readmodels.streams import LIVE, Target, parked_rows, question_entries
from service.store.positions import Position, position_of

MAX_PAGE_BYTES = 8 << 20
"""Of the bodies that a page is made of; what comes after that is on the next page."""

_ENDS = {"_gte": SQL(">="), "_lte": SQL("<=")}

VIEWS = {projection.name: projection.view for projection in PROJECTIONS}


async def resource(
    conn: Queryable, book: str, projection: Projection[Any], identity: str, response_days: int
) -> dict[str, Any]:
    """One resource: the provider's latest snapshot, and what we know beside it.

    Raises:
        Problem: ``not-found``.
    """
    statement = statements.bind_views("queries/get", view=projection.view, key=projection.key)
    found = await conn.execute(statement, of(book, id=identity, category=_category(projection)))
    rows = await found.fetchall()
    checkpoint = checkpoint_of(rows)
    if rows[0]["memo"] is None:
        raise Problem("not-found", f"No event in this book tells of {identity!r}.")
    told = document(projection, rows[0], response_days)
    await _know_refunds(conn, book, projection, [told])
    told |= await related(conn, book, projection, identity)
    return {**told, "position": str(checkpoint)}


async def resource_past(  # noqa: PLR0913 - the question, and what its answer is made with
    conn: Queryable,
    target: Target,
    projection: Projection[Any],
    identity: str,
    asked: Past,
    *,
    response_days: int,
) -> dict[str, Any]:
    """The same as it was at a moment, as it was known at one; without what is related to it.

    Raises:
        Problem: ``not-found``, also where nothing had happened or was known.
    """
    category = _category(projection)
    checkpoint = await position(conn, target.book)
    stream = f"{category}-{identity}"
    known = await question_entries(conn, target, [stream], checkpoint.number)
    entries = known.get(stream, [])
    folded = await fold_aside(len(entries), partial(asked.folded, entries))
    if folded is None:
        raise Problem("not-found", f"Nothing was known of {identity!r} at that moment.")
    supplies = next(e for e in entries if e.event.position == folded.snapshot_position)
    return {
        **documents.resource(projection, folded, supplies.event.body, response_days),
        "position": str(checkpoint),
    }


async def page(  # noqa: PLR0913 - a page is asked for by this much
    conn: Queryable,
    book: str,
    projection: Projection[Any],
    *,
    filters: Mapping[str, Any],
    order: Order[str],
    limit: int,
    response_days: int,
) -> Page:
    """A page of resources of which all ``filters`` hold; None is no filter.

    It ends before ``limit`` where the bodies that its rows are made of have ``MAX_PAGE_BYTES``.
    """
    chosen = {name: value for name, value in filters.items() if value is not None}
    key, column = Identifier(projection.key), Identifier(order.column)
    conditions = [order.condition(column, key), *(_holds(projection, name) for name in chosen)]
    statement = statements.fill(
        "queries/list",
        view=statements.relation(projection.view),
        key=key,
        conditions=SQL(" and ").join(conditions),
        sort=column,
        direction=order.direction,
    )
    category = _category(projection)
    asked = {"limit": limit + 1, "most_bytes": MAX_PAGE_BYTES, "category": category}
    params = of(book, **asked, **chosen, **order.params)
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    full = [row for row in rows if row["key"] is not None]
    more, full = len(rows) < rows[0]["found"] or len(full) > limit, full[:limit]
    told = [document(projection, row, response_days) for row in full]
    await _know_refunds(conn, book, projection, told)
    last = full[-1] if more else None
    return Page(
        data=told,
        next_cursor=order.following(last["sorted"], last["key"], checkpoint) if last else None,
        position=str(checkpoint),
    )


async def _know_refunds(
    conn: Queryable, book: str, projection: Projection[Any], told: Sequence[dict[str, Any]]
) -> None:
    """Give payments the refund status that the refunds in the book tell of."""
    if projection is not PAYMENTS:
        return
    known = await refund_statuses(conn, book, [one[projection.key] for one in told])
    for one in told:
        seen, refunded = one.get("refund_status"), known.get(one[projection.key])
        said = msgspec.json.decode(seen) if isinstance(seen, Raw) else None
        if refunded and refund_status(said, refunded) != said:
            one["refund_status"] = refunded


def _category(projection: Projection[Any]) -> str:
    return projection.aggregate.category if projection.aggregate else ""


async def checkpoints(conn: Queryable) -> list[dict[str, Any]]:
    """How far the read models have come in each book, and the book's end."""
    found = await conn.execute(statements.text("queries/checkpoints"), {"version": VERSION})
    return await found.fetchall()


async def parked(conn: Queryable, book: str | None = None) -> list[dict[str, Any]]:
    """The streams that are set aside, of one book or of all, with the error of each."""
    return await parked_rows(conn, LIVE, book)


async def position(conn: Queryable, book: str, *, even_lost: bool = False) -> Position:
    """How far the read models have come in a book."""
    return checkpoint_of(await checkpoint_rows(conn, book), even_lost=even_lost)


def of(book: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
    """The parameters of a statement about the read models of a book."""
    return {"book": book, "version": VERSION, **params}


def checkpoint_of(rows: list[dict[str, Any]], *, even_lost: bool = False) -> Position:
    """The position that the rows of an answer reflect.

    Raises:
        Problem: ``not-ready`` while the read models are being built for the first time, and, but
            for ``even_lost``, while they show a history that the store does not have.
    """
    if not rows:
        raise Problem("not-ready", "The read models of this book are being built.")
    if rows[0]["lost"] and not even_lost:
        raise Problem(
            "not-ready",
            "The database was restored, and the read models show what it no longer has:"
            " `daybook rebuild` makes them anew.",
        )
    return position_of(rows[0]["checkpoint"], rows[0]["checkpoint_link"])


def _holds(projection: Projection[Any], name: str) -> Composed:
    if projection is CUSTOMERS and name == "email":
        theirs = statements.fill(
            "queries/of_address", search_terms=statements.relation(SEARCH_TERMS.view)
        )
        return SQL("{} = any(array({}))").format(Identifier(projection.key), theirs)
    column, end = name[:-4], name[-4:]
    if end in _ENDS:
        return SQL("{} {} {}").format(Identifier(column), _ENDS[end], Placeholder(name))
    if name in projection.column_names:
        return SQL("{} = {}").format(Identifier(name), Placeholder(name))
    return SQL("{} @> array[{}]").format(Identifier(f"{name}s"), Placeholder(name))


def category_of(stream: str) -> str:
    """The category of a stream's name.

    Raises:
        Problem: ``invalid-parameter``, naming what is allowed.
    """
    category = stream.partition("-")[0]
    if category not in BY_CATEGORY:
        raise Problem(
            "invalid-parameter",
            f"{stream!r} is no stream: one is called category-id, as subscription-sub_…;"
            f" the categories are {', '.join(BY_CATEGORY)}.",
        )
    return category
