"""The event store: how a delivery becomes an event, and how the chain is computed.

The chain, version 1. Each event's ``link`` is SHA-256 over the previous event's link (32 zero
bytes before the first) and every stored column but the body, with the body's hash in its place,
in this canonical encoding:

    "daybook-link-1" ‖ previous link ‖ field ‖ field ‖ …

The fields, in this order: book, position, source, webhook_id, revision, sent_at, recorded_at,
webhook_timestamp, webhook_signature, headers, verified_by, body_sha256. Each is its length as 8
bytes, big-endian, and its bytes; NULL is the length 2^64-1 and no bytes. Text is UTF-8, numbers
are decimal text, times are decimal text of the microseconds since 1970-01-01T00:00Z.

A delivery is a duplicate if it repeats the body of the latest recorded delivery of its webhook-id,
or the body and ``sent_at`` of any of them: that is a copy of the same request. Every other delivery
is an event, also where an earlier body is told again after another one: its ``sent_at`` is new.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import Struct

from domain.events import Event
from service.database import binary
from service.database.connections import WRITER, Connection, behind_pooler
from service.database.reader import Queryable
from service.database.statements import text
from service.store.positions import Position, position_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LIMITS = ("statement", "lock", "idle")
_COLUMNS = (14).to_bytes(2, "big")
_SOURCE = binary.text("webhook")

_length = struct.Struct(">Q").pack


class Delivery(Struct, frozen=True, gc=False):
    """A verified request, not yet recorded.

    ``webhook_timestamp`` and ``webhook_signature`` are verbatim; ``headers`` is a JSON object of
    the other request headers that are kept; ``verified_by`` names the secret by its fingerprint.
    """

    webhook_id: str
    sent_at: datetime
    webhook_timestamp: str
    webhook_signature: str
    headers: str
    verified_by: str
    body: bytes
    body_sha256: bytes


class Receipt(Struct, frozen=True, gc=False):
    """Where a delivery is recorded, and whether it had been before."""

    position: int
    link: bytes
    duplicate: bool

    @property
    def place(self) -> Position:
        """The position as it leaves the service."""
        return position_of(self.position, self.link)


def link(  # noqa: PLR0913, PLR0917 - all that the link covers
    previous: bytes,
    book: str,
    position: int,
    revision: int,
    recorded_at: datetime,
    event: Delivery,
) -> bytes:
    """The link of an event, as the chain above defines it."""
    fields = (
        book.encode(),
        b"%d" % position,
        b"webhook",
        event.webhook_id.encode(),
        b"%d" % revision,
        b"%d" % _micros(event.sent_at),
        b"%d" % _micros(recorded_at),
        event.webhook_timestamp.encode(),
        event.webhook_signature.encode(),
        event.headers.encode(),
        event.verified_by.encode(),
        event.body_sha256,
    )
    prefixed = [part for field in fields for part in (_length(len(field)), field)]
    return sha256(b"".join([b"daybook-link-1", previous, *prefixed])).digest()


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


async def append(conn: Connection, book: str, batch: Sequence[Delivery]) -> list[Receipt]:
    """Record what is new of ``batch`` in one transaction; when it returns, it is on disk.

    The order of the receipts is that of the batch. Several processes may append to one book: the
    lock on its head makes positions dense and in commit order.

    Raises:
        psycopg.Error: and then nothing of the batch is recorded, or all of it but unconfirmed.
    """
    try:
        return await _append(conn, book, batch)
    except BaseException:
        if not conn.closed:
            await conn.rollback()
        raise


async def _append(conn: Connection, book: str, batch: Sequence[Delivery]) -> list[Receipt]:
    # four round trips, since others wait for the lock meanwhile: begin, lock and look up;
    # copy, and its end; move and commit. COPY has no place in a pipeline
    params: dict[str, Any] = {"book": book, "webhook_ids": [d.webhook_id for d in batch]}
    async with conn.pipeline():
        await conn.execute(text("store/begin"))
        if behind_pooler(conn):
            limits = {name: f"{getattr(WRITER, name):g}s" for name in _LIMITS}
            await conn.execute(text("store/limits"), limits)
        locked = await conn.execute(text("store/lock_head"), {"book": book})
        # never prepared: a plan made while the table was empty would scan the grown one.
        # It must see what the last holder of the lock committed, so it stays after the lock
        known = await conn.execute(text("store/known"), params, prepare=False)
        head, found = await locked.fetchone(), await known.fetchall()
    assert head is not None, f"book {book} was not opened"  # noqa: S101
    receipts, rows, last = _number(book, batch, _by_id(found), head)
    if not rows:
        await conn.rollback()
        return receipts
    async with conn.cursor() as cursor, cursor.copy(text("store/append")) as copy:
        await copy.write(b"".join([binary.HEADER, *rows, binary.TRAILER]))
    moved = {"book": book, "position": head["position"] + len(rows), "link": last}
    moved["recorded_at"] = head["recorded_at"]
    async with conn.pipeline():
        await conn.execute(text("store/move_head"), moved)
        await conn.execute(text("store/commit"))
    return receipts


class _Recorded(NamedTuple):
    """What tells whether a delivery repeats a recorded one; ordered by position."""

    position: int
    link: bytes
    body_sha256: bytes
    sent_at: datetime


_ById = defaultdict[str, list[_Recorded]]


def _by_id(rows: Iterable[Mapping[str, Any]]) -> _ById:
    """The recorded deliveries of each webhook-id, in order."""
    known: _ById = defaultdict(list)
    for row in rows:
        one = _Recorded(row["position"], row["link"], row["body_sha256"], row["sent_at"])
        known[row["webhook_id"]].append(one)
    for tellings in known.values():
        tellings.sort()
    return known


def _repeated(tellings: Sequence[_Recorded], delivery: Delivery) -> _Recorded | None:
    """Which recorded delivery of its id a delivery repeats, if any."""
    for one in reversed(tellings):
        if one.body_sha256 == delivery.body_sha256 and (
            one is tellings[-1] or one.sent_at == delivery.sent_at
        ):
            return one
    return None


def _number(
    book: str, batch: Iterable[Delivery], known: _ById, head: dict[str, Any]
) -> tuple[list[Receipt], list[bytes], bytes]:
    """Give positions and links to what is new, as rows to copy; ``known`` learns them."""
    receipts: list[Receipt] = []
    rows: list[bytes] = []
    position, last, now = head["position"], head["link"], head["recorded_at"]
    of_book, recorded_at = binary.text(book), binary.timestamptz(now)
    for d in batch:
        tellings = known[d.webhook_id]
        if repeated := _repeated(tellings, d):
            receipts.append(Receipt(repeated.position, repeated.link, duplicate=True))
            continue
        position, revision = position + 1, len(tellings)
        last = link(last, book, position, revision, now, d)
        tellings.append(_Recorded(position, last, d.body_sha256, d.sent_at))
        receipts.append(Receipt(position, last, duplicate=False))
        rows.append(b"".join((
            _COLUMNS, of_book, binary.int8(position), _SOURCE, binary.text(d.webhook_id),
            binary.int4(revision), binary.timestamptz(d.sent_at), recorded_at,
            binary.text(d.webhook_timestamp), binary.text(d.webhook_signature),
            binary.text(d.headers), binary.text(d.verified_by), binary.bytea(d.body_sha256),
            binary.bytea(last), binary.bytea(d.body),
        )))  # fmt: skip
    return receipts, rows, last


class Book(Struct, frozen=True):
    """A book as the store knows it: where it ends, and the business that it names, if any."""

    position: int
    business_id: str | None


async def open_books(conn: Connection, books: Mapping[str, str | None]) -> tuple[str, ...]:
    """Begin the books that have no event yet, each with the business that it names.

    Returns:
        The books with events that name another business than before: which of their events are
        foreign is decided anew by a rebuild.
    """
    changed: list[str] = []
    for book, business_id in books.items():
        params = {"book": book, "business_id": business_id}
        row = await (await conn.execute(text("store/open_book"), params)).fetchone()
        if row and row["position"] > 0:
            changed.append(book)
    return tuple(changed)


async def books(conn: Queryable) -> dict[str, Book]:
    """Every book that was opened."""
    found = await conn.execute(text("store/heads"))
    return {r["book"]: Book(r["position"], r["business_id"]) for r in await found.fetchall()}


async def recorded(conn: Queryable, book: str, at: datetime, *, inclusive: bool) -> int:
    """The last position recorded before ``at``, or ``inclusive`` of it; 0 where none was.

    The times of a book never fall from one position to the next: its writers read the clock under
    the lock on its head, and take the head's own time where that is later.
    """
    params = {"book": book, "at": at, "inclusive": inclusive}
    # never prepared: a plan made while the table was empty would scan the grown one
    found = await conn.execute(text("store/recorded"), params, prepare=False)
    row = await found.fetchone()
    return int(row["position"]) if row else 0


async def events_after(conn: Connection, book: str, after: int, limit: int) -> list[Event]:
    """The next events of a book, in order."""
    params = {"book": book, "after": after, "limit": limit}
    # not prepared either, for the same reason
    found = await conn.execute(text("store/after"), params, prepare=False, binary=True)
    return [event_of(row) for row in await found.fetchall()]


def event_of(row: dict[str, Any]) -> Event:
    """The domain's event, from the row of a statement that selects its columns."""
    return Event(
        position=row["position"],
        webhook_id=row["webhook_id"],
        sent_at=row["sent_at"],
        recorded_at=row["recorded_at"],
        body_sha256=row["body_sha256"],
        body=row["body"],
        revision=row["revision"],
    )
