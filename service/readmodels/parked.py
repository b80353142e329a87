"""Streams that were set aside by a failure, tried again."""

from projections.catalog import PROJECTIONS
from projections.projection import VERSION
from service.database import statements
from service.database.connections import Connection
from service.problems import Problem
from service.readmodels.checkpoints import live_tables
from service.readmodels.projector import project_stream
from service.readmodels.streams import LIVE, Target
from service.store.events import books
from service.telemetry.tracebacks import format_error


async def retry(conn: Connection, book: str, stream: str) -> str | None:
    """Fold a parked stream again and bring its rows up to date.

    Returns:
        The error with its traceback where it fails again, and None where it does not.

    Raises:
        Problem: ``not-found`` if the stream is not set aside.
    """
    async with conn.transaction():
        tables = await live_tables(conn)
        place = {"book": book, "version": VERSION}
        row = await (
            await conn.execute(statements.text("readmodels/lock_checkpoint"), place)
        ).fetchone()
        key = {"book": book, "build": LIVE, "stream": stream}
        known = await (await conn.execute(statements.text("readmodels/unpark"), key)).fetchone()
        if known is None or row is None or len(tables) < len(PROJECTIONS):
            raise Problem("not-found", f"The stream {stream!r} is not set aside.")
        target = Target(book, (await books(conn))[book].business_id, tables)
        try:
            async with conn.transaction():
                await project_stream(conn, target, stream, row["position"])
        except Exception as error:  # noqa: BLE001 - whatever it is, it stays set aside for it
            said = format_error(error)
            params = {**key, "position": known["position"], "error": said}
            await conn.execute(statements.text("readmodels/park"), params)
            return said
    return None
