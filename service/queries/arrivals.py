"""How many events were recorded in each hour of a stretch of time."""

from datetime import datetime, timedelta

from msgspec import Struct

from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection


class Arrivals(Struct, frozen=True):
    """The events recorded in one hour, of which some need a person's attention."""

    hour: datetime
    events: int
    attention: int


async def arrivals(conn: Connection, book: str, now: datetime, hours: int = 24) -> list[Arrivals]:
    """The arrivals of each of the last ``hours``, the current one included, oldest first."""
    last = now.replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=hours - 1)
    # one more: where the last hour ends
    bounds = [first + timedelta(hours=n) for n in range(hours + 1)]
    statement = statements.fill("queries/arrivals", view=statements.relation(EVENTS.view))
    # not prepared: a plan made while the table was small would scan the grown one
    cursor = await conn.execute(statement, {"book": book, "bounds": bounds}, prepare=False)
    counted = {row["hour"]: row for row in await cursor.fetchall()}
    return [
        Arrivals(hour, row["count"], row["attention"]) if row else Arrivals(hour, 0, 0)
        for hour in bounds[:-1]
        for row in (counted.get(hour),)
    ]
