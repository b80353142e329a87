"""Rebuild: fresh tables beside the live ones, filled from the store, switched in one transaction.

One pass over the store decodes and sorts it by stream, in parallel processes; a second folds part
by part and copies the rows; indexes come after. What was recorded meanwhile is caught up as live,
at last under the locks that keep the live tables still for the moment of the switch. Readers see
the old rows until then and the new ones after it. Interrupted at any point, it leaves the live
tables as they were; what it left behind is dropped by the next one.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from shutil import rmtree
from typing import Any

from projections.catalog import BY_NAME, PROJECTIONS
from projections.events import EVENTS
from projections.projection import VERSION, Projection
from service import spill, sql
from service.builds import (
    Generations,
    drop_leftovers,
    fresh,
    missing,
    show,
)
from service.checkpoints import checkpoint, live_tables, lost, set_checkpoint
from service.compare import Difference, compare
from service.filling import Build, Progress, fill
from service.lease import REBUILD, held
from service.postgres import Connection, url_of
from service.projector import project
from service.store import Book, books, events_after
from service.streams import LIVE, Target
from service.versions import drop_old

_BATCH = 1000


class StreamsSetAsideError(Exception):
    """Some streams could not be folded, and only some projections were to be switched."""


class NothingToGoBackToError(Exception):
    """There are no previous tables."""


async def rebuild(
    conn: Connection,
    chosen: Sequence[Projection[Any]] = PROJECTIONS,
    progress: Progress = lambda *_: None,
    processes: int | None = None,
) -> dict[str, int]:
    """Build the chosen projections again, in all books, and switch to them.

    Args:
        conn: a connection of its own.
        chosen: which projections. All of them are, where read models of this version were never
            built, or show events that the store does not have.
        progress: told how far it has come.
        processes: how many decode and fold; one a processor without.

    Returns:
        The position of each book at the switch.

    Raises:
        LeaseTakenError: if another rebuild is running.
        StreamsSetAsideError: if only some are chosen, and a stream cannot be folded.
    """
    if await missing(conn) or await lost(conn):
        chosen = PROJECTIONS
    async with _built(conn, chosen, progress, processes) as build:
        async with conn.transaction():
            strayed = await lost(conn)
            await _catch_up_locked(conn, build)
            await _switch(conn, build)
            if strayed:
                # what was live shows events that the store does not have: no way leads back
                await conn.execute(sql.text("read/forget_previous"), {"version": VERSION})
        if build.whole:
            await drop_old(conn)
        return build.positions


async def preview(
    conn: Connection,
    chosen: Sequence[Projection[Any]] = PROJECTIONS,
    progress: Progress = lambda *_: None,
    processes: int | None = None,
) -> list[Difference]:
    """Build the chosen projections again and compare; what would change, and nothing is switched.

    Live projecting waits during the comparison; webhooks and readers do not.

    Raises:
        LeaseTakenError: if a rebuild is running.
    """
    async with _built(conn, chosen, progress, processes) as build, conn.transaction():
        await _catch_up_locked(conn, build)
        live = await live_tables(conn)
        return [
            await compare(conn, p, live[p.name], table)
            for p, table in ((BY_NAME[name], table) for name, table in build.tables.items())
            if p.name in live
        ]


async def undo(conn: Connection) -> dict[str, int]:
    """Go back to the tables before the last rebuild, brought up to date; again, to go forth.

    Returns:
        The position of each book at the switch.

    Raises:
        LeaseTakenError: if a rebuild is running.
        NothingToGoBackToError: if there was no rebuild before.
    """
    async with held(url_of(conn), REBUILD) as lease, conn.transaction():
        await lease.keep(conn)
        await conn.execute(sql.text("read/lock_builds"), {"version": VERSION})
        if strayed := await lost(conn):
            raise NothingToGoBackToError(" ".join(map(str, strayed)))
        found = await conn.execute(sql.text("read/previous"), {"version": VERSION})
        back = {BY_NAME[r["name"]]: r["previous"] for r in await found.fetchall()}
        if not back:
            raise NothingToGoBackToError("There are no tables from before the last rebuild.")
        positions = {}
        for name, book in (await books(conn)).items():
            positions[name] = await checkpoint(conn, name, lock=True) or 0
            for p, generation in back.items():
                build = Build(lease, {p: generation}, {name: await _retired(conn, p, name)})
                await _catch_up(conn, build, name, book, positions[name])
        await _retire(conn, back, positions)
        await show(conn, back)
        return positions


async def open_checkpoints(conn: Connection) -> None:
    """Let the live read models begin in the books that they have not seen."""
    for book in await books(conn):
        params = {"book": book, "version": VERSION}
        await conn.execute(sql.text("read/open_checkpoint"), params)


@asynccontextmanager
async def _built(
    conn: Connection,
    chosen: Sequence[Projection[Any]],
    progress: Progress,
    processes: int | None,
) -> AsyncIterator[Build]:
    """Fresh tables, nearly up to date; what is not shown at the end is dropped."""
    async with held(url_of(conn), REBUILD) as lease:

        def told(doing: str, done: int, total: int) -> None:
            lease.doing, lease.done, lease.total = doing, done, total
            progress(doing, done, total)

        directory = spill.new_directory()
        try:
            await drop_leftovers(conn)
            build = Build(lease, await fresh(conn, chosen), {})
            await fill(conn, build, directory, told, processes)
            for name, book in (await books(conn)).items():
                until = min(await checkpoint(conn, name) or 0, book.position)
                await _catch_up(conn, build, name, book, until)
            yield build
            await lease.keep(conn)
        finally:
            rmtree(directory, ignore_errors=True)
            await conn.execute(sql.text("read/forget_parked"), {"build": lease.owner})
        await drop_leftovers(conn)


async def _catch_up(conn: Connection, build: Build, name: str, book: Book, until: int) -> None:
    """Project what the live tables have and the fresh ones lack."""
    index = None if EVENTS.name in build.tables else (await live_tables(conn))[EVENTS.name]
    target = Target(name, book.business_id, build.tables, build.lease.owner, index)
    position = build.positions.get(name, 0)
    while position < until:
        events = await events_after(conn, name, position, min(_BATCH, until - position))
        async with conn.transaction():
            await project(conn, target, events)
        position = events[-1].position
        build.positions[name] = position


async def _catch_up_locked(conn: Connection, build: Build) -> None:
    """Come to where the live tables are, which nobody moves until the transaction ends."""
    await build.lease.keep(conn)
    # in no book, one that is opened now included
    await conn.execute(sql.text("read/lock_builds"), {"version": VERSION})
    for name, book in (await books(conn)).items():
        stands = await checkpoint(conn, name, lock=True)
        # where none are live, to the end; a partial build of a book that they never saw, nowhere
        until = stands if stands is not None else book.position if build.whole else 0
        # beyond the end, where the store was restored without the read models
        until = min(until, book.position)
        await _catch_up(conn, build, name, book, until)


async def _switch(conn: Connection, build: Build) -> None:
    if not build.whole and (lost := await _set_aside(conn, build.lease.owner)):
        raise StreamsSetAsideError(
            f"Nothing was switched: {len(lost)} streams could not be folded,"
            f" the first is {lost[0]}."
        )
    await _retire(conn, build.generations, build.positions)
    await show(conn, build.generations)
    for name, position in build.positions.items():
        await set_checkpoint(conn, name, position)
    if build.whole:
        await conn.execute(sql.text("read/forget_parked"), {"build": LIVE})
        await conn.execute(sql.text("read/adopt_parked"), {"build": build.lease.owner})


async def _retire(conn: Connection, replaced: Generations, positions: dict[str, int]) -> None:
    for p in replaced:
        for book, position in positions.items():
            params = {"name": p.name, "version": VERSION, "book": book, "position": position}
            await conn.execute(sql.text("read/retire"), params)


async def _retired(conn: Connection, projection: Projection[Any], book: str) -> int:
    params = {"name": projection.name, "version": VERSION, "book": book}
    row = await (await conn.execute(sql.text("read/retired"), params)).fetchone()
    return row["position"] if row else 0


async def _set_aside(conn: Connection, build: str) -> list[str]:
    found = await conn.execute(sql.text("read/parked"), {"build": build, "book": None})
    return [row["stream"] for row in await found.fetchall()]
