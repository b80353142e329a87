"""Rebuild: fill fresh tables from the store, then switch to them in one transaction.

A first pass over the store decodes the events and divides them by stream, in parallel processes. A
second pass folds part by part and copies the rows; then come the indexes. Events recorded since
are projected as live ones are, the last of them under locks that keep the live tables still until
the switch. Readers see the old rows before it and the new rows after it. Interrupted at any point,
a rebuild leaves the live tables as they were, and the next one drops its leftovers.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from projections.catalog import BY_NAME, COUNTS, PROJECTIONS, together
from projections.projection import VERSION, Projection
from service.database import statements
from service.database.connections import UNAVAILABLE, Connection, url_of
from service.database.lease import REBUILD, Lease, LeaseTakenError, hold_lease
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
from service.store.audit import SERVICE_ACT, Act, record_act
from service.store.events import books
from service.telemetry.wording import number_of

T = TypeVar("T")


async def rebuild(
    conn: Connection,
    chosen: Sequence[Projection[Any]] = PROJECTIONS,
    progress: Progress = lambda *_: None,
    processes: int | None = None,
    act: Act = SERVICE_ACT,
) -> dict[str, int]:
    """Rebuild the chosen projections, in all books, and switch to them.

    Args:
        conn: a connection of its own.
        chosen: the projections, with which those are rebuilt that count their rows. All are
            rebuilt if some were never built in this version, or if they show events that the store
            does not have.
        progress: called after each step.
        processes: how many processes decode and fold; one for each processor by default.
        act: who rebuilds, and why; recorded with the switch.

    Returns:
        The position of each book at the switch.

    Raises:
        LeaseTakenError: if another rebuild is running.
        RebuildError: if some events could not be read, or readers held locks for too long.
        UnfoldableStreamsError: if only some are chosen, and a stream cannot be folded.
    """
    chosen = together(chosen)
    if await missing(conn) or await lost(conn):
        chosen = PROJECTIONS
    async with _built(conn, chosen, progress, processes) as build:

        async def switch() -> None:
            strayed = await lost(conn)
            live = await catch_up_locked(conn, build)
            await _switch(conn, build, live)
            for book in build.positions:
                await record_act(conn, book, act, "rebuild", _names(build.generations))
            if strayed:
                # the replaced tables show events that the store does not have: no undo
                await conn.execute(
                    statements.text("readmodels/forget_previous"), {"version": VERSION}
                )

        await _under_locks(conn, build, switch)
        if build.whole:
            # a failure here does not matter: the next rebuild drops them
            with suppress(*UNAVAILABLE):
                await drop_old(conn)
        return build.positions


async def preview(
    conn: Connection,
    chosen: Sequence[Projection[Any]] = PROJECTIONS,
    progress: Progress = lambda *_: None,
    processes: int | None = None,
    book: str | None = None,
) -> list[Difference]:
    """Rebuild the chosen projections and compare: what would change. Nothing is switched.

    With a ``book``, only its rows are compared.

    Live projecting waits during the comparison; webhooks and readers do not.

    Raises:
        LeaseTakenError: if a rebuild is running.
        RebuildError: if some events could not be read, or there is nothing to compare with.
    """
    chosen = together(chosen)
    if never := {p.name for p in await missing(conn)} & {p.name for p in chosen}:
        raise RebuildError(
            f"Nothing was compared: {', '.join(sorted(never))} were never built."
            " Build them with: daybook rebuild"
        )
    async with _built(conn, chosen, progress, processes, comparing=True) as build:

        async def differences() -> list[Difference]:
            await catch_up_locked(conn, build)
            live = await live_tables(conn)
            return [
                await compare(conn, BY_NAME[name], live[name], table, book)
                for name, table in build.tables.items()
            ]

        return await _under_locks(conn, build, differences)


async def undo(conn: Connection, act: Act = SERVICE_ACT) -> dict[str, int]:
    """Switch back to the tables before the last rebuild, brought up to date; twice undoes itself.

    Returns:
        The position of each book at the switch.

    Raises:
        LeaseTakenError: if a rebuild is running.
        NoPreviousBuildError: if there was no rebuild before.
        RebuildError: if readers held locks for too long.
    """
    async with hold_lease(url_of(conn), REBUILD, wait=True) as lease:
        return await patiently(conn, lambda: _undo(conn, lease, act))


async def _undo(conn: Connection, lease: Lease, act: Act) -> dict[str, int]:
    await lease.acquire(conn)
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
        for p in (p for p in back if not p.counted):
            # its counts change with its rows
            both = {one: back[one] for one in (p, COUNTS.get(p.name)) if one is not None}
            build = Build(lease, both, {name: await _retired(conn, p, name)})
            await catch_up(conn, build, name, book, positions[name])
    await _retire(conn, back, positions)
    await publish(conn, back)
    for name in positions:
        await record_act(conn, name, act, "undo_rebuild", _names(back))
    return positions


def _names(generations: Generations) -> str:
    # their counts go with them
    return ", ".join(p.name for p in generations if not p.counted)


async def open_checkpoints(conn: Connection) -> None:
    """Create the checkpoint of each book that the live read models have not seen."""
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
    """Fill fresh tables, nearly up to date; tables that are not published are dropped."""
    async with hold_lease(url_of(conn), REBUILD, wait=True) as lease:

        def report(doing: str, done: int, total: int) -> None:
            lease.doing, lease.done, lease.total = doing, done, total
            progress(doing, done, total)

        try:
            with spill.new_directory() as directory:
                await drop_leftovers(conn)
                build = Build(lease, await fresh(conn, chosen), {})
                # the rows must not be ahead of live tables that stay
                ends = await ends_of(conn, build) if comparing or not build.whole else {}
                await fill(conn, build, ends, directory, report, processes)
            yield build
        finally:
            with suppress(LeaseTakenError, *UNAVAILABLE):
                await conn.execute(
                    statements.text("readmodels/forget_parked"), {"build": lease.owner}
                )
                await lease.acquire(conn)
                await drop_leftovers(conn)


async def _under_locks(conn: Connection, build: Build, change: Callable[[], Awaitable[T]]) -> T:
    """Make a change with retries, catching up with new events before each try."""

    async def before() -> None:
        for name, book in (await books(conn)).items():
            until = await checkpoint(conn, name) or 0
            await catch_up(conn, build, name, book, min(until, book.position))

    async def attempt() -> T:
        reached = dict(build.positions)
        try:
            return await change()
        except BaseException:
            # the transaction undid what was caught up in it
            build.positions = reached
            raise

    return await patiently(conn, attempt, before)


async def _switch(conn: Connection, build: Build, live: dict[str, int]) -> None:
    if not build.whole and (failed := await _parked(conn, build.lease.owner)):
        raise UnfoldableStreamsError(
            f"Nothing was switched: {number_of(len(failed), 'stream')} could not be folded,"
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
