"""Catching up: fresh tables get the events that were recorded while they were filled."""

from projections.events import EVENTS
from projections.projection import VERSION
from service.database import statements
from service.database.connections import Connection
from service.readmodels.checkpoints import checkpoint, live_tables
from service.readmodels.errors import MissingEventsError, RebuildError
from service.readmodels.fill import Build
from service.readmodels.projector import project
from service.readmodels.streams import Target
from service.store.events import Book, books, events_after

_BATCH = 1000


async def ends_of(conn: Connection, build: Build) -> dict[str, int]:
    """The positions of the live tables; a whole build also fills books that they never saw."""
    reached = {name: await checkpoint(conn, name) for name in await books(conn)}
    return {
        name: position or 0
        for name, position in reached.items()
        if position is not None or not build.whole
    }


async def catch_up(conn: Connection, build: Build, name: str, book: Book, until: int) -> None:
    """Project the events up to ``until`` that the fresh tables lack.

    Raises:
        MissingEventsError: if one of the events is missing.
    """
    index = None if EVENTS.name in build.tables else (await live_tables(conn))[EVENTS.name]
    target = Target(name, book.business_id, build.tables, build.lease.owner, index)
    position = build.positions.get(name, 0)
    while position < until:
        wanted = min(_BATCH, until - position)
        events = await events_after(conn, name, position, wanted)
        if len(events) < wanted:
            raise MissingEventsError(name, until, position + len(events))
        async with conn.transaction():
            await project(conn, target, events)
        position = events[-1].position
        build.positions[name] = position


async def catch_up_locked(conn: Connection, build: Build) -> dict[str, int]:
    """Catch up with the live tables, and keep them still until the transaction ends.

    Returns:
        The position of the live tables in each book that they have seen.

    Raises:
        RebuildError: if the store was restored to before that, and only some tables are built.
        MissingEventsError: if one of the events is missing.
    """
    await build.lease.acquire(conn)
    # this covers books that are opened from now on
    await conn.execute(statements.text("readmodels/lock_builds"), {"version": VERSION})
    live: dict[str, int] = {}
    for name in await books(conn):
        if (position := await checkpoint(conn, name, lock=True)) is not None:
            live[name] = position
    # read after the checkpoints: only a restored store ends before them
    for name, book in (await books(conn)).items():
        if live.get(name, 0) > book.position and not build.whole:
            raise RebuildError(
                f"Nothing was switched or compared: the read models of book {name!r} stand at"
                f" {live[name]}, and it ends at {book.position}; the store was restored to an"
                " earlier moment. Build all of them: daybook rebuild"
            )
        # a book that the live tables never saw: to its end, or nowhere in a partial build
        until = live.get(name, book.position if build.whole else 0)
        await catch_up(conn, build, name, book, min(until, book.position))
    return live
