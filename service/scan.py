"""Reading the store as fast as PostgreSQL hands out its bytes: block by block, as they lie there.

Nothing is looked up in an index, which would cost more than all the rest. Events are only ever
added, so the blocks that there were when somebody asked hold all that was recorded by then.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import Literal

from domain.events import Event
from service import copying, sql
from service.postgres import Connection

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

# eight fields: position, revision, sent_at, recorded_at, body_sha256, and the length of webhook_id
_fixed = struct.Struct(">hiqiiiqiqi32si")
_length = struct.Struct(">i")


async def blocks(conn: Connection) -> int:
    """How many blocks hold all that is recorded."""
    row = await (await conn.execute(sql.text("store/blocks"))).fetchone()
    return row["blocks"] if row else 0


def scan(conn: psycopg.Connection[Any], first: int, last: int) -> Iterator[tuple[str, Event]]:
    """The events in the blocks from ``first`` to before ``last``, of all books, in no order."""
    limits = {"first": Literal(f"({first},0)"), "last": Literal(f"({last},0)")}
    moments = _Moments()
    with conn.cursor() as cursor, cursor.copy(sql.fill("store/scan", **limits)) as copy:
        for row in copy:
            raw = bytes(row).removeprefix(copying.HEADER)
            if raw == copying.TRAILER or not raw:
                continue
            yield _event(raw, moments)


def _event(raw: bytes, moments: "_Moments") -> tuple[str, Event]:
    (
        _, _, position, _, revision, _, sent_at, _, recorded_at, _, digest, length,
    ) = _fixed.unpack_from(raw)  # fmt: skip
    named = _fixed.size + length
    booked = named + _length.size + _length.unpack_from(raw, named)[0]
    event = Event(
        position,
        raw[_fixed.size : named].decode(),
        moments[sent_at],
        moments[recorded_at],
        digest,
        raw[booked + _length.size :],
        revision,
    )
    return raw[named + _length.size : booked].decode(), event


class _Moments(dict[int, datetime]):
    """Times by their microseconds: many events were sent in one second, or recorded in one go."""

    def __missing__(self, microseconds: int) -> datetime:
        moment = self[microseconds] = _EPOCH + timedelta(microseconds=microseconds)
        return moment
