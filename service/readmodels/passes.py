"""The passes of a rebuild, each over one part and in whatever process: sort, fold, merge, index.

``sort`` reads a stretch of the store once, decodes them, and leaves the entries by book and by
partition of their streams; ``fold_partition`` folds the streams of one partition, merges its
customers and copies their rows. Memory is bounded by the size of a part, whatever the size of the
store.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from msgspec import Struct

from domain.catalog import BY_CATEGORY as AGGREGATES
from domain.catalog import Aggregate
from domain.customer import Sightings, gather, note, state_of
from domain.customer import State as Customer
from domain.events import Entry, Event, Key, moment_of, read, read_at_once
from domain.fold import Fold, extend, fold
from domain.packed import Packed, pack, packed, unpack
from domain.payload import Customer as Seen
from domain.payload import Payload
from domain.steps import Step
from projections.catalog import BY_CATEGORY, BY_NAME
from projections.customers import CUSTOMERS
from projections.events import EVENTS, placed
from projections.search_terms import SEARCH_TERMS
from projections.search_terms import rows as terms_of
from service.database import binary, statements
from service.database.connections import bulk_connection
from service.readmodels import spill
from service.store.scan import Blocks, Positions, Tally, scan
from service.telemetry.tracebacks import format_error

_CUSTOMERS = "customers"
_SEEN = "seen"
_ROWS = 2_000

_ENCODER = msgspec.msgpack.Encoder()
_CUSTOMER_DECODER = msgspec.msgpack.Decoder(list[Customer])
_SEEN_DECODER = msgspec.msgpack.Decoder(list[Seen])

Rows = dict[str, list[bytes]]


class Part(Struct, frozen=True):
    """What of a book is read: the events up to a position, into so many partitions.

    Attributes:
        business_id: the business that the book names; events of another are foreign.
        head: where the book ended; all events up to there must be found.
        end: up to where they become rows.
        partitions: into how many parts the streams and the customers are cut.
    """

    business_id: str | None
    head: int
    end: int
    partitions: int


class Plan(Struct, frozen=True):
    """What a rebuild is about; goes to other processes.

    Attributes:
        tables: the fresh table of each projection that is built.
        directory: where the frames are, those of a book in a directory of its name.
    """

    url: str
    tables: Mapping[str, str]
    directory: Path
    books: Mapping[str, Part]


class Parked(Struct, frozen=True):
    """A stream that cannot be folded, and why."""

    stream: str
    position: int
    error: str


def sort(plan: Plan, stretch: Blocks | Positions) -> dict[str, Tally]:
    """Read the events of a stretch of the store; which there were of each book."""
    sorted_ = {book: _Sorted(plan, book) for book in plan.books}
    with bulk_connection(plan.url) as conn:
        for book, event in scan(conn, stretch):
            of_book = sorted_.get(book)
            # one that was recorded since is left for catching up
            if of_book is not None and event.position <= of_book.part.head:
                of_book.tally.add(event.position)
                if event.position <= of_book.part.end:
                    of_book.add(event)
        for of_book in sorted_.values():
            _copy(conn, plan, of_book.rows.rows)
    for of_book in sorted_.values():
        of_book.leave()
    return {book: of_book.tally for book, of_book in sorted_.items()}


class _Sorted:
    """What was read of one book, by partition."""

    def __init__(self, plan: Plan, book: str) -> None:
        self.part = plan.books[book]
        self.tally = Tally()
        self.rows = _Rows(plan, book)
        self._directory = plan.directory / book
        self._packed: list[dict[str, list[Packed[Any]]]] = [
            defaultdict(list) for _ in range(self.part.partitions)
        ]
        built = {CUSTOMERS.name, SEARCH_TERMS.name} & plan.tables.keys()
        self._seen: dict[Seen, Sightings] | None = {} if built else None

    def add(self, event: Event) -> None:
        quick = read_at_once(event.body, event.sent_at, self.part.business_id)
        if quick is not None:
            aggregate, kind, rank, stamped, payload = quick
            at = moment_of(event, aggregate, stamped, payload) if aggregate.immutable else stamped
            key = (at, rank, event.sent_at, event.webhook_id, event.body_sha256)
            self._keep(aggregate, event, kind, key, payload, ())
            return
        entry = read(event, self.part.business_id)
        if entry.aggregate is None:
            self.rows.add(EVENTS.name, [entry])
        else:
            self._keep(entry.aggregate, event, entry.type, entry.key, entry.payload, entry.unread)

    def _keep(  # noqa: PLR0913, PLR0917 - an entry that is not made
        self,
        aggregate: Aggregate,
        event: Event,
        kind: str,
        key: Key,
        payload: Payload,
        unread: tuple[str, ...],
    ) -> None:
        number = spill.partition_of(payload.id, self.part.partitions)
        kept = packed(event, kind, key[0], payload, unread)
        self._packed[number][aggregate.category].append(kept)
        customer = payload.who
        if customer is not None and self._seen is not None:
            note(self._seen, customer, key, event.position)

    def leave(self) -> None:
        """Leave all of it on disk."""
        customers: dict[int, dict[str, Customer]] = defaultdict(dict)
        seen: dict[int, list[Seen]] = defaultdict(list)
        for one, sightings in (self._seen or {}).items():
            number = spill.partition_of(one.customer_id, self.part.partitions)
            gather(customers[number], state_of(one, sightings))
            seen[number].append(one)
        for number, by_category in enumerate(self._packed):
            frames = {category: pack(some) for category, some in by_category.items()}
            if number in customers:
                frames[_CUSTOMERS] = _ENCODER.encode([*customers[number].values()])
            if number in seen:
                frames[_SEEN] = _ENCODER.encode(seen[number])
            if frames:
                spill.append(self._directory, number, frames)


def fold_partition(plan: Plan, book: str, number: int) -> tuple[str, list[Parked]]:
    """Fold the streams of a partition and merge its customers; the book, and what failed."""
    directory = plan.directory / book
    streams: dict[str, list[Entry]] = defaultdict(list)
    customers: dict[str, Customer] = {}
    seen: set[Seen] = set()
    for kind, content in spill.frames(directory, number):
        if kind == _CUSTOMERS:
            for one in _CUSTOMER_DECODER.decode(content):
                gather(customers, one)
            continue
        if kind == _SEEN:
            seen.update(_SEEN_DECODER.decode(content))
            continue
        for entry in unpack(AGGREGATES[kind], content):
            streams[entry.stream or ""].append(entry)
    rows = _Rows(plan, book)
    parked = [one for stream in streams.items() for one in _fold_stream(rows, *stream)]
    rows.add(CUSTOMERS.name, customers.values())
    rows.add(SEARCH_TERMS.name, {term for one in seen for term in terms_of(one)})
    with bulk_connection(plan.url) as conn:
        _copy(conn, plan, rows.rows)
    spill.remove(directory, number)
    return book, parked


def run(url: str, statement: str) -> None:
    """Run one statement, as the making of an index, on a connection of its own."""
    with bulk_connection(url) as conn:
        conn.execute(statement.encode())


class _Rows:
    """Encodes rows of a book for the tables that are built, and leaves out the others."""

    def __init__(self, plan: Plan, book: str) -> None:
        self.rows: Rows = defaultdict(list)
        self._made = {
            name: (BY_NAME[name].row, binary.row_encoder(book, BY_NAME[name].columns))
            for name in plan.tables
        }

    def encoded(self, name: str, things: Iterable[Any]) -> list[bytes]:
        """The rows of some things, if their projection is built."""
        if made := self._made.get(name):
            row, encode = made
            return [encode(row(thing)) for thing in things]
        return []

    def add(self, name: str, things: Iterable[Any]) -> None:
        """Keep the rows of some things: of all or, where one fails, of none."""
        if rows := self.encoded(name, things):
            self.rows[name].extend(rows)

    def add_stream(self, stream: str, folded: Fold[Any], steps: Sequence[Step]) -> None:
        """Keep the row of a stream and those of its steps."""
        category = stream.partition("-")[0]
        made = {
            EVENTS.name: self.encoded(EVENTS.name, placed(folded, steps)),
            BY_CATEGORY[category].name: self.encoded(BY_CATEGORY[category].name, [folded]),
        }
        # all of them or, where one cannot be made, none
        for name, rows in made.items():
            self.rows[name].extend(rows)


def _fold_stream(rows: _Rows, stream: str, entries: Sequence[Entry]) -> Iterator[Parked]:
    try:
        rows.add_stream(stream, *fold(entries))
    except Exception:  # noqa: BLE001 - as live: the others go on
        yield _park(rows, stream, sorted(entries, key=lambda e: e.event.position))


def _park(rows: _Rows, stream: str, ordered: Sequence[Entry]) -> Parked:
    """Leave the stream as live projecting would have: as it was before it failed."""
    memo: Fold[Any] | None = None
    shown = BY_CATEGORY[stream.partition("-")[0]].name
    good, why = 0, ""
    for good, entry in enumerate(ordered):
        try:
            done = extend(memo, [entry]) if memo else fold([entry])
            memo, steps = done or fold(ordered[: good + 1])
            rows.encoded(shown, [memo])
            rows.encoded(EVENTS.name, placed(memo, steps))
        except Exception as error:  # noqa: BLE001 - this is the one
            why = format_error(error)
            break
    if good:
        rows.add_stream(stream, *fold(ordered[:good]))
    rows.add(EVENTS.name, ordered[good:])
    return Parked(stream, ordered[good].event.position, why)


def _copy(conn: psycopg.Connection[Any], plan: Plan, rows: Rows) -> None:
    for name, encoded in rows.items():
        if not encoded:
            continue
        statement = statements.fill("readmodels/copy", table=statements.relation(plan.tables[name]))
        with conn.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(binary.HEADER)
            for start in range(0, len(encoded), _ROWS):
                copy.write(b"".join(encoded[start : start + _ROWS]))
            copy.write(binary.TRAILER)
        encoded.clear()
