"""How the read models of a book stand, and which streams are parked."""

from datetime import datetime

from msgspec import Struct, convert

from projections.catalog import PROJECTIONS
from projections.projection import VERSION
from service.database.connections import Connection
from service.database.lease import REBUILD
from service.database.statements import text
from service.queries import resources


class Running(Struct, frozen=True):
    """A rebuild that is running: what it does now, how much of that is done, and how much it is."""

    doing: str | None
    done: int
    total: int


class ProjectionAnswer(Struct, frozen=True):
    """One read model in one book.

    ``state`` is `live`; `rebuilding` while another build is made beside it; `building` while there
    is none, or the rows of the version before are shown. ``lag_seconds`` is how long ago the oldest
    event that it does not reflect was recorded, 0 where it reflects all.
    """

    name: str
    version: int
    state: str
    checkpoint: str
    lag_events: int
    lag_seconds: float


class ProjectionPage(Struct, frozen=True):
    """All read models of a book, the rebuild that is running, and how many streams are parked."""

    data: list[ProjectionAnswer]
    rebuild: Running | None
    parked: int
    position: str


class ParkedStream(Struct, frozen=True):
    """A stream that is set aside since an event of its could not be digested.

    ``event_position`` is that event's; ``error`` is the failure with its traceback.
    """

    stream: str
    event_position: str
    parked_at: datetime
    error: str


class ParkedPage(Struct, frozen=True):
    """All streams of a book that are set aside."""

    data: list[ParkedStream]
    position: str


async def projections(conn: Connection, book: str, now: datetime) -> ProjectionPage:
    """How the read models of a book stand."""
    checkpoint = await resources.position(conn, book, even_lost=True)
    params = {"book": book, "version": VERSION, "checkpoint": checkpoint.number, "lease": REBUILD}
    row = await (await conn.execute(text("queries/standing"), params)).fetchone()
    assert row is not None  # noqa: S101 - the statement returns one
    built = set(row["live"] or ())
    running = Running(row["doing"], row["done"], row["total"]) if row["running"] else None
    oldest = row["oldest"]
    lag = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    data = [
        ProjectionAnswer(
            name=p.name,
            version=VERSION,
            state="building" if p.name not in built else "rebuilding" if running else "live",
            checkpoint=str(checkpoint),
            lag_events=max(0, row["head"] - checkpoint.number),
            lag_seconds=round(lag, 3),
        )
        for p in PROJECTIONS
    ]
    return ProjectionPage(data, running, row["parked"], str(checkpoint))


async def parked(conn: Connection, book: str) -> ParkedPage:
    """The parked streams of a book, with the error of each."""
    rows = await resources.parked(conn, book)
    checkpoint = await resources.position(conn, book, even_lost=True)
    streams = [
        convert({**row, "event_position": str(row["position"])}, ParkedStream) for row in rows
    ]
    return ParkedPage(streams, str(checkpoint))
