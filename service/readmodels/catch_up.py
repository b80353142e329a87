"""Fresh tables catch up with the live ones: what was recorded while they were filled."""

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
    """Where the live tables stand; where they never saw a book, whole builds are filled anyway."""
    stand = {name: await checkpoint(conn, name) for name in await books(conn)}
    return {
        name: position or 0
        for name, position in stand.items()
        if position is not None or not build.whole
    }


async def catch_up(conn: Connection, build: Build, name: str, book: Book, until: int) -> None:
    """Project what the live tables have and the fresh ones lack.

    Raises:
        MissingEventsError: if one of the events is not there.
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
    """Come to where the live tables are, which nobody moves until the transaction ends.

    Returns:
        Where they stand in each book that they have seen.

    Raises:
        RebuildError: if the store was restored to before that, and only some are built.
        MissingEventsError: if one of the events is not there.
    """
    await build.lease.acquire(conn)
    # in no book, one that is opened now included
    await conn.execute(statements.text("readmodels/lock_builds"), {"version": VERSION})
    live: dict[str, int] = {}
    for name in await books(conn):
        if (stands := await checkpoint(conn, name, lock=True)) is not None:
            live[name] = stands
    # asked after the checkpoints: only a store that was restored ends before them
    for name, book in (await books(conn)).items():
        if live.get(name, 0) > book.position and not build.whole:
            raise RebuildError(
                f"Nothing was switched or compared: the read models of book {name!r} stand at"
                f" {live[name]}, and it ends at {book.position}; the store was restored to an"
                " earlier moment. Build all of them: daybook rebuild"
            )
        # where none are live, to the end; a partial build of a book that they never saw, nowhere
        until = live.get(name, book.position if build.whole else 0)
        await catch_up(conn, build, name, book, min(until, book.position))
    return live
