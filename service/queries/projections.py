"""``GET /v1/projections`` and ``/v1/parked``: how the read models of a book stand."""

from datetime import UTC, datetime

from litestar import get
from msgspec import Struct, convert

from projections.catalog import PROJECTIONS
from projections.projection import VERSION
from service.api.endpoint import Asking, asking, taking, thinned_page
from service.api.parameter_kinds import FIELDS
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
    row = await (await conn.execute(text("read/standing"), params)).fetchone()
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


@get(
    "/projections",
    operation_id="list_projections",
    summary="How far the read models have come, and whether they are being built",
    description="One entry for each read model: its version, its checkpoint, how far that is behind"
    " the book, and beside them the progress of a rebuild and the number of parked streams.",
    tags=["operation"],
    opt=taking(FIELDS),
)
async def list_projections(request: Asking) -> ProjectionPage:
    """What an operator looks at when an answer seems old."""
    async with asking(request) as (conn, given):
        told = await projections(conn, request.user.book, datetime.now(UTC))
    return thinned_page(told, given["fields"])


@get(
    "/parked",
    operation_id="list_parked",
    summary="Streams that are set aside, and why",
    description="An event that cannot be digested sets its stream aside; the others go on, and its"
    " rows say `stale`. After the cause is mended, `daybook parked retry` brings them up to date."
    " Needs the scope `admin`.",
    tags=["operation"],
    opt=taking(FIELDS, scope="admin"),
)
async def list_parked(request: Asking) -> ParkedPage:
    """What an operator mends."""
    async with asking(request) as (conn, given):
        rows = await resources.parked(conn, request.user.book)
        checkpoint = await resources.position(conn, request.user.book, even_lost=True)
    streams = [
        convert({**row, "event_position": str(row["position"])}, ParkedStream) for row in rows
    ]
    return thinned_page(ParkedPage(streams, str(checkpoint)), given["fields"])
