"""The jobs of a book: what was asked for, how far it is, and what came of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from service.database.reader import Queryable
from service.database.statements import text
from service.problems import Problem
from service.queries.paging import Cursor, Order
from service.readmodels.compare import ReadModelChange
from service.store.audit import Actor
from service.store.jobs import State
from service.store.positions import BEGINNING

_LAST = datetime.max.replace(tzinfo=UTC)


class JobAnswer(Struct, frozen=True, kw_only=True):
    """One job: ``who`` asked for it, and how it went.

    ``kind`` is `rebuild`, `preview` or `undo` of read models, or `compare` or `apply` of a
    comparison with the provider. ``problem`` says why it failed. ``changes`` are what a `preview`
    found, ``run_id`` names the comparison; both are null for others.
    """

    job_id: str
    # a later version, at work on the same database, may know others
    kind: str
    subject: str
    state: State
    actor: Actor
    who: str
    label: str | None
    reason: str | None
    request_id: str | None
    asked_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    problem: str | None
    changes: tuple[ReadModelChange, ...] | None
    run_id: str | None


class JobPage(Struct, frozen=True):
    """A page of jobs, the latest first; pass ``next_cursor`` for more, null on the last page."""

    data: list[JobAnswer]
    next_cursor: str | None


async def jobs(conn: Queryable, book: str, limit: int, order: Order[str]) -> JobPage:
    """A page of a book's jobs, the latest first."""
    after = order.after or Cursor(b"", "", _LAST, "", 0, b"")
    params = {
        "book": book, "at": after.at, "last": after.key, "job_id": None, "limit": limit + 1,
    }  # fmt: skip
    rows = await (await conn.execute(text("queries/jobs"), params)).fetchall()
    found = [_answer(row) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        following = order.following(found[-1].asked_at, found[-1].job_id, BEGINNING)
    return JobPage(found, following)


async def job(conn: Queryable, book: str, job_id: str) -> JobAnswer:
    """One job of a book.

    Raises:
        Problem: ``not-found``.
    """
    params = {"book": book, "at": _LAST, "last": "", "job_id": job_id, "limit": 1}
    row = await (await conn.execute(text("queries/jobs"), params)).fetchone()
    if row is None:
        raise Problem("not-found", f"This book has no job {job_id!r}. Old jobs are deleted.")
    return _answer(row)


def _answer(row: Mapping[str, Any]) -> JobAnswer:
    changes, run_id = None, None
    if row["outcome"] is not None and row["kind"] == "preview":
        changes = msgspec.json.decode(row["outcome"], type=tuple[ReadModelChange, ...])
    elif row["outcome"] is not None:
        run_id = row["outcome"]
    return msgspec.convert({**row, "changes": changes, "run_id": run_id}, JobAnswer)
