"""The streams of a book: where their rows go, their entries, and which of them are parked.

A stream is parked when an event cannot be folded into it. It keeps the rows that it had; its later
events are listed, but not folded, until a retry succeeds.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct
from psycopg.rows import DictRow

from domain.events import Entry
from domain.reading import read
from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.database.reader import Queryable
from service.readmodels.folding import fold_aside
from service.store.events import event_of

LIVE = "live"
"""The build that readers see, as ``read.parked`` names it."""


class Target(Struct, frozen=True):
    """Where the rows of a book go.

    Attributes:
        business_id: the business that the book names; events of another are foreign.
        tables: the table of each projection that is written, by its name.
        build: ``LIVE``, or the name of the rebuild that fills the tables.
        index: the table that lists the events of a stream, if the one in ``tables`` is missing;
            complete at least up to the events that are projected.
    """

    book: str
    business_id: str | None
    tables: Mapping[str, str]
    build: str = LIVE
    index: str | None = None


async def stream_entries(conn: Queryable, target: Target, stream: str, until: int) -> list[Entry]:
    """The entries of one stream up to a position, as the index of ``target`` lists them."""
    return (await streams_entries(conn, target, [stream], until)).get(stream, [])


async def streams_entries(
    conn: Queryable, target: Target, streams: Sequence[str], until: int
) -> dict[str, list[Entry]]:
    """The entries of several streams, by stream; a stream without any is absent."""
    return _read(await _rows(conn, target, streams, until), target)


async def question_entries(
    conn: Queryable, target: Target, streams: Sequence[str], until: int
) -> dict[str, list[Entry]]:
    """The entries of several streams for a query, without blocking other requests.

    Raises:
        Problem: ``too-many-events`` or ``busy``.
    """
    rows = await _rows(conn, target, streams, until)
    return await fold_aside(len(rows), partial(_read, rows, target))


async def _rows(
    conn: Queryable, target: Target, streams: Sequence[str], until: int
) -> list[DictRow]:
    index = target.tables.get(EVENTS.name) or target.index
    assert index is not None, "a target without an index of events"  # noqa: S101
    statement = statements.bind_views("readmodels/stream", events=index)
    params = {"book": target.book, "streams": streams, "until": until}
    cursor = await conn.execute(statement, params, prepare=False, binary=True)
    return await cursor.fetchall()


def _read(rows: Sequence[DictRow], target: Target) -> dict[str, list[Entry]]:
    entries: dict[str, list[Entry]] = {}
    for row in rows:
        entry = read(event_of(row), target.business_id)
        # the book may name another business since the index was built
        if entry.stream is not None and entry.stream == row["stream"]:
            entries.setdefault(entry.stream, []).append(entry)
    return entries


async def park(conn: Connection, target: Target, stream: str, position: int, error: str) -> None:
    """Park a stream: the event at ``position`` cannot be folded, for the ``error`` given."""
    params = {
        "book": target.book, "build": target.build,
        "stream": stream, "position": position, "error": error,
    }  # fmt: skip
    await conn.execute(statements.text("readmodels/park"), params)


async def parked_streams(conn: Queryable, target: Target) -> set[str]:
    """The names of the parked streams."""
    params = {"build": target.build, "book": target.book}
    found = await conn.execute(statements.text("readmodels/parked_names"), params)
    return {row["stream"] for row in await found.fetchall()}


async def parked_rows(
    conn: Queryable, build: str, book: str | None, most: int | None = None
) -> list[DictRow]:
    """The parked streams of a build, in one book or in all, with the error of each, by name."""
    params = {"build": build, "book": book, "most": most}
    return await (await conn.execute(statements.text("readmodels/parked"), params)).fetchall()
