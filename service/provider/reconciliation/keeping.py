"""Stores the last hundred runs of a book, and up to 10,000 differences of each."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import asdict

from projections.customers import CUSTOMERS
from service.database import statements
from service.database.connections import Connection
from service.database.statements import text
from service.queries.reconcile import Difference, Run
from service.queries.resources import of

MAX_DIFFERENCES = 10_000
"""The most differences that are kept of a run; the head counts all of them."""

_RUNS = 100

Absent = tuple[str, str]
"""Kind and id of a resource that the provider does not have."""


async def begin(conn: Connection, book: str, run: Run) -> None:
    """Store a run that begins, and delete the oldest."""
    params = {"book": book, "run_id": run.run_id, "began_at": run.began_at, "head": _head(run)}
    await interrupt(conn, book)
    await conn.execute(text("provider/reconcile/begin"), params)
    await conn.execute(text("provider/reconcile/forget_runs"), {"book": book, "kept": _RUNS})
    await conn.execute(text("provider/reconcile/forget_differences"), {"book": book})


async def last_began(conn: Connection, book: str) -> tuple[datetime, bool] | None:
    """When the last run of all kinds began, and whether it compared them; None before the first."""
    cursor = await conn.execute(text("provider/reconcile/latest"), {"book": book})
    row = await cursor.fetchone()
    return (row["began_at"], row["state"] in {"in_sync", "drift"}) if row else None


async def interrupt(conn: Connection, book: str) -> None:
    """Store that the run of a book has ended before its time."""
    await conn.execute(text("provider/reconcile/interrupt"), {"book": book})


async def finish(conn: Connection, book: str, run: Run) -> None:
    """Store what a run has found."""
    params = {
        "book": book, "run_id": run.run_id, "state": run.state, "ended_at": run.ended_at,
        "head": _head(run),
    }  # fmt: skip
    await conn.execute(text("provider/reconcile/finish"), params)


async def add(
    conn: Connection, book: str, run_id: str, number: int, differences: Sequence[Difference]
) -> None:
    """Store differences, numbered from ``number`` on, as far as there is room."""
    rows = [
        {
            **asdict(found), "book": book, "run_id": run_id, "number": number + index,
            "fields": list(found.fields), "missing_types": list(found.missing_types),
        }
        for index, found in enumerate(differences)
        if number + index <= MAX_DIFFERENCES
    ]  # fmt: skip
    async with conn.cursor() as cursor:
        await cursor.executemany(text("provider/reconcile/add"), rows)


async def mark_applied(conn: Connection, book: str, run_id: str, names: Sequence[str]) -> None:
    """Mark differences, named ``kind-id``, as recorded in the book."""
    params = {"book": book, "run_id": run_id, "names": list(names)}
    await conn.execute(text("provider/reconcile/applied"), params)


async def absences(conn: Connection, book: str) -> dict[Absent, datetime]:
    """The resources that the provider did not have, and since when."""
    cursor = await conn.execute(text("provider/reconcile/absences"), {"book": book})
    return {(row["kind"], row["id"]): row["first_at"] for row in await cursor.fetchall()}


async def keep_absence(conn: Connection, book: str, absent: Absent, at: datetime) -> None:
    """Store that the provider did not have a resource."""
    params = {"book": book, "kind": absent[0], "id": absent[1], "at": at}
    await conn.execute(text("provider/reconcile/keep_absence"), params)


async def forget_absence(conn: Connection, book: str, found: Absent) -> None:
    """The provider has the resource after all."""
    params = {"book": book, "kind": found[0], "id": found[1]}
    await conn.execute(text("provider/reconcile/forget_absence"), params)


async def names(conn: Connection, book: str, ids: Sequence[str]) -> Mapping[str, str]:
    """What some customers are called: name and address, as far as the book knows them."""
    statement = statements.bind_views("provider/reconcile/names", customers=CUSTOMERS.view)
    cursor = await conn.execute(statement, of(book, ids=list(ids)))
    rows = await cursor.fetchall()
    return {
        row["customer_id"]: ", ".join(filter(None, (row["name"], row["email"]))) for row in rows
    }


def _head(run: Run) -> str:
    return msgspec.json.encode(run).decode()
