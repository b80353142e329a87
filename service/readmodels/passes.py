"""The passes of a rebuild, each over one part, in any process: partition, fold, index.

``partition_blocks`` reads a part of the store once, decodes its events, and leaves their entries on
disk by book and by partition of their streams. ``fold_partition`` folds the streams and merges the
customers of one partition, and copies their rows. The size of a part bounds the memory, whatever
the size of the store.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from msgspec import Struct

from domain.catalog import BY_CATEGORY as AGGREGATES
from domain.catalog import Aggregate
from domain.customer import Sightings, gather, note, state_of
from domain.customer import State as Customer
from domain.events import Entry, Event, Key, Observed, moment_of
from domain.fold import Fold, extend, fold
from domain.packed import Packed, pack, packed, unpack
from domain.payload import Customer as Description
from domain.payload import Payload
from domain.reading import read, read_at_once
from domain.steps import Step
from projections.catalog import BY_NAME, BY_SOURCE
from projections.customers import Known
from projections.events import placed
from projections.rows import Folded, rows_of
from service.database import binary, statements
from service.database.connections import bulk_connection
from service.readmodels import spill
from service.store.scan import Blocks, Positions, Tally, scan
from service.telemetry.tracebacks import format_error

_CUSTOMERS = "customers"
_ROWS = 2_000

_ENCODER = msgspec.msgpack.Encoder()
_CUSTOMERS_DECODER = msgspec.msgpack.Decoder(list[tuple[Description, Sightings]])

Rows = dict[str, list[bytes]]
"""Encoded rows, by the name of their projection."""


class Part(Struct, frozen=True):
    """The part that a book has in a rebuild.

    Attributes:
        business_id: the business that the book names; events of another are foreign.
        head: the last position when the rebuild began; all events up to there must be found.
        end: the last position that becomes rows.
        partitions: the number of parts into which streams and customers are divided.
    """

    business_id: str | None
    head: int
    end: int
    partitions: int


class Plan(Struct, frozen=True):
    """The plan of a rebuild; it is sent to other processes.

    Attributes:
        tables: the fresh table of each projection that is built.
        directory: where the frames are; those of a book are in a directory of its name.
    """

    url: str
    tables: Mapping[str, str]
    directory: Path
    books: Mapping[str, Part]


class Parked(Struct, frozen=True):
    """A stream that cannot be folded, and the reason."""

    stream: str
    position: int
    error: str


def partition_blocks(plan: Plan, stretch: Blocks | Positions) -> dict[str, Tally]:
    """Read a part of the store and leave its entries on disk; the events found in each book."""
    partitioned = {book: _Partitioned(plan, book) for book in plan.books}
    with bulk_connection(plan.url) as conn:
        for book, event in scan(conn, stretch):
            of_book = partitioned.get(book)
            # later events are left for catching up
            if of_book is not None and event.position <= of_book.part.head:
                of_book.tally.add(event.position)
                if event.position <= of_book.part.end:
                    of_book.add(event)
        for of_book in partitioned.values():
            of_book.rows.copy(conn)
    for of_book in partitioned.values():
        of_book.leave()
    return {book: of_book.tally for book, of_book in partitioned.items()}


class _Partitioned:
    """The events read from one book, by partition."""

    def __init__(self, plan: Plan, book: str) -> None:
        self.part = plan.books[book]
        self.tally = Tally()
        self.rows = _Rows(plan, book)
        self._directory = plan.directory / book
        self._packed: list[dict[str, list[Packed[Any]]]] = [
            defaultdict(list) for _ in range(self.part.partitions)
        ]
        built = any(p.name in plan.tables for p in BY_SOURCE["customer"])
        self._customers: dict[Description, Sightings] | None = {} if built else None

    def add(self, event: Event) -> None:
        quick = None
        if event.observation is None:
            quick = read_at_once(event.body, event.sent_at, self.part.business_id)
        if quick is not None:
            aggregate, kind, rank, stamped, payload = quick
            at = moment_of(event, aggregate, stamped, payload) if aggregate.immutable else stamped
            key = (at, rank, event.sent_at, event.webhook_id, event.body_sha256)
            self._keep(aggregate, event, kind, key, payload)
            return
        entry = read(event, self.part.business_id)
        if entry.aggregate is None:
            self.rows.add(Folded(events=[entry]))
            self._note(entry.customer, entry.key, event.position)
        else:
            self._keep(
                entry.aggregate, event, entry.type, entry.key, entry.payload,
                entry.unread, entry.observed,
            )  # fmt: skip

    def _keep(  # noqa: PLR0913, PLR0917 - all of an entry, without making one
        self,
        aggregate: Aggregate,
        event: Event,
        kind: str,
        key: Key,
        payload: Payload,
        unread: tuple[str, ...] = (),
        observed: Observed | None = None,
    ) -> None:
        number = spill.partition_of(payload.id, self.part.partitions)
        kept = packed(event, kind, key[0], payload, unread, observed)
        self._packed[number][aggregate.category].append(kept)
        self._note(payload.who, key, event.position)

    def _note(self, customer: Description | None, key: Key, position: int) -> None:
        if customer is not None and self._customers is not None:
            note(self._customers, customer, key, position)

    def leave(self) -> None:
        """Write everything to disk."""
        customers: dict[int, list[tuple[Description, Sightings]]] = defaultdict(list)
        for seen in (self._customers or {}).items():
            customers[spill.partition_of(seen[0].customer_id, self.part.partitions)].append(seen)
        for number, by_category in enumerate(self._packed):
            frames = {category: pack(some) for category, some in by_category.items()}
            if number in customers:
                frames[_CUSTOMERS] = _ENCODER.encode(customers[number])
            if frames:
                spill.append(self._directory, number, frames)


def fold_partition(plan: Plan, book: str, number: int) -> tuple[str, list[Parked]]:
    """Fold the streams of a partition and merge its customers; the book, and what failed."""
    directory = plan.directory / book
    streams: dict[str, list[Entry]] = defaultdict(list)
    customers: dict[str, Customer] = {}
    descriptions: dict[str, set[Description]] = defaultdict(set)
    for kind, content in spill.frames(directory, number):
        if kind == _CUSTOMERS:
            for description, sightings in _CUSTOMERS_DECODER.decode(content):
                gather(customers, state_of(description, sightings))
                descriptions[description.customer_id].add(description)
            continue
        for entry in unpack(AGGREGATES[kind], content):
            streams[entry.stream or ""].append(entry)
    rows = _Rows(plan, book)
    parked = [one for stream in streams.items() for one in _fold_stream(rows, *stream)]
    known = [Known(state, descriptions[one]) for one, state in customers.items()]
    rows.add(Folded(customers=known))
    with bulk_connection(plan.url) as conn:
        rows.copy(conn)
    spill.remove(directory, number)
    return book, parked


def run(url: str, statements: Sequence[str]) -> int:
    """Run statements, such as the making of indexes, on a connection of their own; how many."""
    with bulk_connection(url) as conn:
        for statement in statements:
            conn.execute(statement.encode())
    return len(statements)


class _Rows:
    """The encoded rows of a book, for the tables that are built."""

    def __init__(self, plan: Plan, book: str) -> None:
        self._tables = plan.tables
        self._rows: Rows = defaultdict(list)
        self._encoders = {
            name: binary.row_encoder(book, BY_NAME[name].columns) for name in plan.tables
        }

    def encode(self, folded: Folded) -> Rows:
        """The rows of everything that was folded."""
        return {
            projection.name: [*map(self._encoders[projection.name], rows)]
            for projection, rows in rows_of(folded, self._tables)
        }

    def add(self, folded: Folded) -> None:
        """Keep the rows of everything that was folded or, if one of them fails, none."""
        for name, rows in self.encode(folded).items():
            self._rows[name].extend(rows)

    def copy(self, conn: psycopg.Connection[Any]) -> None:
        """Copy the rows that were kept into their tables."""
        for name, rows in self._rows.items():
            if not rows:
                continue
            table = statements.relation(self._tables[name])
            statement = statements.fill("readmodels/copy", table=table)
            with conn.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(binary.HEADER)
                for start in range(0, len(rows), _ROWS):
                    copy.write(b"".join(rows[start : start + _ROWS]))
                copy.write(binary.TRAILER)
        self._rows.clear()


def _fold_stream(rows: _Rows, stream: str, entries: Sequence[Entry]) -> Iterator[Parked]:
    try:
        rows.add(_folded(stream, *fold(entries)))
    except Exception:  # noqa: BLE001 - as live: the other streams go on
        yield _park(rows, stream, sorted(entries, key=lambda e: e.event.position))


def _folded(stream: str, after: Fold[Any], steps: Sequence[Step]) -> Folded:
    return Folded([*placed(after, steps)], {stream.partition("-")[0]: [after]})


def _park(rows: _Rows, stream: str, ordered: Sequence[Entry]) -> Parked:
    """Keep the rows that live projecting would have left: the stream before its failure."""
    memo: Fold[Any] | None = None
    good, reason = 0, ""
    for good, entry in enumerate(ordered):
        try:
            extended = extend(memo, [entry]) if memo else fold([entry])
            memo, steps = extended or fold(ordered[: good + 1])
            rows.encode(_folded(stream, memo, steps))
        except Exception as error:  # noqa: BLE001 - this is the failing one
            reason = format_error(error)
            break
    if good:
        rows.add(_folded(stream, *fold(ordered[:good])))
    rows.add(Folded(events=[*ordered[good:]]))
    return Parked(stream, ordered[good].event.position, reason)
