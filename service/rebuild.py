"""Rebuild: fresh tables beside the live ones, filled from the store, switched in one transaction.

Readers see the old rows until the switch and the new ones after it. Interrupted at any point, it
leaves the live tables as they were; what it left behind is dropped by the next one.
"""

import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg.sql import Identifier

from projections.catalog import PROJECTIONS
from projections.projection import VERSION, Projection
from service import sql
from service.postgres import Connection
from service.projector import LIVE, Target, live_tables, project, set_checkpoint
from service.store import books, events_after

_BATCH = 1000
_LEASE = "rebuild"
_LEASE_TIME = timedelta(seconds=60)

Progress = Callable[[str, int, int], None]
"""Called with a book, the position reached in it, and the book's end."""


class RebuildRunningError(Exception):
    """Another rebuild holds the lease."""


class StreamsSetAsideError(Exception):
    """Some streams could not be folded, and only some projections were to be switched."""


async def rebuild(
    conn: Connection,
    chosen: Sequence[Projection[Any]] = PROJECTIONS,
    progress: Progress = lambda *_: None,
) -> dict[str, int]:
    """Build the chosen projections again, in all books, and switch to them.

    Args:
        conn: a connection of its own.
        chosen: which projections to switch. All of them are, where
            read models of this version were never built.
        progress: told how far it has come.

    Returns:
        The position of each book at the switch.

    Raises:
        RebuildRunningError: if another rebuild is running.
        StreamsSetAsideError: if only some are chosen, and a stream cannot be folded.
    """
    if await missing(conn):
        chosen = PROJECTIONS
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    await _hold(conn, owner)
    try:
        await _drop_leftovers(conn)
        generations = {p: await _allocate(conn, p) for p in PROJECTIONS}
        tables = {p.name: p.table(g) for p, g in generations.items()}
        for projection in PROJECTIONS:
            await _create(conn, projection, tables[projection.name])
        positions: dict[str, int] = {}
        for name, book in (await books(conn)).items():
            target = Target(name, book.business_id, tables, build=owner)
            positions[name] = await _fill(conn, target, owner, progress)
        for table in tables.values():
            await conn.execute(sql.fill("read/analyze", table=sql.relation(table)))
        await _switch(conn, generations, chosen, positions=positions, owner=owner)
        await _hold(conn, owner)
        await _drop_leftovers(conn)
        return positions
    finally:
        await conn.execute(sql.text("read/forget_parked"), {"build": owner})
        await conn.execute(sql.text("read/give_up_lease"), {"name": _LEASE, "owner": owner})


async def missing(conn: Connection) -> list[Projection[Any]]:
    """The projections of this version that were never built."""
    live = await live_tables(conn)
    return [p for p in PROJECTIONS if p.name not in live]


async def open_checkpoints(conn: Connection) -> None:
    """Let the live read models begin in the books that they have not seen."""
    for book in await books(conn):
        params = {"book": book, "version": VERSION}
        await conn.execute(sql.text("read/open_checkpoint"), params)


async def _hold(conn: Connection, owner: str) -> None:
    params = {"name": _LEASE, "owner": owner, "ttl": _LEASE_TIME}
    taken = await conn.execute(sql.text("read/take_lease"), params)
    if await taken.fetchone() is None:
        raise RebuildRunningError("Another rebuild is running; one at a time.")


async def _allocate(conn: Connection, projection: Projection[Any]) -> int:
    params = {"name": projection.name, "version": VERSION}
    found = await conn.execute(sql.text("read/allocate"), params)
    row = await found.fetchone()
    assert row is not None  # noqa: S101 - the statement returns one
    return int(row["allocated"])


async def _create(conn: Connection, projection: Projection[Any], table: str) -> None:
    for name in sorted(sql.names(f"read/{projection.name}"), key=lambda n: n != "table"):
        statement = sql.fill(f"read/{projection.name}/{name}", table=sql.relation(table))
        await conn.execute(statement)


async def _fill(conn: Connection, target: Target, owner: str, progress: Progress) -> int:
    position = 0
    while True:
        events = await events_after(conn, target.book, position, _BATCH)
        if not events:
            return position
        async with conn.transaction():
            await project(conn, target, events)
            await _hold(conn, owner)
        position = events[-1].position
        progress(target.book, position, (await books(conn))[target.book].position)


async def _switch(
    conn: Connection,
    generations: Mapping[Projection[Any], int],
    chosen: Sequence[Projection[Any]],
    *,
    positions: dict[str, int],
    owner: str,
) -> None:
    """Catch up with what arrived meanwhile, then switch views and checkpoints together."""
    tables = {p.name: p.table(g) for p, g in generations.items()}
    whole = len(chosen) == len(PROJECTIONS)
    async with conn.transaction():
        await _hold(conn, owner)
        # from here on nobody writes the live tables, in no book, one that is opened now included
        await conn.execute(sql.text("read/lock_builds"), {"version": VERSION})
        for name, book in (await books(conn)).items():
            place = {"book": name, "version": VERSION}
            row = await (await conn.execute(sql.text("read/lock_checkpoint"), place)).fetchone()
            target = Target(name, book.business_id, tables, build=owner)
            # a book that the live tables never saw: they begin at its start
            until = row["position"] if row else (None if whole else 0)
            positions[name] = await _catch_up(conn, target, positions.get(name, 0), until)
            await set_checkpoint(conn, name, positions[name])
        for p in chosen:
            view, table = sql.relation(p.view), sql.relation(tables[p.name])
            await conn.execute(sql.fill("read/view", view=view, table=table))
            params = {"name": p.name, "version": VERSION, "generation": generations[p]}
            await conn.execute(sql.text("read/switch"), params)
        if not whole and (lost := await _set_aside(conn, owner)):
            raise StreamsSetAsideError(
                f"Nothing was switched: {len(lost)} streams could not be folded,"
                f" the first is {lost[0]}."
            )
        if whole:
            await conn.execute(sql.text("read/forget_parked"), {"build": LIVE})
            await conn.execute(sql.text("read/adopt_parked"), {"build": owner})


async def _set_aside(conn: Connection, build: str) -> list[str]:
    found = await conn.execute(sql.text("read/parked"), {"build": build, "book": None})
    return [row["stream"] for row in await found.fetchall()]


async def _catch_up(conn: Connection, target: Target, position: int, until: int | None) -> int:
    """Project what the live tables have and the fresh ones lack; to the end where none are live."""
    while until is None or position < until:
        limit = _BATCH if until is None else min(_BATCH, until - position)
        events = await events_after(conn, target.book, position, limit)
        if not events:
            break
        await project(conn, target, events)
        position = events[-1].position
    return position


async def _drop_leftovers(conn: Connection) -> None:
    """Drop the tables that are neither live nor the ones before."""
    for p in PROJECTIONS:
        params = {"name": p.name, "version": VERSION}
        row = await (await conn.execute(sql.text("read/kept_builds"), params)).fetchone()
        kept = {p.table(g) for g in (row or {}).values() if g is not None}
        prefix = f"{p.view}_g"
        found = await conn.execute(sql.text("read/builds"), {"prefix": prefix})
        for table in {r["name"] for r in await found.fetchall()} - kept:
            await conn.execute(sql.fill("read/drop", table=Identifier("read", table)))
