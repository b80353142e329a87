"""Rebuild: fresh tables beside the live ones, filled from the store, switched in one transaction.

Readers see the old rows until the switch and the new ones after it. Interrupted at any point, it
leaves the live tables as they were; what it left behind is dropped by the next one.
"""

import os
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg.sql import Identifier

from projections.catalog import PROJECTIONS
from projections.projection import Projection
from service import sql
from service.postgres import Connection
from service.projector import LIVE, Target, live_tables, project, set_checkpoint
from service.store import events_after, heads

_BATCH = 1000
_LEASE = "rebuild"
_LEASE_TIME = timedelta(seconds=60)

Progress = Callable[[str, int, int], None]
"""Called with a book, the position reached in it, and the book's end."""


class RebuildRunningError(Exception):
    """Another rebuild holds the lease."""


async def rebuild(
    conn: Connection,
    businesses: Mapping[str, str | None],
    chosen: Sequence[Projection[Any]] = PROJECTIONS,
    progress: Progress = lambda *_: None,
) -> dict[str, int]:
    """Build the chosen projections again, in all books, and switch to them.

    Args:
        conn: a connection of its own.
        businesses: the configured books and the business that each names.
        chosen: which projections to switch.
        progress: told how far it has come.

    Returns:
        The position of each book at the switch.

    Raises:
        RebuildRunningError: if another rebuild is running.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    await _hold(conn, owner)
    try:
        await _drop_leftovers(conn)
        generations = {p: await _allocate(conn, p) for p in PROJECTIONS}
        tables = {p.name: p.table(g) for p, g in generations.items()}
        for projection in PROJECTIONS:
            await _create(conn, projection, tables[projection.name])
        positions: dict[str, int] = {}
        for book in await heads(conn):
            target = Target(book, businesses.get(book), tables, build=owner)
            positions[book] = await _fill(conn, target, owner, progress)
        await _switch(conn, businesses, generations, chosen, positions=positions, owner=owner)
        await _drop_leftovers(conn)
        return positions
    finally:
        await conn.execute(sql.text("read/give_up_lease"), {"name": _LEASE, "owner": owner})


async def missing(conn: Connection) -> list[Projection[Any]]:
    """The projections of this version that were never built."""
    live = await live_tables(conn)
    return [p for p in PROJECTIONS if p.name not in live]


async def open_checkpoints(conn: Connection, books: Iterable[str]) -> None:
    """Let the live projections begin in books that they have not seen."""
    for book in books:
        for p in PROJECTIONS:
            params = {"book": book, "name": p.name, "version": p.version}
            await conn.execute(sql.text("read/open_checkpoint"), params)


async def _hold(conn: Connection, owner: str) -> None:
    params = {"name": _LEASE, "owner": owner, "ttl": _LEASE_TIME}
    taken = await conn.execute(sql.text("read/take_lease"), params)
    if await taken.fetchone() is None:
        raise RebuildRunningError("Another rebuild is running; one at a time.")


async def _allocate(conn: Connection, projection: Projection[Any]) -> int:
    params = {"name": projection.name, "version": projection.version}
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
        progress(target.book, position, (await heads(conn))[target.book])


async def _switch(  # noqa: PLR0913 - all that the one transaction needs
    conn: Connection,
    businesses: Mapping[str, str | None],
    generations: Mapping[Projection[Any], int],
    chosen: Sequence[Projection[Any]],
    *,
    positions: dict[str, int],
    owner: str,
) -> None:
    """Catch up with what arrived meanwhile, then switch views and checkpoints together."""
    tables = {p.name: p.table(g) for p, g in generations.items()}
    async with conn.transaction():
        await _hold(conn, owner)
        # every book that exists now: one may have been opened during the build
        for book in await heads(conn):
            found = await conn.execute(sql.text("read/lock_checkpoints"), {"book": book})
            places = [row["position"] for row in await found.fetchall()]
            target = Target(book, businesses.get(book), tables, build=owner)
            until = max(places, default=None)
            positions[book] = await _catch_up(conn, target, positions.get(book, 0), until)
            for projection in chosen:
                await set_checkpoint(conn, book, projection, positions[book])
        for p in chosen:
            view, table = sql.relation(p.view), sql.relation(tables[p.name])
            await conn.execute(sql.fill("read/view", view=view, table=table))
            params = {"name": p.name, "version": p.version, "generation": generations[p]}
            await conn.execute(sql.text("read/switch"), params)
        await conn.execute(sql.text("read/forget_parked"), {"build": LIVE})
        await conn.execute(sql.text("read/adopt_parked"), {"build": owner})


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
        params = {"name": p.name, "version": p.version}
        row = await (await conn.execute(sql.text("read/kept_builds"), params)).fetchone()
        kept = {p.table(g) for g in (row or {}).values() if g is not None}
        prefix = f"{p.view}_g"
        found = await conn.execute(sql.text("read/builds"), {"prefix": prefix})
        for table in {r["name"] for r in await found.fetchall()} - kept:
            await conn.execute(sql.fill("read/drop", table=Identifier("read", table)))
