"""Scans the whole store at the speed of PostgreSQL's sequential reads: block by block.

An index look-up per event would cost more than everything else. Events are only ever added, so
the blocks at the start of a scan hold all events recorded until then. The scan verifies that:
positions are dense, and a ``Tally`` shows whether each was read exactly once.
"""

import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.sql import Composed, Literal

from domain.events import Event
from service.database import binary, statements
from service.database.citus import citus_version
from service.database.connections import Connection

_BLOCKS = 2_000  # per stretch: some 10,000 events
_POSITIONS = 10_000
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

# eight fields: position, revision, sent_at, recorded_at, body_sha256, and the length of webhook_id
_fixed = struct.Struct(">hiqiiiqiqi32si")
_length = struct.Struct(">i")


class Tally(Struct):
    """Three sums over the positions read: equal to those of 1 to n if each was read once."""

    count: int = 0
    total: int = 0
    squares: int = 0

    def add(self, position: int) -> None:
        """Count a position."""
        self.count += 1
        self.total += position
        self.squares += position * position

    def merge(self, other: "Tally") -> None:
        """Add the sums of another tally."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares

    def is_whole(self, head: int) -> bool:
        """Whether each position from 1 to ``head`` was counted once."""
        total = head * (head + 1) // 2
        return (self.count, self.total, self.squares) == (head, total, total * (2 * head + 1) // 3)


class Blocks(Struct, frozen=True):
    """Blocks of the table, from ``first`` to before ``last``; they hold events of all books."""

    first: int
    last: int


class Positions(Struct, frozen=True):
    """Positions of one book, after ``first`` up to ``last``."""

    book: str
    first: int
    last: int


async def plan_scan(conn: Connection, heads: Mapping[str, int]) -> list[Blocks | Positions]:
    """The stretches of a scan of all books up to their ``heads``.

    Stretches are blocks if the events are in one plain table. Otherwise they are positions: a
    partitioned or distributed table, or one of another access method, has no blocks of its own.
    """
    row = await (await conn.execute(statements.text("store/blocks"))).fetchone()
    if row is not None and row["blocks"] and await citus_version(conn) is None:
        end = row["blocks"]
        return [Blocks(first, min(first + _BLOCKS, end)) for first in range(0, end, _BLOCKS)]
    return [
        Positions(book, first, min(first + _POSITIONS, head))
        for book, head in heads.items()
        for first in range(0, head, _POSITIONS)
    ]


def scan(conn: psycopg.Connection[Any], stretch: Blocks | Positions) -> Iterator[tuple[str, Event]]:
    """Yield the events of a stretch with their books, unordered."""
    moments = _Moments()
    with conn.cursor() as cursor, cursor.copy(_statement(stretch)) as copy:
        for row in copy:
            raw = bytes(row).removeprefix(binary.HEADER)
            if raw == binary.TRAILER or not raw:
                continue
            yield _event(raw, moments)


def _statement(stretch: Blocks | Positions) -> Composed:
    if isinstance(stretch, Blocks):
        first, last = (Literal(f"({block},0)") for block in (stretch.first, stretch.last))
        return statements.fill("store/scan", first=first, last=last)
    return statements.fill(
        "store/scan_positions",
        book=Literal(stretch.book),
        first=Literal(stretch.first),
        last=Literal(stretch.last),
    )


def _event(raw: bytes, moments: "_Moments") -> tuple[str, Event]:
    (
        _, _, position, _, revision, _, sent_at, _, recorded_at, _, digest, length,
    ) = _fixed.unpack_from(raw)  # fmt: skip
    id_end = _fixed.size + length
    book_end = id_end + _length.size + _length.unpack_from(raw, id_end)[0]
    # of an observation what was asked; null of a delivery
    asked, body_start = _length.unpack_from(raw, book_end)[0], book_end + 2 * _length.size
    observation = None
    if asked >= 0:
        observation = raw[book_end + _length.size : book_end + _length.size + asked].decode()
        body_start += asked
    event = Event(
        position,
        raw[_fixed.size : id_end].decode(),
        moments[sent_at],
        moments[recorded_at],
        digest,
        raw[body_start:],
        revision if observation is None else 0,
        observation,
    )
    return raw[id_end + _length.size : book_end].decode(), event


class _Moments(dict[int, datetime]):
    """A cache of times by microseconds: many events share a second, or a transaction."""

    def __missing__(self, microseconds: int) -> datetime:
        moment = self[microseconds] = _EPOCH + timedelta(microseconds=microseconds)
        return moment
