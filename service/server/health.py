"""``/healthz`` and ``/readyz``: liveness and readiness."""

import time
from collections.abc import Collection
from importlib.metadata import version
from typing import Any

from litestar import Request, get

from service.database import statements
from service.database.connections import ACCESS, Connection, pool_connection
from service.http.services import services
from service.problems import Problem
from service.processes import scoreboard
from service.readmodels.checkpoints import lost
from service.readmodels.follower import lease_name
from service.store.migrations import SchemaError, missing_migrations

VERSION = version("dodo-daybook")

_PROBE_SECONDS = 1.0
_VACANT_SECONDS = 10.0
_STARTED = time.monotonic()


@get(
    "/healthz",
    operation_id="get_health",
    summary="Liveness",
    description="200 as long as the process runs. Says nothing about the database.",
    tags=["operation"],
)
async def healthz() -> dict[str, str]:
    """Report that the process runs."""
    return {"status": "ok", "version": VERSION}


@get(
    "/readyz",
    operation_id="get_readiness",
    summary="Readiness",
    description="200 when the database has its schema, all read models are built and all tasks that"
    " requests need are running. `degraded` names what else is not running.",
    tags=["operation"],
    opt={"errors": {503}},
)
async def readyz(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Report whether requests can be served, and what else is not running."""
    own = services(request)
    async with pool_connection(own.access.pool, ACCESS, _PROBE_SECONDS) as conn:
        try:
            pending = await missing_migrations(conn)
        except SchemaError as error:
            raise Problem("not-ready", str(error)) from None
        if pending:
            raise Problem("not-ready", f"Migrations are missing: {', '.join(sorted(pending))}.")
        if ahead := await lost(conn):
            raise Problem("not-ready", " ".join(map(str, ahead)))
        vacant = await without_projector(conn, own.books)
    if down := [str(task) for task in own.supervisor.down(needed=True)]:
        raise Problem("not-ready", f"{'; '.join(down)}.")
    if not own.built.is_set():
        raise Problem("not-ready", "The read models are being built.")
    degraded = [f"{task}." for task in own.supervisor.down(needed=False)]
    if vacant:
        # every worker on every host sees the same: routing requests elsewhere would not help
        degraded.append(f"No projector follows: {', '.join(vacant)}.")
    if down_processes := scoreboard.down():
        degraded.append(f"Processes are down: {', '.join(down_processes)}; the log says why.")
    return {"status": "ready"} | ({"degraded": " ".join(degraded)} if degraded else {})


async def without_projector(conn: Connection, books: Collection[str]) -> list[str]:
    """The books that no projector, on any host, has followed for ten seconds."""
    names = {lease_name(book): book for book in books}
    rows = await (
        await conn.execute(statements.text("server/leases"), {"names": list(names)})
    ).fetchall()
    seconds = {row["name"]: row["vacant_seconds"] for row in rows}
    since_start = time.monotonic() - _STARTED
    return sorted(
        book for name, book in names.items() if seconds.get(name, since_start) > _VACANT_SECONDS
    )
