"""The state of a book's read models, and its parked streams."""

from datetime import datetime

from msgspec import Struct, convert

from projections.catalog import PROJECTIONS
from projections.projection import VERSION
from service.database.lease import REBUILD
from service.database.reader import Queryable
from service.database.statements import text
from service.queries import resources

MOST_PARKED = 100
"""The most parked streams that are listed: each has an error of up to 16 KiB."""


class Running(Struct, frozen=True):
    """A running rebuild: its current step, and how much of that is done."""

    doing: str | None
    done: int
    total: int


class ProjectionAnswer(Struct, frozen=True):
    """One read model in one book.

    ``state`` is `live`, `rebuilding` while a rebuild runs, or `building` while there is no build of
    this version yet. ``lag_seconds`` is the age of the oldest event that it does not reflect; 0 if
    it reflects all.
    """

    name: str
    version: int
    state: str
    checkpoint: str
    lag_events: int
    lag_seconds: float


class ProjectionPage(Struct, frozen=True):
    """All read models of a book, the running rebuild, and the number of parked streams."""

    data: list[ProjectionAnswer]
    rebuild: Running | None
    parked: int
    position: str


class ParkedStream(Struct, frozen=True):
    """A stream that could not be folded.

    ``event_position`` is the event that failed; ``error`` has the traceback.
    """

    stream: str
    event_position: str
    parked_at: datetime
    error: str


class ParkedPage(Struct, frozen=True):
    """All parked streams of a book."""

    data: list[ParkedStream]
    position: str


async def projections(conn: Queryable, book: str, now: datetime) -> ProjectionPage:
    """The state of each read model of a book."""
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


async def parked(conn: Queryable, book: str) -> ParkedPage:
    """The first parked streams of a book, each with its error; ``projections`` counts all."""
    rows = await resources.parked(conn, book, MOST_PARKED)
    checkpoint = await resources.position(conn, book, even_lost=True)
    streams = [
        convert({**row, "event_position": str(row["position"])}, ParkedStream) for row in rows
    ]
    return ParkedPage(streams, str(checkpoint))
