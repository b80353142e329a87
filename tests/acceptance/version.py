"""A rebuild as another version of Daybook would run it: ``python -m tests.acceptance.version``.

``VERSION COLUMN build|show|race URL``: the version; a column that its subscriptions have besides
the others, or ``-``; then whether to build, or only to show what there is and print a page's rows.
In a race it is built while another process begins to show the version before.
"""

import asyncio
import sys
from typing import Any

import msgspec

import projections.projection as shape

number, column, doing, url = sys.argv[1:]
shape.VERSION = int(number)

from projections import subscriptions  # noqa: E402 - after the version is another one

if column != "-":
    columns = subscriptions.SUBSCRIPTIONS.columns
    fields = [(f.name, f.type) for f in msgspec.structs.fields(columns)]
    wider: Any = msgspec.defstruct("Row", [*fields, (column, str | None, None)])
    known = subscriptions.SUBSCRIPTIONS.rows

    def rows(folded: Any) -> Any:  # noqa: ANN401
        return [wider(*msgspec.structs.astuple(row), f"new in {number}") for row in known(folded)]

    parts = msgspec.structs.asdict(subscriptions.SUBSCRIPTIONS)
    subscriptions.SUBSCRIPTIONS = type(subscriptions.SUBSCRIPTIONS)(
        **parts | {"columns": wider, "rows": rows}
    )

from service.database import statements  # noqa: E402
from service.database.connections import connect  # noqa: E402
from service.readmodels import rebuild as rebuilding  # noqa: E402
from service.readmodels import tables  # noqa: E402
from service.readmodels.rebuild import rebuild  # noqa: E402
from service.readmodels.tables import ensure_readable  # noqa: E402

text = statements.text


def wider_table(name: str) -> Any:  # noqa: ANN401 - as literal as the original
    said: Any = text(name)
    if name == "readmodels/subscriptions/table" and column != "-":
        return said.replace("\n)", f",\n    {column} text\n)")
    return said


statements.text = wider_table  # type: ignore[assignment]


async def show() -> None:
    """Show what there is, on a connection of its own."""
    async with await connect(url) as conn:
        await ensure_readable(conn)


async def race(conn: Any) -> None:  # noqa: ANN401
    """Build everything; before it is switched to, another process shows the version before."""
    publish, showing = tables.publish, []

    async def late(conn: Any, generations: Any) -> None:  # noqa: ANN401
        showing.append(asyncio.create_task(show()))
        blocked = "select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))"
        while not showing[0].done():
            if await (await conn.execute(blocked)).fetchall():
                break
            await asyncio.wait(showing, timeout=0.05)
        await publish(conn, generations)

    rebuilding.publish = late  # type: ignore[attr-defined]
    await rebuild(conn)
    await showing[0]


async def main() -> None:
    """Do it, and print the subscriptions that readers of this version see."""
    async with await connect(url) as conn:
        if doing == "race":
            await race(conn)
        await ensure_readable(conn)
        if doing == "build":
            await rebuild(conn)
        found = await conn.execute(
            f"select * from read.subscriptions_v{number} order by subscription_id"  # noqa: S608
        )
        seen = await found.fetchall()
        print(msgspec.json.encode([r.get(column, r["status"]) for r in seen]).decode())  # noqa: T201


asyncio.run(main())
