"""Appends deliveries and observations to the event store, and reads events.

A delivery is a duplicate if it repeats the body of the latest event of its webhook-id, or the body
and ``sent_at`` of any of them: that is a copy of the same request. Every other delivery is an
event, even if it returns to an earlier body after another one: its ``sent_at`` is new.

An observation was compared with what the book knew at a position, and with the observations of the
same resource up to it. It is a duplicate if another one was recorded since and has the same body.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from domain.events import Event
from service.database import binary
from service.database.connections import WRITER, Connection, behind_pooler
from service.database.reader import Queryable
from service.database.statements import text
from service.store.chain import NewEvent, Observation, compute_link
from service.store.positions import Position, position_of

_LIMITS = ("statement", "lock", "idle")
_COLUMNS = (15).to_bytes(2, "big")


class Receipt(Struct, frozen=True, gc=False):
    """The position of a new event, or of the event of which it is a duplicate."""

    position: int
    link: bytes
    duplicate: bool

    @property
    def place(self) -> Position:
        """The position as clients see it."""
        return position_of(self.position, self.link)


async def append(conn: Connection, book: str, batch: Sequence[NewEvent]) -> list[Receipt]:
    """Record the new events of ``batch`` in one transaction, durable on return.

    Receipts have the order of the batch. Several processes may append to one book: the lock on its
    head makes positions dense and in commit order.

    Raises:
        psycopg.Error: the batch is not recorded, or recorded as a whole without confirmation.
    """
    try:
        return await _append(conn, book, batch)
    except BaseException:
        if not conn.closed:
            await conn.rollback()
        raise


async def _append(conn: Connection, book: str, batch: Sequence[NewEvent]) -> list[Receipt]:
    # only four round trips, since other writers wait for the lock: begin, lock and look up;
    # copy, and its end; move and commit. A pipeline cannot contain COPY
    params: dict[str, Any] = {"book": book, "webhook_ids": [d.webhook_id for d in batch]}
    async with conn.pipeline():
        await conn.execute(text("store/begin"))
        if behind_pooler(conn):
            limits = {name: f"{getattr(WRITER, name):g}s" for name in _LIMITS}
            await conn.execute(text("store/limits"), limits)
        locked = await conn.execute(text("store/lock_head"), {"book": book})
        # never prepared: a plan made while the table was empty would scan the grown table.
        # After the lock, so that it sees the commit of the lock's last holder
        known = await conn.execute(text("store/known"), params, prepare=False)
        head, recorded = await locked.fetchone(), await known.fetchall()
    assert head is not None, f"book {book} was not opened"  # noqa: S101
    receipts, rows, last = _number(book, batch, _by_id(recorded), head)
    if not rows:
        await conn.rollback()
        return receipts
    async with conn.cursor() as cursor, cursor.copy(text("store/append")) as copy:
        await copy.write(b"".join([binary.HEADER, *rows, binary.TRAILER]))
    new_head = {"book": book, "position": head["position"] + len(rows), "link": last}
    new_head["recorded_at"] = head["recorded_at"]
    async with conn.pipeline():
        await conn.execute(text("store/move_head"), new_head)
        await conn.execute(text("store/commit"))
    return receipts


class Recorded(NamedTuple):
    """The fields of an event that reveal a duplicate; ordered by position."""

    position: int
    link: bytes
    body_sha256: bytes
    sent_at: datetime
    source: str


_ById = defaultdict[str, list[Recorded]]


def _by_id(rows: Iterable[Mapping[str, Any]]) -> _ById:
    """The events of each webhook-id, in order."""
    known: _ById = defaultdict(list)
    for row in rows:
        fields = row["position"], row["link"], row["body_sha256"], row["sent_at"], row["source"]
        event = Recorded(*fields)
        known[row["webhook_id"]].append(event)
    for revisions in known.values():
        revisions.sort()
    return known


def _find_original(revisions: Sequence[Recorded], new: NewEvent) -> Recorded | None:
    """The event of which a new one is a duplicate, if any."""
    same = [event for event in revisions if event.source == new.source]
    for event in reversed(same):
        if event.body_sha256 != new.body_sha256:
            continue
        if isinstance(new, Observation):
            return event if event is same[-1] and event.position > new.compared_at else None
        if event is same[-1] or event.sent_at == new.sent_at:
            return event
    return None


def _number(
    book: str, batch: Iterable[NewEvent], known: _ById, head: dict[str, Any]
) -> tuple[list[Receipt], list[bytes], bytes]:
    """Number and link the new events, as rows to copy; adds them to ``known``."""
    receipts: list[Receipt] = []
    rows: list[bytes] = []
    position, last, now = head["position"], head["link"], head["recorded_at"]
    of_book, recorded_at = binary.text(book), binary.timestamptz(now)
    for d in batch:
        revisions = known[d.webhook_id]
        if original := _find_original(revisions, d):
            receipts.append(Receipt(original.position, original.link, duplicate=True))
            continue
        position, revision = position + 1, len(revisions)
        last = compute_link(last, book, position, revision, now, d)
        revisions.append(Recorded(position, last, d.body_sha256, d.sent_at, d.source))
        receipts.append(Receipt(position, last, duplicate=False))
        rows.append(b"".join((
            _COLUMNS, of_book, binary.int8(position), binary.text(d.source),
            binary.text(d.webhook_id), binary.int4(revision), binary.timestamptz(d.sent_at),
            recorded_at, _text(d.webhook_timestamp), _text(d.webhook_signature),
            binary.text(d.headers), _text(d.verified_by), binary.bytea(d.body_sha256),
            binary.bytea(last), binary.NULL if d.salt is None else binary.bytea(d.salt),
            binary.bytea(d.body),
        )))  # fmt: skip
    return receipts, rows, last


def _text(value: str | None) -> bytes:
    return binary.NULL if value is None else binary.text(value)


class Book(Struct, frozen=True):
    """The head of a book, and its configured business, if any."""

    position: int
    business_id: str | None


async def open_books(conn: Connection, books: Mapping[str, str | None]) -> tuple[str, ...]:
    """Create the heads of new books, and store each book's business.

    Returns:
        The books with events whose business has changed. They need a rebuild, which decides again
        which of their events are foreign.
    """
    changed: list[str] = []
    for book, business_id in books.items():
        params = {"book": book, "business_id": business_id}
        row = await (await conn.execute(text("store/open_book"), params)).fetchone()
        if row and row["position"] > 0:
            changed.append(book)
    return tuple(changed)


async def books(conn: Queryable) -> dict[str, Book]:
    """All books of the store, by name."""
    heads = await conn.execute(text("store/heads"))
    return {r["book"]: Book(r["position"], r["business_id"]) for r in await heads.fetchall()}


async def last_recorded_position(
    conn: Queryable, book: str, at: datetime, *, inclusive: bool
) -> int:
    """The last position recorded before ``at``, or at it if ``inclusive``; 0 if none was.

    The times of a book never decrease: its writers read the clock under the lock on its head, and
    use the head's own time if that is later.
    """
    params = {"book": book, "at": at, "inclusive": inclusive}
    # never prepared: a plan made while the table was empty would scan the grown table
    result = await conn.execute(text("store/recorded"), params, prepare=False)
    row = await result.fetchone()
    return int(row["position"]) if row else 0


async def latest_observations(
    conn: Queryable, book: str, names: Sequence[str]
) -> dict[str, Recorded]:
    """The latest observation of each of some names (``Observation.webhook_id``)."""
    params = {"book": book, "webhook_ids": list(names)}
    result = await conn.execute(text("store/known"), params, prepare=False)
    known = _by_id(await result.fetchall())
    found = {name: [one for one in events if one.source == "api"] for name, events in known.items()}
    return {name: events[-1] for name, events in found.items() if events}


MOST_DELIVERIES = 2_000
"""So many of the latest deliveries are searched for a resource."""


async def events_naming(
    conn: Queryable, book: str, after: int, ids: Collection[str]
) -> tuple[list[Event], int]:
    """The events after a position that may be of some resources, in order.

    These are the observations of a resource of such an id, and the deliveries that contain one.

    Returns:
        The events, and the position up to which deliveries were not looked at: 0 where all were,
        which are the latest ``MOST_DELIVERIES``.
    """
    params = {"book": book, "after": after, "ids": list(ids), "most": MOST_DELIVERIES}
    # not prepared either, for the same reason
    cursor = await conn.execute(text("store/unseen"), params, prepare=False)
    unseen = await cursor.fetchone()
    cursor = await conn.execute(text("store/naming"), params, prepare=False)
    events = [event_of(row) for row in await cursor.fetchall()]
    return events, int(unseen["position"]) if unseen else 0


async def events_after(conn: Connection, book: str, after: int, limit: int) -> list[Event]:
    """The next events of a book, in order."""
    params = {"book": book, "after": after, "limit": limit}
    # not prepared either, for the same reason
    cursor = await conn.execute(text("store/after"), params, prepare=False, binary=True)
    return [event_of(row) for row in await cursor.fetchall()]


def event_of(row: dict[str, Any]) -> Event:
    """Convert a row with an event's columns to the domain's event."""
    return Event(
        position=row["position"],
        webhook_id=row["webhook_id"],
        sent_at=row["sent_at"],
        recorded_at=row["recorded_at"],
        body_sha256=row["body_sha256"],
        body=row["body"],
        # each reading of a resource is one of its own, and tells nothing again
        revision=row["revision"] if row["observation"] is None else 0,
        observation=row["observation"],
    )
