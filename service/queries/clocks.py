"""``as_of`` and ``known_at``, as they are asked, become the moments that a question is about."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from domain.past import Past
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem, invalid
from service.queries.resources import of
from service.readmodels.checkpoints import checkpoint_rows
from service.store.positions import Position


async def past(conn: Queryable, book: str, given: Mapping[str, Any], now: datetime) -> Past:
    """The question of both parameters, where they are given.

    A position stands for what its book held then, whatever was asked about the world: an answer's
    ``at`` as ``as_of`` and its ``position`` as ``known_at`` give the same answer.

    Raises:
        Problem: ``invalid-parameter`` for a moment in the future, for one that asks what we knew
            of a time that was then to come, or for a position beyond the end of the book;
            ``behind`` for one that the read models do not reflect yet.
    """
    as_of, known_at = given.get("as_of"), given.get("known_at")
    if as_of is None and known_at is None:
        return Past()
    latest = await _latest(conn, book, now)
    as_of = moment("as_of", as_of, now, latest)
    if isinstance(known_at, Position):
        number = known_at.number
        return Past(as_of, await _recorded_at(conn, book, number), number)
    known = moment("known_at", known_at, latest if known_at == now.date() else now, latest)
    if as_of and known and as_of > known:
        reason = "as_of: lies after known_at; nothing was known then of what was still to come."
        raise invalid(reason, "as_of", str(as_of), ("known_at or earlier",))
    return Past(as_of, known)


def moment(
    name: str, given: date | None, now: datetime, latest: datetime | None = None
) -> datetime | None:
    """The moment that is meant: of a day its end in UTC, of the day that it is ``now``.

    Raises:
        Problem: ``invalid-parameter`` for one in the future, later than ``latest`` too.
    """
    if given is None:
        return None
    if isinstance(given, datetime):
        meant = given
    elif given == now.date():
        meant = now
    else:
        meant = datetime.combine(given, time.max, UTC)
    if meant > max(now, latest or now):
        raise invalid(f"{name}: {given} lies in the future.", name, str(given), ("now or earlier",))
    return meant


async def _latest(conn: Queryable, book: str, now: datetime) -> datetime:
    """The later of our clock and the time of the last event that is reflected.

    A database whose clock was once ahead has recorded events at a time that is still to come.
    """
    rows = await checkpoint_rows(conn, book)
    recorded_at = rows[0]["recorded_at"] if rows else None
    return max(now, recorded_at or now)


async def _recorded_at(conn: Queryable, book: str, position: int) -> datetime | None:
    """When a position was recorded; None of the one before all."""
    if position == 0:
        return None
    # not prepared: the plan must follow the table as it grows
    found = await conn.execute(
        statements.text("queries/recorded_at"), of(book, position=position), prepare=False
    )
    row = await found.fetchone()
    if row is None:
        reason = f"known_at: {position} is beyond the end of this book."
        raise invalid(reason, "known_at", str(position), ("the position of an answer",))
    if row["checkpoint"] is None or row["checkpoint"] < position:
        raise Problem("behind", f"Position {position} is not reflected yet.")
    recorded: datetime = row["recorded_at"]
    return recorded
