"""What came in each minute or hour of late, and how far the read models lagged."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

from service.database.reader import Queryable
from service.database.statements import text
from service.queries.attention import by_groups

Unit = Literal["minute", "hour"]

_SHOWN: Mapping[Unit, int] = {"minute": 60, "hour": 24}
_LENGTH: Mapping[Unit, timedelta] = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}


class Activity(Struct, frozen=True):
    """One minute or hour.

    ``events`` were recorded in it, of which ``attention`` need a person's attention. ``refused``
    counts refused webhooks, null for a key without the scope `admin`. ``lag_seconds`` is the
    greatest lag of the read models that was seen, null where no process looked.
    """

    at: datetime
    events: int
    attention: int
    refused: int | None
    lag_seconds: float | None


class ActivityPage(Struct, frozen=True):
    """The last hour by minute, or the last day by hour, the current one last."""

    data: list[Activity]


async def activity(  # noqa: PLR0913 - the question, and how far it counts
    conn: Queryable,
    book: str,
    unit: Unit,
    now: datetime,
    *,
    refusals: bool,
    most: int | None = None,
) -> ActivityPage:
    """The activity of the last 60 minutes or 24 hours, oldest first.

    Args:
        conn: a connection for any question.
        book: the book.
        unit: of one entry.
        now: the end.
        refusals: whether refused webhooks are counted.
        most: no more events that need attention are counted in one entry; all by default.
    """
    last = now.replace(minute=0 if unit == "hour" else now.minute, second=0, microsecond=0)
    first = last - (_SHOWN[unit] - 1) * _LENGTH[unit]
    # one more: where the last one ends
    bounds = [first + n * _LENGTH[unit] for n in range(_SHOWN[unit] + 1)]
    params = {"book": book, "unit": unit, "since": first, "bounds": bounds, "most": most}
    # not prepared: a plan made while the table was small would scan the grown one
    cursor = await conn.execute(by_groups("queries/activity"), params, prepare=False)
    came = {row["at"]: row for row in await cursor.fetchall()}
    lags = await _by_time(conn, "queries/lag", params)
    refused = await _by_time(conn, "queries/refusals/by_time", params) if refusals else {}

    def entry(at: datetime) -> Activity:
        found, lag = came.get(at, _NOTHING), lags.get(at)
        count = refused[at]["count"] if at in refused else 0
        return Activity(
            at, found["events"], found["attention"], count if refusals else None,
            round(lag["seconds"], 3) if lag else None,
        )  # fmt: skip

    return ActivityPage([entry(at) for at in bounds[:-1]])


_NOTHING: Mapping[str, int] = {"events": 0, "attention": 0}


async def _by_time(
    conn: Queryable, name: str, params: Mapping[str, object]
) -> dict[datetime, dict[str, Any]]:
    rows = await (await conn.execute(text(name), params)).fetchall()
    return {row["at"]: row for row in rows}
