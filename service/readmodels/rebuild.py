"""Rebuild: fresh tables beside the live ones, filled from the store, switched in one transaction.

One pass over the store decodes and sorts it by stream, in parallel processes; a second folds part
by part and copies the rows; indexes come after. What was recorded meanwhile is caught up as live,
at last under the locks that keep the live tables still for the moment of the switch. Readers see
the old rows until then and the new ones after it. Interrupted at any point, it leaves the live
tables as they were; what it left behind is dropped by the next one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from projections.catalog import BY_NAME, PROJECTIONS
from projections.projection import VERSION, Projection
from service.database import statements
from service.database.connections import UNAVAILABLE, Connection, url_of
from service.database.lease import REBUILD, Lease, LeaseTakenError, held
from service.readmodels import spill
from service.readmodels.catch_up import catch_up, catch_up_locked, ends_of
from service.readmodels.checkpoints import checkpoint, live_tables, lost, set_checkpoint
from service.readmodels.compare import Difference, compare
from service.readmodels.errors import (
    NoPreviousBuildError,
    RebuildError,
    UnfoldableStreamsError,
)
from service.readmodels.fill import Build, Progress, fill
from service.readmodels.locks import patiently
from service.readmodels.streams import LIVE, parked_rows
from service.readmodels.tables import (
    Generations,
    drop_leftovers,
    drop_old,
    fresh,
    missing,
    publish,
)
from service.store.events import books

T = TypeVar("T")


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
        RebuildError: if not all events could be read, or readers were in the way too long.
        UnfoldableStreamsError: if only some are chosen, and a stream cannot be folded.
    """
    if await missing(conn) or await lost(conn):
        chosen = PROJECTIONS
    async with _built(conn, chosen, progress, processes) as build:

        async def switch() -> None:
            strayed = await lost(conn)
            live = await catch_up_locked(conn, build)
            await _switch(conn, build, live)
            if strayed:
                # what was live shows events that the store does not have: no way leads back
                await conn.execute(
                    statements.text("readmodels/forget_previous"), {"version": VERSION}
                )

        await _under_locks(conn, build, switch)
        if build.whole:
            # it is switched whatever becomes of them: the next one drops them
            with suppress(*UNAVAILABLE):
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
        RebuildError: if not all events could be read, or there is nothing to compare with.
    """
    if never := {p.name for p in await missing(conn)} & {p.name for p in chosen}:
        raise RebuildError(
            f"Nothing was compared: never built were {', '.join(sorted(never))}."
            " Build them with: daybook rebuild"
        )
    async with _built(conn, chosen, progress, processes, comparing=True) as build:

        async def differences() -> list[Difference]:
            await catch_up_locked(conn, build)
            live = await live_tables(conn)
            return [
                await compare(conn, BY_NAME[name], live[name], table)
                for name, table in build.tables.items()
            ]

        return await _under_locks(conn, build, differences)


async def undo(conn: Connection) -> dict[str, int]:
    """Go back to the tables before the last rebuild, brought up to date; again, to go forth.

    Returns:
        The position of each book at the switch.

    Raises:
        LeaseTakenError: if a rebuild is running.
        NoPreviousBuildError: if there was no rebuild before.
        RebuildError: if readers were in the way too long.
    """
    async with held(url_of(conn), REBUILD) as lease:
        return await patiently(conn, lambda: _undo(conn, lease))


async def _undo(conn: Connection, lease: Lease) -> dict[str, int]:
    await lease.keep(conn)
    await conn.execute(statements.text("readmodels/lock_builds"), {"version": VERSION})
    if strayed := await lost(conn):
        raise NoPreviousBuildError(" ".join(map(str, strayed)))
    found = await conn.execute(statements.text("readmodels/previous"), {"version": VERSION})
    back = {BY_NAME[r["name"]]: r["previous"] for r in await found.fetchall()}
    if not back:
        raise NoPreviousBuildError("There are no tables from before the last rebuild.")
    positions = {}
    for name in await books(conn):
        positions[name] = await checkpoint(conn, name, lock=True) or 0
    for name, book in (await books(conn)).items():
        for p, generation in back.items():
            build = Build(lease, {p: generation}, {name: await _retired(conn, p, name)})
            await catch_up(conn, build, name, book, positions[name])
    await _retire(conn, back, positions)
    await publish(conn, back)
    return positions


async def open_checkpoints(conn: Connection) -> None:
    """Let the live read models begin in the books that they have not seen."""
    for book in await books(conn):
        params = {"book": book, "version": VERSION}
        await conn.execute(statements.text("readmodels/open_checkpoint"), params)


@asynccontextmanager
async def _built(
    conn: Connection,
    chosen: Sequence[Projection[Any]],
    progress: Progress,
    processes: int | None,
    *,
    comparing: bool = False,
) -> AsyncIterator[Build]:
    """Fresh tables, nearly up to date; what is not shown at the end is dropped."""
    async with held(url_of(conn), REBUILD) as lease:

        def told(doing: str, done: int, total: int) -> None:
            lease.doing, lease.done, lease.total = doing, done, total
            progress(doing, done, total)

        try:
            with spill.new_directory() as directory:
                await drop_leftovers(conn)
                build = Build(lease, await fresh(conn, chosen), {})
                # beside live tables that stay, the rows must not be ahead of them
                ends = await ends_of(conn, build) if comparing or not build.whole else {}
                await fill(conn, build, ends, directory, told, processes)
            yield build
        finally:
            with suppress(LeaseTakenError, *UNAVAILABLE):
                await conn.execute(
                    statements.text("readmodels/forget_parked"), {"build": lease.owner}
                )
                await lease.keep(conn)
                await drop_leftovers(conn)


async def _under_locks(conn: Connection, build: Build, change: Callable[[], Awaitable[T]]) -> T:
    """Make a change patiently; what was recorded meanwhile is caught up before each try."""

    async def before() -> None:
        for name, book in (await books(conn)).items():
            until = await checkpoint(conn, name) or 0
            await catch_up(conn, build, name, book, min(until, book.position))

    async def tried() -> T:
        reached = dict(build.positions)
        try:
            return await change()
        except BaseException:
            # what was caught up in the transaction is undone with it
            build.positions = reached
            raise

    return await patiently(conn, tried, before)


async def _switch(conn: Connection, build: Build, live: dict[str, int]) -> None:
    if not build.whole and (failed := await _parked(conn, build.lease.owner)):
        raise UnfoldableStreamsError(
            f"Nothing was switched: {len(failed)} streams could not be folded,"
            f" the first is {failed[0]}."
        )
    await _retire(conn, build.generations, live)
    for name, position in build.positions.items():
        await set_checkpoint(conn, name, position)
    if build.whole:
        await conn.execute(statements.text("readmodels/forget_parked"), {"build": LIVE})
        await conn.execute(statements.text("readmodels/adopt_parked"), {"build": build.lease.owner})
    await publish(conn, build.generations)


async def _retire(conn: Connection, replaced: Generations, positions: dict[str, int]) -> None:
    for p in replaced:
        for book, position in positions.items():
            params = {"name": p.name, "version": VERSION, "book": book, "position": position}
            await conn.execute(statements.text("readmodels/retire"), params)


async def _retired(conn: Connection, projection: Projection[Any], book: str) -> int:
    params = {"name": projection.name, "version": VERSION, "book": book}
    row = await (await conn.execute(statements.text("readmodels/retired"), params)).fetchone()
    return row["position"] if row else 0


async def _parked(conn: Connection, build: str) -> list[str]:
    return [row["stream"] for row in await parked_rows(conn, build, None)]
