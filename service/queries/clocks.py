"""The two clocks of a query: ``as_of`` and ``known_at`` resolved to moments."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from psycopg.rows import DictRow

from domain.past import Past
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem, invalid
from service.queries.metric_known import Known
from service.queries.resources import of
from service.readmodels.checkpoints import checkpoint_rows
from service.store.events import last_recorded_position
from service.store.positions import Position


async def past(conn: Queryable, book: str, params: Mapping[str, Any], now: datetime) -> Past:
    """The moments that both parameters select; ``Past()`` without them.

    A position as ``known_at`` selects what the book held at it. So ``at`` and ``position`` of an
    answer, passed as ``as_of`` and ``known_at``, give the same answer again.

    Raises:
        Problem: ``invalid-parameter`` for a moment in the future, an ``as_of`` after ``known_at``,
            or a position beyond the end of the book; ``behind`` where the read models do not
            reflect that position yet, or not all that was recorded by that time.
    """
    as_of, known_at = params.get("as_of"), params.get("known_at")
    if as_of is None and known_at is None:
        return Past()
    shown = await checkpoint_rows(conn, book)
    latest = _latest(shown, now)
    as_of = moment("as_of", as_of, now, latest)
    if isinstance(known_at, Position):
        number = known_at.number
        return Past(as_of, await _recorded_at(conn, book, number), number)
    known = moment("known_at", known_at, latest if known_at == now.date() else now, latest)
    if as_of and known and as_of > known:
        reason = "as_of must not be after known_at: what came later was not known then."
        raise invalid(reason, "as_of", str(as_of), ("known_at or earlier",))
    if known is not None and known_at != now.date() and shown:
        last = await last_recorded_position(conn, book, known, inclusive=True)
        if last > (shown[0]["checkpoint"] or 0):
            raise _behind(last)
    return Past(as_of, known)


async def known_by(
    conn: Queryable, book: str, known_at: date | Position | None, now: datetime
) -> Known | None:
    """The last position that the book had recorded at ``known_at``, and the moment; None for now.

    Today means now, of which the last position is the last one that is shown.

    Raises:
        Problem: as ``past``.
    """
    if known_at is None:
        return None
    selected = await past(conn, book, {"known_at": known_at}, now)
    known = selected.known_at or datetime.min.replace(tzinfo=UTC)
    if isinstance(known_at, Position):
        return Known(known_at.number, known)
    last = await last_recorded_position(conn, book, known, inclusive=True)
    if known_at == now.date() and (shown := await checkpoint_rows(conn, book)):
        last = min(last, shown[0]["checkpoint"] or 0)
    return Known(last, known)


def moment(
    name: str, value: date | None, now: datetime, latest: datetime | None = None
) -> datetime | None:
    """The moment of a parameter: for a date the end of its day in UTC, for today ``now``.

    Raises:
        Problem: ``invalid-parameter`` for a moment after both ``now`` and ``latest``.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        selected = value
    elif value == now.date():
        selected = now
    else:
        selected = datetime.combine(value, time.max, UTC)
    if selected > max(now, latest or now):
        raise invalid(
            f"{name} must not be in the future; {value} is.", name, str(value), ("now or earlier",)
        )
    return selected


def _latest(shown: list[DictRow], now: datetime) -> datetime:
    """The later of ``now`` and the recording time of the last reflected event.

    A database whose clock was once ahead has events recorded in the future.
    """
    recorded_at = shown[0]["recorded_at"] if shown else None
    return max(now, recorded_at or now)


def _behind(position: int) -> Problem:
    return Problem("behind", f"Position {position} is not reflected yet.")


async def _recorded_at(conn: Queryable, book: str, position: int) -> datetime | None:
    """When a position was recorded; None for position 0."""
    if position == 0:
        return None
    # not prepared: the plan must follow the table as it grows
    cursor = await conn.execute(
        statements.text("queries/recorded_at"), of(book, position=position), prepare=False
    )
    row = await cursor.fetchone()
    if row is None:
        reason = f"known_at: position {position} is beyond the end of this book."
        raise invalid(reason, "known_at", str(position), ("the position of an answer",))
    if row["checkpoint"] is None or row["checkpoint"] < position:
        raise _behind(position)
    recorded: datetime = row["recorded_at"]
    return recorded
