"""A batch of events becomes rows, in three stages: what is known is read, folded on, written.

The stages stand apart so that, in a backlog, the server writes one batch while the next is folded
here: that one's reading comes before, and what the batch before has made, but not yet written, is
handed to it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from psycopg import AsyncCursor
from psycopg.rows import DictRow
from psycopg.sql import Identifier

from domain.customer import State as Customer
from domain.customer import Values, see
from domain.events import Entry, Event, read
from domain.fold import Fold, decode, extend, extends, fold
from domain.payload import Customer as Seen
from projections.catalog import BY_CATEGORY
from projections.customers import CUSTOMERS, recall
from projections.events import EVENTS, Placed, owner_of, placed
from projections.projection import Projection
from projections.search_terms import SEARCH_TERMS
from projections.search_terms import Row as Term
from projections.search_terms import rows as terms_of
from service.database import statements
from service.database.binary import Column, columns
from service.database.connections import Connection
from service.readmodels.streams import Target, parked_streams, streams_entries

_TURN = 32  # streams that are folded, or rows that are made, before others get their turn


class Batch(Struct):
    """Some events in a row, and what becomes of them.

    Attributes:
        first, last: the positions of the first and the last of them.
        unplaced: the entries that belong to no stream, or to one that is set aside.
        streams: the entries of each stream.
        earlier: of each stream that is to be folded anew, the entries before the batch.
        folds: the fold of each stream that has one: before the batch or, when that is done, after.
        customers: those whom the batch names, as they are known after it.
        terms: what they are found by and were not before.
        steps: the steps that are new or have changed, or whose customer has.
        rows: what there is to write, encoded.
    """

    first: int
    last: int
    unplaced: list[Entry]
    streams: dict[str, list[Entry]]
    earlier: dict[str, list[Entry]]
    folds: dict[str, Fold[Any]]
    customers: dict[str, Customer]
    terms: list[Term]
    steps: list[Placed] = field(default_factory=list)
    rows: list[tuple[Projection[Any], dict[str, Column]]] = field(default_factory=list)


async def understand(target: Target, events: Sequence[Event]) -> list[Entry]:
    """The entries that events are; now and then others get their turn."""
    entries: list[Entry] = []
    for start in range(0, len(events), _TURN):
        entries += [read(event, target.business_id) for event in events[start : start + _TURN]]
        await asyncio.sleep(0)
    return entries


async def begin(
    conn: Connection, target: Target, entries: Sequence[Entry], before: Batch | None = None
) -> Batch:
    """Read what is known of the streams and customers of ``entries``, the next ones of their book.

    ``before`` is the batch before them, where it is folded and not yet written.
    """
    parked = await parked_streams(conn, target)
    unplaced: list[Entry] = []
    streams: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.stream is None or entry.stream in parked:
            unplaced.append(entry)
        else:
            streams.setdefault(entry.stream, []).append(entry)
    first, last = entries[0].event.position, entries[-1].event.position
    folds = await _folds(conn, target, streams, before.folds if before else {})
    again = [s for s, new in streams.items() if _asks_for_all(target, s, folds.get(s), new)]
    until = (before.first if before else first) - 1
    earlier = await streams_entries(conn, target, again, until) if again else {}
    for stream in again:
        unwritten = before.streams.get(stream, []) if before else []
        earlier[stream] = earlier.get(stream, []) + unwritten
    named = await customers_of(conn, target, entries, before.customers if before else {})
    return Batch(first, last, unplaced, streams, earlier, folds, *named)


async def fold_on(target: Target, batch: Batch) -> None:
    """Fold the streams of a batch, and encode its rows; now and then others get their turn."""
    folds: dict[str, list[Fold[Any]]] = {}
    for number, (stream, entries) in enumerate(batch.streams.items()):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        memo, earlier = batch.folds.get(stream), batch.earlier.get(stream)
        if earlier is not None:
            folded, steps = _again(earlier, entries)
        else:
            folded, taken = (extend(memo, entries) if memo else None) or fold(entries)
            steps = placed(folded, taken)
        batch.folds[stream] = folded
        batch.steps += steps
        folds.setdefault(_category(stream), []).append(folded)
    await _encode(target, batch, EVENTS, [*batch.unplaced, *batch.steps])
    for category, of_category in folds.items():
        await _encode(target, batch, BY_CATEGORY[category], of_category)
    await _encode(target, batch, CUSTOMERS, [*batch.customers.values()])
    await _encode(target, batch, SEARCH_TERMS, batch.terms)


async def _encode(
    target: Target, batch: Batch, projection: Projection[Any], things: Sequence[Any]
) -> None:
    if not things or projection.name not in target.tables:
        return
    rows: list[Struct] = []
    for start in range(0, len(things), _TURN):
        rows += [projection.row(one) for one in things[start : start + _TURN]]
        await asyncio.sleep(0)
    batch.rows.append((projection, columns(rows)))


async def write(conn: Connection, target: Target, batch: Batch) -> None:
    """Write the rows of a batch that is folded, one table after the other."""
    async with conn.pipeline():
        for projection, encoded in batch.rows:
            await _write(conn, target, projection, encoded)


async def write_rows(
    conn: Connection, target: Target, projection: Projection[Any], things: Sequence[Any]
) -> None:
    """Write the rows of some things, each of its own key, if their projection is written."""
    if things and projection.name in target.tables:
        encoded = columns([projection.row(one) for one in things])
        await _write(conn, target, projection, encoded)


async def _write(
    conn: Connection, target: Target, projection: Projection[Any], encoded: Mapping[str, Column]
) -> None:
    statement = statements.upsert(projection, target.tables[projection.name])
    await conn.execute(statement, {"book": target.book, **encoded})


def _asks_for_all(
    target: Target, stream: str, memo: Fold[Any] | None, entries: Sequence[Entry]
) -> bool:
    if memo is not None:
        return not extends(memo, entries) or _may_change_owner(memo, entries)
    # without its read model nobody knows whether the stream is new
    return BY_CATEGORY[_category(stream)].name not in target.tables


def _may_change_owner(memo: Fold[Any], entries: Iterable[Entry]) -> bool:
    """Whether the customer of a stream may change, and with it that of its earlier events."""
    owner = owner_of(memo)
    return any(entry.customer and entry.customer.customer_id != owner for entry in entries)


def _again(earlier: list[Entry], entries: list[Entry]) -> tuple[Fold[Any], list[Placed]]:
    """Fold a whole stream; only the steps that are new or have changed, since each is a row."""
    folded, steps = fold([*earlier, *entries])
    before = placed(*fold(earlier)) if earlier else []
    known = {p.step.entry.event.position: p for p in before}
    return folded, [p for p in placed(folded, steps) if p != known.get(p.step.entry.event.position)]


async def _folds(
    conn: Connection, target: Target, streams: Iterable[str], unwritten: Mapping[str, Fold[Any]]
) -> dict[str, Fold[Any]]:
    folds: dict[str, Fold[Any]] = {}
    wanted: dict[str, list[str]] = {}
    for stream in streams:
        category, _, key = stream.partition("-")
        if stream in unwritten:
            folds[stream] = unwritten[stream]
        elif BY_CATEGORY[category].name in target.tables:
            wanted.setdefault(category, []).append(key)
    async with conn.pipeline():
        asked = {c: await _stored(conn, target, BY_CATEGORY[c], keys) for c, keys in wanted.items()}
        for category, found in asked.items():
            for row in await found.fetchall():
                folds[f"{category}-{row['key']}"] = decode(category, row["memo"])
    return folds


async def customers_of(
    conn: Connection, target: Target, entries: Iterable[Entry], unwritten: Mapping[str, Customer]
) -> tuple[dict[str, Customer], list[Term]]:
    """The customers whom entries name, as they are known after them, and new terms of theirs."""
    if not {CUSTOMERS.name, SEARCH_TERMS.name} & target.tables.keys():
        return {}, []
    named = [(entry.customer, entry) for entry in entries if entry.customer]
    ids = {customer.customer_id for customer, _ in named}
    known = {one: unwritten[one] for one in ids if one in unwritten}
    asked = [*(ids - known.keys())]
    if asked and CUSTOMERS.name in target.tables:
        found = await _stored(conn, target, CUSTOMERS, asked)
        known |= {row["key"]: recall(row["memo"]) for row in await found.fetchall()}
    terms: dict[Term, None] = {}
    for customer, entry in named:
        if _tells_more(customer, known.get(customer.customer_id)):
            terms |= dict.fromkeys(terms_of(customer))
        see(known, customer, entry.key, entry.event.position)
    return known, [*terms]


def _tells_more(customer: Seen, known: Customer | None) -> bool:
    """Whether a payload may tell an address or a name that no event before it told."""
    return known is None or not (
        _told(customer.email, known.email_values) and _told(customer.name, known.name_values)
    )


def _told(text: str | None, values: Values) -> bool:
    return not text or any(value.text == text for value in values)


async def _stored(
    conn: Connection, target: Target, projection: Projection[Any], keys: Sequence[str]
) -> AsyncCursor[DictRow]:
    table, key = statements.relation(target.tables[projection.name]), Identifier(projection.key)
    statement = statements.fill("readmodels/memos", table=table, key=key)
    params = {"book": target.book, "keys": keys}
    # not prepared: the plan must follow the table as it grows
    return await conn.execute(statement, params, prepare=False, binary=True)


def _category(stream: str) -> str:
    return stream.partition("-")[0]
