"""Projecting: events become rows, in the transaction that moves the checkpoint.

``project`` writes the rows of some events into one set of tables: the live ones, or those that a
rebuild brings up to date. ``advance`` does so for the next events of a book, and ``retry`` for a
parked stream.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from domain.events import Event
from domain.fold import fold
from domain.reading import read
from projections.catalog import PROJECTIONS
from projections.events import placed
from projections.projection import VERSION
from projections.rows import Folded
from service.database import statements
from service.database.connections import Connection, is_unavailable
from service.database.notifications import notify, projected
from service.problems import Problem
from service.readmodels import batch
from service.readmodels.checkpoints import live_tables, tables_of
from service.readmodels.errors import HistoryLostError
from service.readmodels.streams import LIVE, Target, park, stream_entries
from service.store.audit import SERVICE_ACT, Act, record_act
from service.store.events import books, events_after
from service.telemetry.tracebacks import format_error

_BATCH = 1000
_AHEAD = 16  # the most batches in one transaction, in a backlog

_log = structlog.get_logger(__name__)


_Projecting = Callable[[Connection, Target, int], Awaitable[int]]


async def project(conn: Connection, target: Target, events: Sequence[Event]) -> None:
    """Write the rows of ``events``, the next ones of their book, inside the caller's transaction.

    An event that cannot be folded parks its stream and does not stop the others.
    """
    try:
        async with conn.transaction():
            entries = await batch.decode_events(target, events)
            begun = await batch.begin(conn, target, entries)
            await batch.fold_on(target, begun)
            await batch.write(conn, target, begun)
    except Exception as error:
        if is_unavailable(error):
            raise
        if len(events) == 1:
            await _park(conn, target, events[0], error)
            return
        for event in events:
            await project(conn, target, (event,))


async def _park(conn: Connection, target: Target, event: Event, error: Exception) -> None:
    entry = read(event, target.business_id)
    stream = entry.stream or f"position-{event.position}"
    _log.error("stream parked", book=target.book, stream=stream, position=event.position)
    await park(conn, target, stream, event.position, format_error(error))
    await batch.write_folded(conn, target, Folded(events=[entry]))


async def retry(conn: Connection, book: str, stream: str, act: Act = SERVICE_ACT) -> str | None:
    """Fold a parked stream again and bring its rows up to date.

    Returns:
        The error with its traceback if it fails again, else None.

    Raises:
        Problem: ``not-found`` if the stream is not parked.
    """
    async with conn.transaction():
        tables = await live_tables(conn)
        place = {"book": book, "version": VERSION}
        row = await (
            await conn.execute(statements.text("readmodels/lock_checkpoint"), place)
        ).fetchone()
        key = {"book": book, "build": LIVE, "stream": stream}
        parked = await (await conn.execute(statements.text("readmodels/unpark"), key)).fetchone()
        if parked is None or row is None or len(tables) < len(PROJECTIONS):
            raise Problem("not-found", f"Stream {stream!r} is not parked.")
        await record_act(conn, book, act, "retry", stream)
        target = Target(book, (await books(conn))[book].business_id, tables)
        try:
            async with conn.transaction():
                await _project_stream(conn, target, stream, row["position"])
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream stays parked for it
            reason = format_error(error)
            await park(conn, target, stream, parked["position"], reason)
            return reason
    return None


async def _project_stream(conn: Connection, target: Target, stream: str, until: int) -> None:
    """Fold one stream from its beginning up to a position, and write its rows."""
    entries = await stream_entries(conn, target, stream, until)
    if not entries:
        return
    # others go on meanwhile, also where a worker was asked for this
    after, steps = await asyncio.to_thread(fold, entries)
    folded = Folded([*placed(after, steps)], {batch.category_of(stream): [after]})
    await batch.add_customers(conn, target, folded, entries, {})
    await batch.write_folded(conn, target, folded)


async def advance(conn: Connection, book: str) -> bool:
    """Project the next events of a book; returns whether there were any.

    Holding the checkpoint's lock, no other process writes the same rows. A backlog is worked off
    several batches at a time; where one of them fails, it is tried again event by event.

    Raises:
        HistoryLostError: if the read models show events that the store does not have.
    """
    try:
        return await _advance(conn, book, _project_ahead)
    except HistoryLostError:
        raise
    except Exception as error:
        if is_unavailable(error):
            raise
        _log.warning("projecting event by event", book=book, error=type(error).__name__)
    return await _advance(conn, book, _project_one)


async def _advance(conn: Connection, book: str, projecting: _Projecting) -> bool:
    place = {"book": book, "version": VERSION}
    # not prepared: a plan made while the table was empty would scan the grown one
    found = await conn.execute(statements.text("readmodels/behind"), place, prepare=False)
    head = await found.fetchone()
    if head is None:
        return False
    if not head["known"]:
        # readers are told so too: what they join to the store would be other events' bodies
        await conn.execute(statements.text("readmodels/lose_checkpoint"), place)
        raise HistoryLostError(book, head["checkpoint"], head["position"])
    if not head["behind"]:
        return False
    async with conn.transaction():
        async with conn.pipeline():
            # in this order, as a rebuild takes them too
            live = await conn.execute(statements.text("readmodels/live"), {"version": VERSION})
            locked = await conn.execute(statements.text("readmodels/lock_checkpoint"), place)
            tables = tables_of(await live.fetchall())
            row = await locked.fetchone()
        if row is None or len(tables) < len(PROJECTIONS):
            return False
        target = Target(book, head["business_id"], tables)
        position = await projecting(conn, target, row["position"])
        if position == row["position"]:
            return False
        moved = {**place, "position": position, "expected": row["position"]}
        async with conn.pipeline():
            found = await conn.execute(
                statements.text("readmodels/move_checkpoint"), moved, prepare=False
            )
            await notify(conn, projected(VERSION), book, position)
            if await found.fetchone() is None:
                raise RuntimeError(f"the checkpoint of {book} moved under its lock")
    return True


async def _project_one(conn: Connection, target: Target, after: int) -> int:
    """Project one batch, whatever is in it; the position of its last event."""
    events = await events_after(conn, target.book, after, _BATCH)
    if events:
        await project(conn, target, events)
    return events[-1].position if events else after


async def _project_ahead(conn: Connection, target: Target, after: int) -> int:
    """Project several batches: while the server writes one, the next is folded here."""
    events = await events_after(conn, target.book, after, _BATCH)
    if not events:
        return after
    now = await batch.begin(conn, target, await batch.decode_events(target, events))
    events = await _after(conn, target, now)
    await batch.fold_on(target, now)
    entries = await batch.decode_events(target, events)
    for _ in range(1, _AHEAD):
        if not entries:
            break
        following = await batch.begin(conn, target, entries, now)
        events = await _after(conn, target, following)
        writing = asyncio.create_task(batch.write(conn, target, now))
        try:
            await batch.fold_on(target, following)
            entries = await batch.decode_events(target, events)
        finally:
            await writing
        now = following
    await batch.write(conn, target, now)
    return now.last


async def _after(conn: Connection, target: Target, now: batch.Batch) -> list[Event]:
    """What comes after a batch, if that was a full one."""
    full = now.last - now.first + 1 == _BATCH
    return await events_after(conn, target.book, now.last, _BATCH) if full else []
