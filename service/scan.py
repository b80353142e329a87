"""Reading the store as fast as PostgreSQL hands out its bytes."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import Literal

from domain.events import Event
from service import copying, sql

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

# six fields: position, sent_at, recorded_at, body_sha256, and the length of webhook_id
_fixed = struct.Struct(">hiqiqiqi32si")
_length = struct.Struct(">i")


def scan(conn: psycopg.Connection[Any], book: str, after: int, until: int) -> Iterator[Event]:
    """The events of a book after a position and up to another, in no order."""
    limits = {"book": Literal(book), "after": Literal(after), "until": Literal(until)}
    with conn.cursor() as cursor, cursor.copy(sql.fill("store/scan", **limits)) as copy:
        for row in copy:
            raw = bytes(row).removeprefix(copying.HEADER)
            if raw == copying.TRAILER or not raw:
                continue
            yield _event(raw)


def _event(raw: bytes) -> Event:
    _, _, position, _, sent_at, _, recorded_at, _, digest, length = _fixed.unpack_from(raw)
    start = _fixed.size
    body = start + length + _length.size
    return Event(
        position,
        raw[start : start + length].decode(),
        _EPOCH + timedelta(microseconds=sent_at),
        _EPOCH + timedelta(microseconds=recorded_at),
        digest,
        raw[body:],
    )
