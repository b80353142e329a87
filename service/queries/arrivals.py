"""How many events were recorded in each hour of a stretch of time."""

from datetime import datetime, timedelta

from msgspec import Struct

from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.store.events import last_recorded_position


class Arrivals(Struct, frozen=True):
    """The events recorded in one hour, of which some need a person's attention."""

    hour: datetime
    events: int
    attention: int


async def arrivals(conn: Connection, book: str, now: datetime, hours: int = 24) -> list[Arrivals]:
    """The arrivals of each of the last ``hours``, the current one included, oldest first."""
    last = now.replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=hours - 1)
    after = await last_recorded_position(conn, book, first, inclusive=False)
    statement = statements.fill("queries/arrivals", view=statements.relation(EVENTS.view))
    # not prepared: a plan made while the table was small would scan the grown one
    cursor = await conn.execute(statement, {"book": book, "after": after}, prepare=False)
    counted: dict[datetime, dict[bool, int]] = {}
    for row in await cursor.fetchall():
        counted.setdefault(row["hour"], {})[row["needs_attention"]] = row["count"]
    return [
        Arrivals(hour, found.get(False, 0) + found.get(True, 0), found.get(True, 0))
        for hour in (first + timedelta(hours=n) for n in range(hours))
        for found in (counted.get(hour, {}),)
    ]
