"""A batch of events becomes rows in three stages: read what is known, fold, write.

The stages are separate so that, in a backlog, the server writes one batch while the next one is
folded here. The next one is then read before the first is written, and gets the results of the
first handed over.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from psycopg import AsyncCursor
from psycopg.rows import DictRow
from psycopg.sql import Identifier

from domain.customer import State as Customer
from domain.events import Entry, Event
from domain.fold import Fold, decode, extend, extends, fold
from domain.reading import read
from projections.catalog import BY_SOURCE, MEMOS
from projections.customers import known_after, recall
from projections.events import Placed, changes_others, placed, position_of
from projections.projection import Projection
from projections.rows import Folded, rows_of
from service.database import statements
from service.database.binary import Column, columns
from service.database.connections import Connection
from service.readmodels.streams import Target, parked_streams, streams_entries
from service.readmodels.writing import clear_rows, write_rows

_TURN = 32  # streams folded, or rows made, before other tasks get their turn


class Batch(Struct):
    """Consecutive events, and what becomes of them.

    Attributes:
        first, last: the positions of the first and the last event.
        streams: the entries of each stream.
        earlier: for each stream that must be folded from its beginning, the entries before the
            batch.
        folds: the fold of each stream that has one: before the batch and, once folded, after it.
        folded: what the read models show of the batch.
        rows: the rows to write, encoded.
    """

    first: int
    last: int
    streams: dict[str, list[Entry]]
    earlier: dict[str, list[Entry]]
    folds: dict[str, Fold[Any]]
    folded: Folded
    rows: list[tuple[Projection[Any], dict[str, Column]]] = field(default_factory=list)

    @property
    def customers(self) -> dict[str, Customer]:
        """The customers after the batch, by id."""
        return {known.state.id: known.state for known in self.folded.customers}


async def decode_events(target: Target, events: Sequence[Event]) -> list[Entry]:
    """The entries of events; other tasks get their turn meanwhile."""
    entries: list[Entry] = []
    for start in range(0, len(events), _TURN):
        entries += [read(event, target.business_id) for event in events[start : start + _TURN]]
        await asyncio.sleep(0)
    return entries


async def begin(
    conn: Connection, target: Target, entries: Sequence[Entry], before: Batch | None = None
) -> Batch:
    """Read what is known of the streams and customers of ``entries``, the next ones of their book.

    ``before`` is the preceding batch, if it is folded and not yet written.
    """
    parked = await parked_streams(conn, target)
    folded = Folded()
    streams: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.stream is None or entry.stream in parked:
            folded.events.append(entry)
        else:
            streams.setdefault(entry.stream, []).append(entry)
    first, last = entries[0].event.position, entries[-1].event.position
    folds = await _folds(conn, target, streams, before.folds if before else {})
    again = [s for s, new in streams.items() if _needs_whole(target, s, folds.get(s), new)]
    until = (before.first if before else first) - 1
    earlier = await streams_entries(conn, target, again, until) if again else {}
    for stream in again:
        unwritten = before.streams.get(stream, []) if before else []
        earlier[stream] = earlier.get(stream, []) + unwritten
    await add_customers(conn, target, folded, entries, before.customers if before else {})
    return Batch(first, last, streams, earlier, folds, folded)


async def fold_on(target: Target, batch: Batch) -> None:
    """Fold the streams of a batch and encode its rows; other tasks get their turn meanwhile."""
    for number, (stream, entries) in enumerate(batch.streams.items()):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        memo, earlier = batch.folds.get(stream), batch.earlier.get(stream)
        if earlier is not None:
            after, steps = _fold_again(earlier, entries)
        else:
            after, taken = (extend(memo, entries) if memo else None) or fold(entries)
            steps = placed(after, taken)
        batch.folds[stream] = after
        batch.folded.events += steps
        batch.folded.streams.setdefault(category_of(stream), []).append(after)
    for projection, made in rows_of(batch.folded, target.tables):
        rows: list[Struct] = []
        for row in made:
            rows.append(row)
            if len(rows) % _TURN == 0:
                await asyncio.sleep(0)
        if rows:
            batch.rows.append((projection, columns(rows)))


async def write(conn: Connection, target: Target, batch: Batch) -> None:
    """Write the rows of a folded batch."""
    again = [p for event in batch.folded.events if (p := position_of(event)) < batch.first]
    async with conn.pipeline():
        await clear_rows(conn, target, again)
        for projection, encoded in batch.rows:
            await write_rows(conn, target, projection, encoded)


async def write_folded(conn: Connection, target: Target, folded: Folded) -> None:
    """Write the rows of everything that was folded."""
    await clear_rows(conn, target, [*map(position_of, folded.events)])
    for projection, made in rows_of(folded, target.tables):
        if rows := [*made]:
            await write_rows(conn, target, projection, columns(rows))


def _needs_whole(
    target: Target, stream: str, memo: Fold[Any] | None, entries: Sequence[Entry]
) -> bool:
    if memo is not None:
        return not extends(memo, entries) or changes_others(memo, entries)
    # a stream without a memo is new only if memos are written here
    return MEMOS[category_of(stream)].name not in target.tables


def _fold_again(earlier: list[Entry], entries: list[Entry]) -> tuple[Fold[Any], list[Placed]]:
    """Fold a whole stream; returns only the steps that are new or changed, as each is a row."""
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
        elif MEMOS[category].name in target.tables:
            wanted.setdefault(category, []).append(key)
    async with conn.pipeline():
        cursors = {c: await _memos(conn, target, c, keys) for c, keys in wanted.items()}
        for category, cursor in cursors.items():
            for row in await cursor.fetchall():
                folds[f"{category}-{row['key']}"] = decode(category, row["memo"])
    return folds


async def add_customers(
    conn: Connection,
    target: Target,
    folded: Folded,
    entries: Iterable[Entry],
    unwritten: Mapping[str, Customer],
) -> None:
    """Add to ``folded`` the customers that entries name, as they are known after them."""
    if all(p.name not in target.tables for p in BY_SOURCE["customer"]):
        return
    ids = {entry.customer.customer_id for entry in entries if entry.customer}
    known = {one: unwritten[one] for one in ids if one in unwritten}
    missing = [*(ids - known.keys())]
    if missing and MEMOS["customer"].name in target.tables:
        cursor = await _memos(conn, target, "customer", missing)
        known |= {row["key"]: recall(row["memo"]) for row in await cursor.fetchall()}
    folded.customers += known_after(entries, known)


async def _memos(
    conn: Connection, target: Target, source: str, keys: Sequence[str]
) -> AsyncCursor[DictRow]:
    projection = MEMOS[source]
    table, key = statements.relation(target.tables[projection.name]), Identifier(projection.key)
    statement = statements.fill("readmodels/memos", table=table, key=key)
    params = {"book": target.book, "keys": keys}
    # not prepared: the plan must follow the table as it grows
    return await conn.execute(statement, params, prepare=False, binary=True)


def category_of(stream: str) -> str:
    """The category of a stream, by its name."""
    return stream.partition("-")[0]
