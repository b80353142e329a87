"""Projecting: events become rows, in the transaction that moves the checkpoint.

``project`` writes the rows of some events into one set of tables: the live ones, or those that a
rebuild brings up to date. ``advance`` does it for the next events of a book.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from msgspec import Struct
from psycopg import AsyncCursor
from psycopg.rows import DictRow
from psycopg.sql import Identifier

from domain.customer import State as Customer
from domain.customer import see
from domain.events import Entry, Event, read
from domain.fold import Fold, Step, decode, extend, fold
from projections.catalog import BY_CATEGORY, PROJECTIONS
from projections.customers import CUSTOMERS, recall
from projections.events import EVENTS
from projections.projection import VERSION, Projection
from service import sql
from service.checkpoints import tables_of
from service.copying import columns
from service.failures import described
from service.notices import PROJECTED, notify
from service.postgres import Connection, is_away
from service.store import event_of, events_after

LIVE = "live"
"""The build that readers see, as ``read.parked`` names it."""

_BATCH = 1000

_log = structlog.get_logger(__name__)


class Target(Struct, frozen=True):
    """Where the rows of a book go.

    Attributes:
        business_id: the business that the book names; events of another are foreign.
        tables: the table of each projection that is written, by its name.
        build: ``LIVE``, or the name of the rebuild that fills the tables.
        index: where the entries of a stream are looked up, if the index of events is not written;
            complete at least up to the events that are projected.
    """

    book: str
    business_id: str | None
    tables: Mapping[str, str]
    build: str = LIVE
    index: str | None = None


async def project(conn: Connection, target: Target, events: Sequence[Event]) -> None:
    """Write the rows of ``events``, the next ones of their book, inside the caller's transaction.

    An event that cannot be digested parks its stream and does not stop the others.
    """
    try:
        async with conn.transaction():
            await _project(conn, target, events)
    except Exception as error:
        if is_away(error):
            raise
        if len(events) == 1:
            await _park(conn, target, events[0], error)
            return
        for event in events:
            await project(conn, target, (event,))


async def _project(conn: Connection, target: Target, events: Sequence[Event]) -> None:
    entries = [read(event, target.business_id) for event in events]
    parked = await parked_streams(conn, target)
    done: list[Step | Entry] = []
    streams: dict[str, list[Entry]] = {}
    for entry in entries:
        stream = entry.stream
        if stream is None or stream in parked:
            done.append(entry)
        else:
            streams.setdefault(stream, []).append(entry)
    folds, steps = await _fold_streams(conn, target, streams, until=events[0].position - 1)
    customers = await _merge_customers(conn, target, entries)
    # the server writes one table while the rows of the next are encoded here
    async with conn.pipeline():
        await _write(conn, target, EVENTS, [*done, *steps])
        await _write_streams(conn, target, folds)
        await _write(conn, target, CUSTOMERS, customers)


async def project_stream(conn: Connection, target: Target, stream: str, until: int) -> None:
    """Fold one stream from its beginning up to a position, and write its rows."""
    entries = await stream_entries(conn, target, stream, until)
    if not entries:
        return
    folded, steps = fold(entries)
    await _write(conn, target, EVENTS, steps)
    await _write_streams(conn, target, {stream.partition("-")[0]: [folded]})
    await _write(conn, target, CUSTOMERS, await _merge_customers(conn, target, entries))


async def _write_streams(
    conn: Connection, target: Target, folds: Mapping[str, Sequence[Fold[Any]]]
) -> None:
    for category, of_category in folds.items():
        await _write(conn, target, BY_CATEGORY[category], of_category)


async def _fold_streams(
    conn: Connection, target: Target, streams: Mapping[str, list[Entry]], until: int
) -> tuple[dict[str, list[Fold[Any]]], list[Step]]:
    memos = await _memos(conn, target, streams)
    done: dict[str, tuple[Fold[Any], list[Step]] | None] = {}
    for stream, entries in streams.items():
        memo = memos.get(stream)
        kept = BY_CATEGORY[stream.partition("-")[0]].name in target.tables
        done[stream] = extend(memo, entries) if memo else fold(entries) if kept else None
    again = [stream for stream, one in done.items() if one is None]
    earlier = await _streams_entries(conn, target, again, until) if again else {}
    folds: dict[str, list[Fold[Any]]] = {}
    steps: list[Step] = []
    for stream, entries in streams.items():
        folded, stepped = done[stream] or _again(earlier.get(stream, []), entries)
        folds.setdefault(stream.partition("-")[0], []).append(folded)
        steps.extend(stepped)
    return folds, steps


def _again(earlier: list[Entry], entries: list[Entry]) -> tuple[Fold[Any], list[Step]]:
    """Fold a whole stream; only the steps that are new or have changed, since each is a row."""
    folded, steps = fold([*earlier, *entries])
    known = {s.entry.event.position: s for s in fold(earlier)[1]} if earlier else {}
    return folded, [s for s in steps if s != known.get(s.entry.event.position)]


async def _memos(conn: Connection, target: Target, streams: Iterable[str]) -> dict[str, Fold[Any]]:
    wanted: dict[str, list[str]] = {}
    for stream in streams:
        category, _, key = stream.partition("-")
        wanted.setdefault(category, []).append(key)
    kept = {c: k for c, k in wanted.items() if BY_CATEGORY[c].name in target.tables}
    async with conn.pipeline():
        asked = {c: await _stored(conn, target, BY_CATEGORY[c], keys) for c, keys in kept.items()}
        return {
            f"{category}-{row['key']}": decode(category, row["memo"])
            for category, found in asked.items()
            for row in await found.fetchall()
        }


async def _stored(
    conn: Connection, target: Target, projection: Projection[Any], keys: Sequence[str]
) -> AsyncCursor[DictRow]:
    table, key = sql.relation(target.tables[projection.name]), Identifier(projection.key)
    statement = sql.fill("read/memos", table=table, key=key)
    params = {"book": target.book, "keys": keys}
    # not prepared: the plan must follow the table as it grows
    return await conn.execute(statement, params, prepare=False, binary=True)


async def _merge_customers(
    conn: Connection, target: Target, entries: Iterable[Entry]
) -> list[Customer]:
    named = [(entry.customer, entry) for entry in entries if entry.customer]
    ids = list({customer.customer_id for customer, _ in named})
    if not ids or CUSTOMERS.name not in target.tables:
        return []
    found = await _stored(conn, target, CUSTOMERS, ids)
    merged = {row["key"]: recall(row["memo"]) for row in await found.fetchall()}
    for customer, entry in named:
        see(merged, customer, entry.key, entry.event.position)
    return list(merged.values())


async def stream_entries(conn: Connection, target: Target, stream: str, until: int) -> list[Entry]:
    """The entries of one stream up to a position, as the index of ``target`` knows them."""
    return (await _streams_entries(conn, target, [stream], until)).get(stream, [])


async def _streams_entries(
    conn: Connection, target: Target, streams: Sequence[str], until: int
) -> dict[str, list[Entry]]:
    index = target.tables.get(EVENTS.name) or target.index
    assert index is not None, "a target without an index of events"  # noqa: S101
    statement = sql.fill("read/stream", events=sql.relation(index))
    params = {"book": target.book, "streams": streams, "until": until}
    found = await conn.execute(statement, params, prepare=False, binary=True)
    entries: dict[str, list[Entry]] = {}
    for row in await found.fetchall():
        entry = read(event_of(row), target.business_id)
        # the book may name another business since the index was built
        if entry.stream is not None and entry.stream == row["stream"]:
            entries.setdefault(entry.stream, []).append(entry)
    return entries


async def _write(
    conn: Connection, target: Target, projection: Projection[Any], things: Sequence[Any]
) -> None:
    if not things or projection.name not in target.tables:
        return
    statement = sql.upsert(projection, target.tables[projection.name])
    rows = [projection.row(thing) for thing in things]
    await conn.execute(statement, {"book": target.book, **columns(rows)})


async def parked_streams(conn: Connection, target: Target) -> set[str]:
    """The streams that are set aside."""
    params = {"build": target.build, "book": target.book}
    found = await conn.execute(sql.text("read/parked"), params)
    return {row["stream"] for row in await found.fetchall()}


async def _park(conn: Connection, target: Target, event: Event, error: Exception) -> None:
    entry = read(event, target.business_id)
    stream = entry.stream or f"position-{event.position}"
    _log.error("stream parked", book=target.book, stream=stream, position=event.position)
    params = {
        "book": target.book,
        "build": target.build,
        "stream": stream,
        "position": event.position,
        "error": described(error),
    }
    await conn.execute(sql.text("read/park"), params)
    await _write(conn, target, EVENTS, [entry])


async def advance(conn: Connection, book: str) -> bool:
    """Project the next events of a book; returns whether there were any.

    Holding the checkpoint's lock, no other process writes the same rows.
    """
    place = {"book": book, "version": VERSION}
    head = await (await conn.execute(sql.text("read/behind"), place)).fetchone()
    if head is None or not head["behind"]:
        return False
    async with conn.transaction():
        async with conn.pipeline():
            # in this order, as a rebuild takes them too
            live = await conn.execute(sql.text("read/live"), {"version": VERSION})
            locked = await conn.execute(sql.text("read/lock_checkpoint"), place)
            tables = tables_of(await live.fetchall())
            row = await locked.fetchone()
        if row is None or len(tables) < len(PROJECTIONS):
            return False
        events = await events_after(conn, book, row["position"], _BATCH)
        if not events:
            return False
        await project(conn, Target(book, head["business_id"], tables), events)
        moved = {**place, "position": events[-1].position, "expected": row["position"]}
        async with conn.pipeline():
            found = await conn.execute(sql.text("read/move_checkpoint"), moved)
            await notify(conn, PROJECTED, book, moved["position"])
            if await found.fetchone() is None:
                raise RuntimeError(f"the checkpoint of {book} moved under its lock")
    return True
