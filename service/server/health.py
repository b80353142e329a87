"""``/healthz`` and ``/readyz``."""

import time
from collections.abc import Collection
from importlib.metadata import version

from litestar import get
from litestar.datastructures import State

from service.database import statements
from service.database.connections import ACCESS, Connection, pool_connection
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
    summary="Whether the process lives",
    description="Answers as long as the process does; says nothing of the database.",
    tags=["operation"],
)
async def healthz() -> dict[str, str]:
    """Answers as long as the process does; says nothing of the database."""
    return {"status": "ok", "version": VERSION}


@get(
    "/readyz",
    operation_id="get_readiness",
    summary="Whether it can serve",
    description="Ready when the database and its schema are there, every read model is built, and"
    " every task that requests need runs. `degraded` says what else does not run.",
    tags=["operation"],
)
async def readyz(state: State) -> dict[str, str]:
    """Ready when the database and its schema are there, all is built, and what is needed runs."""
    async with pool_connection(state.access.pool, ACCESS, _PROBE_SECONDS) as conn:
        try:
            lacking = await missing_migrations(conn)
        except SchemaError as error:
            raise Problem("not-ready", str(error)) from None
        if lacking:
            raise Problem("not-ready", f"Migrations are missing: {', '.join(sorted(lacking))}.")
        if strayed := await lost(conn):
            raise Problem("not-ready", " ".join(map(str, strayed)))
        vacant = await without_projector(conn, state.doors.keys())
    if down := [str(task) for task in state.supervisor.down(needed=True)]:
        raise Problem("not-ready", f"{'; '.join(down)}.")
    if not state.built.is_set():
        raise Problem("not-ready", "The read models are being built.")
    degraded = [f"{task}." for task in state.supervisor.down(needed=False)]
    if vacant:
        # all workers of all hosts see it: sending requests elsewhere would mend nothing
        degraded.append(f"No projector follows: {', '.join(vacant)}.")
    if absent := scoreboard.down():
        degraded.append(f"Processes are down: {', '.join(absent)}; the log says why.")
    return {"status": "ready"} | ({"degraded": " ".join(degraded)} if degraded else {})


async def without_projector(conn: Connection, books: Collection[str]) -> list[str]:
    """The books that no projector has followed for ten seconds, whichever host it runs on."""
    names = {lease_name(book): book for book in books}
    rows = await (
        await conn.execute(statements.text("server/leases"), {"names": list(names)})
    ).fetchall()
    seconds = {row["name"]: row["vacant_seconds"] for row in rows}
    since_start = time.monotonic() - _STARTED
    return sorted(
        book for name, book in names.items() if seconds.get(name, since_start) > _VACANT_SECONDS
    )
