"""Records what was read at the provider, where it says something that the book does not know."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.carried import evolved
from domain.events import Entry, Event
from domain.fold import Fold, extend, fold
from domain.legible import UNREADABLE
from domain.reading import read, snapshot
from projections.catalog import BY_CATEGORY
from projections.customers import CUSTOMERS
from service.database.connections import WRITER, Connection, response_deadline
from service.database.notifications import APPENDED, notify
from service.provider.balances import known_rows
from service.provider.kinds import CREDIT, CUSTOMER, Kind
from service.provider.readings import Reading
from service.queries.known import Known, is_empty, known_resources
from service.store.chain import Observation
from service.store.events import Receipt, Recorded, append, events_naming, latest_observations

SETTLING = timedelta(seconds=60)
"""So soon after an event of the same resource a reading may be older than the event."""


class Compared(Struct, frozen=True):
    """A reading next to what the book knew.

    Attributes:
        entry: the reading as the fold understands it.
        known: what the book knew of the resource; None if nothing.
        differing: the fields in which the two differ.
        repeated: whether a reading said the same and nothing happened since; or the row is known.
        overtaken: whether the reading differs from what the read models will say, which lag behind
            events of the resource.
        in_flight: whether an event of the last minute may be newer than the reading.
        position: the position of the book up to which readings were looked at.
    """

    reading: Reading
    entry: Entry
    known: Known | None
    differing: tuple[str, ...]
    repeated: bool
    in_flight: bool
    position: int
    overtaken: bool = False

    @property
    def is_news(self) -> bool:
        """Whether the book should record it."""
        if self.entry.verdict in {"foreign", "unreadable"}:
            return False
        if self.repeated:
            return False
        return self.known is None or self.overtaken or bool(self.differing)


async def compare(
    conn: Connection, book: str, business_id: str | None, readings: Sequence[Reading]
) -> list[Compared]:
    """Compare readings with what the book knows, in their order. Changes nothing.

    Raises:
        Problem: ``not-ready`` while the read models are built for the first time.
    """
    of_kind: dict[Kind, dict[str, Reading]] = defaultdict(dict)
    for reading in readings:
        of_kind[reading.kind][reading.name] = reading
    compared: dict[str, Compared] = {}
    for kind, by_name in of_kind.items():
        entries = {name: _entry(reading, business_id) for name, reading in by_name.items()}
        ids = {name: _key(kind, reading, entries[name]) for name, reading in by_name.items()}
        projection = CUSTOMERS if kind is CUSTOMER else BY_CATEGORY[kind.category]
        position, known = await known_resources(conn, book, projection, [*set(ids.values())])
        earlier = await latest_observations(conn, book, [*by_name])
        recent = {i for n, i in ids.items() if i in known or n in earlier}
        since, unseen = await _since(conn, book, kind, position.number, recent, business_id)
        ledger = await known_rows(conn, book, business_id, known) if kind is CREDIT else set()
        for name, reading in by_name.items():
            one = _compare(reading, entries[name], known.get(ids[name]), position.number)
            timely = _in_time(one, earlier.get(name), since.get(ids[name], []), unseen)
            compared[name] = replace(timely, repeated=timely.repeated or reading.id in ledger)
    return [compared[reading.name] for reading in readings]


async def _since(  # noqa: PLR0913, PLR0917 - what it asks for, and of what
    conn: Connection,
    book: str,
    kind: Kind,
    after: int,
    ids: Collection[str],
    business_id: str | None,
) -> tuple[dict[str, list[Entry]], int]:
    """The events of some resources that the read models do not reflect yet, by id.

    Of read models that are far behind, not all: those up to a position are not looked at.
    """
    if kind in {CREDIT, CUSTOMER} or not ids:
        # each row of a ledger is news once, and a customer has no stream
        return {}, 0
    events, unseen = await events_naming(conn, book, after, ids)
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in (read(event, business_id) for event in events):
        if entry.aggregate is not None and entry.aggregate.category == kind.category:
            found[entry.id].append(entry)
    return found, unseen


async def record(
    conn: Connection, book: str, compared: Iterable[Compared], key_fingerprint: str
) -> list[Receipt]:
    """Record the readings that are news, in one transaction, and wake the projector.

    A reading that is ``in_flight`` may be older than what the book knows: leave it out, and read
    again a minute later.

    Returns:
        A receipt for each reading that was news.
    """
    news = [_observation(one, key_fingerprint) for one in compared if one.is_news]
    if not news:
        return []
    async with response_deadline(conn, WRITER.answer):
        receipts = await append(conn, book, news)
        await notify(conn, APPENDED, book, max(receipt.position for receipt in receipts))
    return receipts


def _observation(one: Compared, key_fingerprint: str) -> Observation:
    reading = one.reading
    asked = reading.asked
    return Observation(
        webhook_id=reading.name,
        sent_at=asked.sent_at,
        headers=msgspec.json.encode(asked).decode(),
        verified_by=key_fingerprint,
        body=reading.body,
        body_sha256=sha256(reading.body).digest(),
        salt=secrets.token_bytes(32),
        compared_at=one.position,
    )


def _entry(reading: Reading, business_id: str | None) -> Entry:
    """What the fold will make of a reading."""
    asked = reading.asked
    event = Event(
        position=0,
        webhook_id=reading.name,
        sent_at=asked.sent_at,
        recorded_at=asked.answered_at,
        body_sha256=b"",
        body=reading.body,
        observation=msgspec.json.encode(asked).decode(),
    )
    return read(event, business_id)


def _key(kind: Kind, reading: Reading, entry: Entry) -> str:
    """The key of the read model's row: of a row of a ledger, the balance that it belongs to."""
    return entry.id if kind is CREDIT else reading.id


def _compare(reading: Reading, entry: Entry, known: Known | None, position: int) -> Compared:
    if known is None:
        return Compared(
            reading, entry, None, (), repeated=False, in_flight=False, position=position
        )
    # a row of the ledger is not in the balance's document
    differing = ("entry",) if reading.kind is CREDIT else known.differing(entry, _fields(reading))
    return Compared(
        reading, entry, known, differing, repeated=False,
        in_flight=_is_in_flight(entry, known), position=position,
    )  # fmt: skip


def _fields(reading: Reading) -> dict[str, Any]:
    """The fields that are compared.

    The name of a product is not among them: only rows of lists tell it, and a new name of a product
    changes no subscription.
    """
    try:
        content = msgspec.json.encode(snapshot(reading.body))
        fields = msgspec.json.decode(content, type=dict[str, Any])
    except UNREADABLE:
        return {}
    fields.pop("product_name", None)
    if reading.kind is CUSTOMER:
        # all that a reading of a customer supplies; see domain/customer.py
        return {name: fields[name] for name in ("email", "name") if name in fields}
    if reading.is_partial:
        # what rows leave out says nothing where it is empty, and something where it is not
        lacks = reading.kind.lacks
        return {n: v for n, v in fields.items() if n not in lacks or not is_empty(v)}
    return fields


def _is_in_flight(entry: Entry, known: Known) -> bool:
    if known.folded is None or entry.aggregate is None:
        return False
    at, rank = known.folded.last[:2]
    return rank < entry.aggregate.lifecycle.rank("") and _is_soon_after(entry, at)


def _is_soon_after(entry: Entry, at: datetime) -> bool:
    """Whether a reading may be older than an event. A row that never changes is never older."""
    immutable = entry.aggregate is not None and entry.aggregate.immutable
    return not immutable and at > entry.occurred_at - SETTLING


def _in_time(
    one: Compared, earlier: Recorded | None, since: Sequence[Entry], unseen: int
) -> Compared:
    """A comparison with regard to what was recorded and is in no read model yet.

    What was not looked at may have changed the resource: then the reading is news.
    """
    if unseen and (earlier is None or earlier.position < unseen):
        return replace(one, overtaken=True)
    events = [entry for entry in since if entry.observed is None]
    in_flight = any(_is_soon_after(one.entry, entry.occurred_at) for entry in events)
    overtaken = bool(since) and _is_overtaken(one, since)
    return replace(
        one,
        repeated=_is_repeated(one, earlier, since, overtaken=overtaken),
        overtaken=overtaken,
        in_flight=one.in_flight or in_flight,
        # what is recorded after this position was not looked at
        position=max(one.position, earlier.position if earlier else 0),
    )


def _is_overtaken(one: Compared, since: Sequence[Entry]) -> bool:
    """Whether the resource says something else than the events since the read models, or may."""
    known = one.known.folded if one.known else None
    extended = extend(known, since) if known else fold(since)
    if extended is None or one.entry.aggregate is None:
        return True
    folded = extended[0]
    if folded.other is not None or one.entry.status not in {None, folded.status}:
        return True
    return bool(evolved(one.entry.aggregate, folded.state, one.entry) != folded.state)


def _is_repeated(
    one: Compared, earlier: Recorded | None, since: Sequence[Entry], *, overtaken: bool
) -> bool:
    """Whether the last reading of the resource said the same, and nothing has happened since."""
    if earlier is None or earlier.body_sha256 != sha256(one.reading.body).digest():
        return False
    if one.reading.kind is CREDIT:
        return True
    if since and earlier.position < max(entry.event.position for entry in since):
        return earlier.position > one.position and not overtaken
    if earlier.position > one.position:
        return True
    folded = one.known.folded if one.known is not None else None
    if folded is None:
        return False
    return earlier.position >= folded.position or _is_spelled_otherwise(one, folded)


def _is_spelled_otherwise(one: Compared, folded: Fold[Any]) -> bool:
    """Whether a row, repeated after a whole reading, differs from it only as rows always do.

    Without this, the two would be recorded in turns for ever. Fields that decide something are
    compared by their meaning, so they are no matter of spelling.
    """
    aggregate = one.entry.aggregate
    if aggregate is None or not one.reading.is_partial:
        return False
    if folded.last[1] < aggregate.lifecycle.rank(""):
        return False
    return one.known is None or not one.known.decides(one.entry, one.differing)
