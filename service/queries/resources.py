"""Queries about resources: one, or a page of them, now or in the past."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from projections.catalog import BY_CATEGORY, PROJECTIONS
from projections.customers import CUSTOMERS
from projections.disputes import DISPUTES
from projections.payments import PAYMENTS
from projections.projection import VERSION, Projection
from projections.refunds import REFUNDS
from projections.search_terms import SEARCH_TERMS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem
from service.queries.answers import Page
from service.queries.documents import (
    add_payers,
    document,
    refund_status,
    refund_statuses,
    related,
    text_of,
)
from service.queries.paging import Order
from service.queries.products import product_names
from service.readmodels.checkpoints import checkpoint_rows
from service.readmodels.streams import LIVE, Target, parked_rows
from service.store.events import books
from service.store.positions import Position, position_of

MAX_PAGE_BYTES = 8 << 20
"""The limit on the bodies that a page is made from; the rest is on the next page."""

_BOUNDS = {"_gte": SQL(">="), "_lte": SQL("<=")}

VIEWS = {projection.name: projection.view for projection in PROJECTIONS}


async def target_of(conn: Queryable, book: str) -> Target:
    """The live read models of a book, as the projector names them.

    Raises:
        Problem: ``not-ready`` before the book is opened.
    """
    found = (await books(conn)).get(book)
    if found is None:
        raise Problem("not-ready", "This book is not opened yet.")
    return Target(book, found.business_id, VIEWS)


async def resource(
    conn: Queryable, book: str, projection: Projection[Any], identity: str, response_days: int
) -> dict[str, Any]:
    """One resource: the provider's latest snapshot, and what we computed.

    Raises:
        Problem: ``not-found``.
    """
    statement = statements.bind_views("queries/get", view=projection.view, key=projection.key)
    cursor = await conn.execute(statement, of(book, id=identity, category=_category(projection)))
    rows = await cursor.fetchall()
    checkpoint = checkpoint_of(rows)
    if rows[0]["memo"] is None:
        raise Problem("not-found", f"This book has no event about {identity!r}.")
    answer = document(projection, rows[0], response_days)
    await _add_from_others(conn, book, projection, [answer])
    answer |= await related(conn, book, projection, identity)
    return {**answer, "position": str(checkpoint)}


async def page(  # noqa: PLR0913 - the parameters of a page
    conn: Queryable,
    book: str,
    projection: Projection[Any],
    *,
    filters: Mapping[str, Any],
    order: Order[str],
    limit: int,
    response_days: int,
) -> Page:
    """A page of the resources that match all ``filters``; a value of None does not filter.

    It is shorter than ``limit`` if the bodies of its rows reach ``MAX_PAGE_BYTES``.
    """
    active = {name: value for name, value in filters.items() if value is not None}
    key, column = Identifier(projection.key), Identifier(order.column)
    conditions = [order.condition(column, key), *(_condition(projection, name) for name in active)]
    statement = statements.fill(
        "queries/list",
        view=statements.relation(projection.view),
        key=key,
        conditions=SQL(" and ").join(conditions),
        sort=column,
        direction=order.direction,
    )
    category = _category(projection)
    limits = {"limit": limit + 1, "most_bytes": MAX_PAGE_BYTES, "category": category}
    params = of(book, **limits, **active, **order.params)
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    listed = [row for row in rows if row["key"] is not None]
    more = len(rows) < rows[0]["found"] or len(listed) > limit
    listed = listed[:limit]
    data = [document(projection, row, response_days) for row in listed]
    await _add_from_others(conn, book, projection, data)
    last = listed[-1] if more else None
    return Page(
        data=data,
        next_cursor=order.following(last["sorted"], last["key"], checkpoint) if last else None,
        position=str(checkpoint),
    )


async def _add_from_others(
    conn: Queryable, book: str, projection: Projection[Any], documents: Sequence[dict[str, Any]]
) -> None:
    """Add what other resources tell: who paid what was refunded or disputed, and what was refunded.

    The refund status of payments is that of the refunds in the book.
    """
    if projection in {REFUNDS, DISPUTES}:
        await add_payers(conn, book, documents)
    if projection is SUBSCRIPTIONS:
        await _add_product_names(conn, book, documents)
    if projection is not PAYMENTS:
        return
    statuses = await refund_statuses(conn, book, [doc[projection.key] for doc in documents])
    for doc in documents:
        raw, refunded = doc.get("refund_status"), statuses.get(doc[projection.key])
        status = msgspec.json.decode(raw) if isinstance(raw, Raw) else None
        if refunded and refund_status(status, refunded) != status:
            doc["refund_status"] = refunded


async def _add_product_names(
    conn: Queryable, book: str, documents: Sequence[dict[str, Any]]
) -> None:
    """Name the product of subscriptions whose own snapshot does not."""
    products = {id(one): text_of(one.get("product_id")) for one in documents}
    names = await product_names(conn, book, products.values())
    for one in documents:
        name = names.get(products[id(one)] or "")
        if name is not None and text_of(one.get("product_name")) is None:
            one["product_name"] = name


def _category(projection: Projection[Any]) -> str:
    return projection.aggregate.category if projection.aggregate else ""


async def checkpoints(conn: Queryable) -> list[dict[str, Any]]:
    """The checkpoint and the last position of each book."""
    cursor = await conn.execute(statements.text("queries/checkpoints"), {"version": VERSION})
    return await cursor.fetchall()


async def last_webhooks(conn: Queryable, books: Iterable[str]) -> dict[str, datetime]:
    """When the last webhook of some books was recorded; a book without any is absent."""
    found = {}
    for book in books:
        result = await conn.execute(statements.text("queries/last_webhook"), {"book": book})
        if row := await result.fetchone():
            found[book] = row["recorded_at"]
    return found


async def is_standby(conn: Queryable) -> bool:
    """Whether the server is a standby, which follows another one."""
    row = await (await conn.execute(statements.text("queries/standby"))).fetchone()
    return bool(row and row["standby"])


async def parked(
    conn: Queryable, book: str | None = None, most: int | None = None
) -> list[dict[str, Any]]:
    """The parked streams of one book, or of all books, each with its error, by name."""
    return await parked_rows(conn, LIVE, book, most)


async def position(conn: Queryable, book: str, *, even_lost: bool = False) -> Position:
    """The position that the read models of a book reflect."""
    return checkpoint_of(await checkpoint_rows(conn, book), even_lost=even_lost)


def of(book: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
    """The parameters of a statement on the read models of a book."""
    return {"book": book, "version": VERSION, **params}


def checkpoint_of(rows: list[dict[str, Any]], *, even_lost: bool = False) -> Position:
    """The position that rows reflect.

    Raises:
        Problem: ``not-ready`` while the read models are built for the first time; also, unless
            ``even_lost``, while they show events that the store lost in a restore.
    """
    if not rows:
        raise Problem("not-ready", "The read models of this book are being built.")
    if rows[0]["lost"] and not even_lost:
        raise Problem(
            "not-ready",
            "The database was restored, and the read models show events that it no longer has."
            " Run `daybook rebuild`.",
        )
    return position_of(rows[0]["checkpoint"], rows[0]["checkpoint_link"])


def _condition(projection: Projection[Any], name: str) -> Composed:
    if projection is CUSTOMERS and name == "email":
        customers = statements.fill(
            "queries/of_address", search_terms=statements.relation(SEARCH_TERMS.view)
        )
        return SQL("{} = any(array({}))").format(Identifier(projection.key), customers)
    column, bound = name[:-4], name[-4:]
    if bound in _BOUNDS:
        return SQL("{} {} {}").format(Identifier(column), _BOUNDS[bound], Placeholder(name))
    if name in projection.column_names:
        return SQL("{} = {}").format(Identifier(name), Placeholder(name))
    return SQL("{} @> array[{}]").format(Identifier(f"{name}s"), Placeholder(name))


def category_of(stream: str) -> str:
    """The category in a stream's name.

    Raises:
        Problem: ``invalid-parameter`` with the known categories.
    """
    category = stream.partition("-")[0]
    if category not in BY_CATEGORY:
        raise Problem(
            "invalid-parameter",
            f"{stream!r} is not a stream. Use category-id, such as subscription-sub_…;"
            f" the categories are {', '.join(BY_CATEGORY)}.",
        )
    return category
