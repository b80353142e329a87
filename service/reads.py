"""The questions: what the API and the command line ask of the read models."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from domain import events
from domain.access import access as decide
from domain.customer import State as Customer
from domain.fold import Fold, decode, fold
from projections.catalog import BY_CATEGORY, PROJECTIONS
from projections.customers import CUSTOMERS, recall
from projections.events import EVENTS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service import sql
from service.answers import AccessAnswer, EventAnswer, History, Page, history_entry, shown
from service.postgres import Connection
from service.problems import Problem
from service.projector import Target, stream_entries
from service.sql import text


class Cursor(Struct, frozen=True, array_like=True):
    """Where a page ended. Opaque to callers; stable while rows are added."""

    created_at: datetime
    key: str


_VIEWS = {projection.name: projection.view for projection in PROJECTIONS}


async def access(conn: Connection, book: str, customer_id: str, at: datetime) -> AccessAnswer:
    """Whether a customer is entitled at ``at``; one of whom nothing is recorded is not."""
    statement = sql.fill("read/folds_of_customer", view=sql.relation(SUBSCRIPTIONS.view))
    found = await conn.execute(statement, _of(SUBSCRIPTIONS, book, customer_id=customer_id))
    rows = await found.fetchall()
    folds = [decode("subscription", row["memo"]) for row in rows if row["memo"] is not None]
    decided = decide(folds, at)
    return AccessAnswer(
        customer_id=customer_id,
        entitled=decided.entitled,
        until=decided.until,
        because=decided.because,
        position=str(_checkpoint(rows)),
    )


async def resource(
    conn: Connection, book: str, projection: Projection[Any], identity: str
) -> dict[str, Any]:
    """One resource: the provider's latest snapshot, and what we know beside it.

    Raises:
        Problem: ``not-found``.
    """
    view, key = sql.relation(projection.view), Identifier(projection.key)
    statement = sql.fill("read/get", view=view, key=key)
    found = await conn.execute(statement, _of(projection, book, id=identity))
    rows = await found.fetchall()
    checkpoint = _checkpoint(rows)
    if rows[0]["memo"] is None:
        raise Problem("not-found", f"No event in this book tells of {identity!r}.")
    return {**_document(projection, rows[0]), "position": str(checkpoint)}


async def page(  # noqa: PLR0913 - a page is asked for by this much
    conn: Connection,
    book: str,
    projection: Projection[Any],
    *,
    filters: Mapping[str, str],
    limit: int,
    cursor: str | None,
) -> Page:
    """A page of resources, newest first, with the columns in ``filters`` equal to their values.

    Raises:
        Problem: ``invalid-parameter`` for a cursor that is not ours.
    """
    conditions: list[Composable] = [SQL("true")]
    conditions += [SQL("{} = {}").format(Identifier(f), Placeholder(f)) for f in filters]
    params = _of(projection, book, limit=limit + 1, **filters)
    if cursor is not None:
        after = _read_cursor(cursor)
        params |= {"cursor_at": after.created_at, "cursor_key": after.key}
        marks = (Placeholder("cursor_at"), Placeholder("cursor_key"))
        conditions.append(
            SQL("(created_at, {}) < ({}, {})").format(Identifier(projection.key), *marks)
        )
    statement = sql.fill(
        "read/list",
        view=sql.relation(projection.view),
        key=Identifier(projection.key),
        conditions=SQL(" and ").join(conditions),
    )
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = _checkpoint(rows)
    full = [row for row in rows if row["key"] is not None]
    more = len(full) > limit
    full = full[:limit]
    last = Cursor(full[-1]["created_at"], full[-1]["key"]) if more else None
    return Page(
        data=[_document(projection, row) for row in full],
        next_cursor=_write_cursor(last) if last else None,
        position=str(checkpoint),
    )


async def history(conn: Connection, book: str, business_id: str | None, stream: str) -> History:
    """All events of a stream in the order of the world, folded afresh.

    Raises:
        Problem: ``not-found``.
    """
    checkpoint = await _position(conn, book, EVENTS)
    target = Target(book, business_id, _VIEWS)
    entries = await stream_entries(conn, target, stream, checkpoint)
    if not entries:
        raise Problem("not-found", f"No event in this book belongs to {stream!r}.")
    _, steps = fold(entries)
    return History(stream, [history_entry(step) for step in steps], str(checkpoint))


async def event(conn: Connection, book: str, position: int) -> EventAnswer:
    """One event.

    Raises:
        Problem: ``not-found``.
    """
    params = {"book": book, "position": position}
    stored = await (await conn.execute(text("store/event"), params)).fetchone()
    if stored is None:
        raise Problem("not-found", f"This book has no event at position {position}.")
    statement = sql.fill("read/index_entry", view=sql.relation(EVENTS.view))
    rows = await (await conn.execute(statement, _of(EVENTS, book, position=position))).fetchall()
    known = rows[0] if rows and rows[0]["position"] is not None else {}
    return EventAnswer(
        event_position=str(position),
        source=stored["source"],
        webhook_id=stored["webhook_id"],
        sent_at=stored["sent_at"],
        recorded_at=stored["recorded_at"],
        headers=msgspec.json.decode(stored["headers"]),
        verified_by=stored["verified_by"],
        body_sha256=stored["body_sha256"].hex(),
        body_length=stored["body_length"],
        link=stored["link"].hex(),
        body=f"/v1/events/{position}/body",
        type=known.get("type"),
        stream=known.get("stream"),
        customer_id=known.get("customer_id"),
        occurred_at=known.get("occurred_at"),
        verdict=known.get("verdict"),
        newer=known.get("newer", False),
        late=known.get("late", False),
        revision=known.get("revision", False),
        position=str(_checkpoint(rows)),
    )


async def body(conn: Connection, book: str, position: int) -> bytes:
    """The exact bytes of an event.

    Raises:
        Problem: ``not-found``.
    """
    params = {"book": book, "position": position}
    row = await (await conn.execute(text("store/body"), params)).fetchone()
    if row is None:
        raise Problem("not-found", f"This book has no event at position {position}.")
    return bytes(row["body"])


async def checkpoints(conn: Connection) -> list[dict[str, Any]]:
    """Each projection's checkpoint and the end of its book, for this version's projections."""
    rows = await (await conn.execute(sql.text("read/checkpoints"))).fetchall()
    ours = {(p.name, p.version) for p in PROJECTIONS}
    return [row for row in rows if (row["name"], row["version"]) in ours or row["name"] is None]


def _of(projection: Projection[Any], book: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"book": book, "name": projection.name, "version": projection.version, **params}


def _checkpoint(rows: list[dict[str, Any]]) -> int:
    if not rows:
        raise Problem("not-ready", "The read models of this book are being built.")
    return int(rows[0]["checkpoint"])


async def _position(conn: Connection, book: str, projection: Projection[Any]) -> int:
    found = await conn.execute(text("read/checkpoint"), _of(projection, book))
    return _checkpoint(await found.fetchall())


def _document(projection: Projection[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    if projection is CUSTOMERS:
        return _customer(recall(row["memo"]), row["body"])
    category = projection.aggregate.category if projection.aggregate else ""
    folded: Fold[Any] = decode(category, row["memo"])
    return {
        **events.snapshot(row["body"]),
        "status": shown(folded.status),
        "status_since": folded.since,
        "verdicts": folded.verdicts,
        "event_position": str(folded.position),
    }


def _customer(state: Customer, body: bytes | None) -> dict[str, Any]:
    details = events.snapshot(body).get("customer") if body else None
    known = msgspec.json.decode(details, type=dict[str, Any]) if details else {}
    return {
        **known,
        "customer_id": state.id,
        "created_at": state.occurred_at,
        "event_position": str(state.position),
    }


def _write_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def _read_cursor(given: str) -> Cursor:
    try:
        raw = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        return msgspec.msgpack.decode(raw, type=Cursor)
    except (ValueError, msgspec.MsgspecError):
        raise Problem(
            "invalid-parameter", f"cursor: {given!r} is not one that a page of ours gave."
        ) from None


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
