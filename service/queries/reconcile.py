"""The kept runs of ``reconcile``: what differed between the book and the provider, and why."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from domain.drift import Cause, Effect
from service.database.reader import Queryable
from service.database.statements import text
from service.problems import Problem
from service.queries.paging import Cursor, Order
from service.store.positions import BEGINNING

State = Literal["running", "in_sync", "drift", "incomplete", "stopped", "interrupted"]

_LAST = datetime.max.replace(tzinfo=UTC)


class Drift(Struct, frozen=True):
    """How many resources of one kind differ for one cause."""

    kind: str
    cause: Cause
    count: int


class Skipped(Struct, frozen=True):
    """Something that was not looked at, and why."""

    what: str
    why: str


class Run(Struct, frozen=True, kw_only=True):
    """One comparison of the book with the provider.

    ``state`` is `in_sync` or `drift`; `incomplete` if something could not be compared, `stopped` if
    a guard ended it, for the ``reason`` given; `interrupted` if its process ended. ``applied``
    counts the differences that were recorded in the book. ``gaining`` and ``losing`` count the
    customers who gain or lose access by applying; ``gains`` and ``losses`` name the first of them.
    ``calls`` counts requests to the provider. ``unsubscribed_types`` are event types that the
    webhook endpoint does not receive. ``kinds`` are what was compared, everything if empty.
    ``rate_limit_remaining`` is what the provider said last of how many requests are left to the
    API key for now, null if it said nothing.
    """

    run_id: str
    began_at: datetime
    ended_at: datetime | None
    state: State
    reason: str | None
    since: datetime
    apply: bool
    looked_at: int
    in_sync: int
    differing: int
    applied: int
    review: int
    drift: tuple[Drift, ...]
    gaining: int
    losing: int
    gains: tuple[str, ...]
    losses: tuple[str, ...]
    calls: int
    skipped: tuple[Skipped, ...]
    unsubscribed_types: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    rate_limit_remaining: int | None = None


class Difference(Struct, frozen=True, kw_only=True):
    """One resource that differs.

    ``ours`` and ``theirs`` are the status in the book and at the provider, null where there is
    none. ``fields`` are those that differ. ``missing_types`` are the event types that would have
    told of it. ``effect`` is what applying does to the customer's access; with ``review`` a person
    decides first, because the customer has another subscription. ``applied`` says whether it was
    recorded in the book.
    """

    kind: str
    id: str
    customer_id: str | None
    ours: str | None
    theirs: str | None
    fields: tuple[str, ...]
    cause: Cause
    evidence: str
    missing_types: tuple[str, ...]
    effect: Effect
    review: bool
    remedy: str
    applied: bool


class RunPage(Struct, frozen=True):
    """A page of runs, the latest first; pass ``next_cursor`` for more, null on the last page."""

    data: list[Run]
    next_cursor: str | None


class DifferencePage(Struct, frozen=True):
    """A page of differences; pass ``next_cursor`` for more, null on the last page."""

    data: list[Difference]
    next_cursor: str | None


async def runs(conn: Queryable, book: str, limit: int, order: Order[str]) -> RunPage:
    """A page of a book's runs, the latest first."""
    after = order.after or Cursor(b"", "", _LAST, "", 0, b"")
    params = {"book": book, "at": after.at, "last": after.key, "limit": limit + 1}
    rows = await (await conn.execute(text("queries/reconcile/runs"), params)).fetchall()
    more, found = len(rows) > limit, [_run(row) for row in rows[:limit]]
    following = None
    if more:
        following = order.following(found[-1].began_at, found[-1].run_id, BEGINNING)
    return RunPage(found, following)


async def run(conn: Queryable, book: str, run_id: str) -> Run:
    """One run of a book.

    Raises:
        Problem: ``not-found``.
    """
    params = {"book": book, "run_id": run_id}
    row = await (await conn.execute(text("queries/reconcile/run"), params)).fetchone()
    if row is None:
        raise Problem("not-found", f"This book has no run {run_id!r}. Old runs are deleted.")
    return _run(row)


async def differences(  # noqa: PLR0913, PLR0917 - the parameters of a page
    conn: Queryable,
    book: str,
    run_id: str,
    filters: Mapping[str, str | None],
    limit: int,
    order: Order[int],
) -> DifferencePage:
    """A page of the differences that a run found, in the order in which it found them.

    Raises:
        Problem: ``not-found``.
    """
    found = await run(conn, book, run_id)
    after = order.after.key if order.after else 0
    params = {"book": book, "run_id": run_id, "after": after, "limit": limit + 1, **filters}
    rows = await (await conn.execute(text("queries/reconcile/differences"), params)).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    following = order.following(found.began_at, rows[-1]["number"], BEGINNING) if more else None
    return DifferencePage([_difference(row) for row in rows], following)


async def first_of_each_kind(conn: Queryable, book: str, run: Run, most: int) -> list[Difference]:
    """So many differences of each kind that a run found, those first that change access."""
    found = []
    for kind in dict.fromkeys(drift.kind for drift in run.drift):
        left = most
        for effect in ("loses", "gains", "none"):
            params = {
                "book": book, "run_id": run.run_id, "after": 0, "limit": left, "kind": kind,
                "cause": None, "effect": effect,
            }  # fmt: skip
            result = await conn.execute(text("queries/reconcile/differences"), params)
            rows = await result.fetchall()
            found += [_difference(row) for row in rows]
            left -= len(rows)
    return found


async def last_runs(
    conn: Queryable, books: Collection[str]
) -> list[tuple[str, Run, datetime | None]]:
    """Of each book the last run of all kinds, and when one last compared everything.

    A run of some kinds alone says nothing of the others, so it does not count.
    """
    found = []
    for book in books:
        result = await conn.execute(text("queries/reconcile/last"), {"book": book})
        if row := await result.fetchone():
            found.append((book, _run(row), row["succeeded_at"]))
    return found


def _run(row: Mapping[str, Any]) -> Run:
    # what its process wrote last; whether it has ended, the columns say
    kept = msgspec.json.decode(row["head"], type=Run)
    return msgspec.structs.replace(kept, state=row["state"], ended_at=row["ended_at"])


def _difference(row: Mapping[str, Any]) -> Difference:
    return msgspec.convert(row, Difference)
