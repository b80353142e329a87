"""A stretch of a stream: some of its events in the order they happened, however many it has.

The whole of a stream is not folded for it. The index of events says what each event did; the fold
of the stretch alone says why, where it comes to the same. A stream that is in the stretch as a
whole is told as its history tells it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from domain.events import Entry
from domain.fold import fold
from domain.late import all_changes
from domain.reading import read
from domain.steps import Step
from projections.events import EVENTS
from service.database import statements
from service.database.reader import Queryable
from service.problems import Problem
from service.queries.answers import HistoryEntry, history_entry, indexed_event
from service.queries.paging import Order
from service.queries.resources import checkpoint_of, of
from service.queries.snapshots import FieldChange, changes_of
from service.store.events import event_of

_BESIDE = 6
"""The events on either side that are read to understand a stretch, and are no part of it."""

_MOST_FOLDED = 300
"""What a late event changed is told if that folds no more events in all."""

_END = datetime.max.replace(tzinfo=UTC)

Row = Mapping[str, Any]


class Stretch(Struct, frozen=True):
    """Some events of a stream in the order they happened, and what each changed in the snapshot.

    ``changes`` go by the event's position; the first snapshot of a stream has none. The cursor
    leads to what happened before, and is None where the stream begins.
    """

    data: list[HistoryEntry]
    changes: Mapping[str, list[FieldChange]]
    next_cursor: str | None = None


async def latest(
    conn: Queryable, book: str, stream: str, *, order: Order[int], limit: int
) -> Stretch:
    """The events that happened last, or last before a cursor.

    Raises:
        Problem: ``not-found`` if there are none.
    """
    end = (order.after.at, order.after.key) if order.after else (_END, 0)
    before, after = await _around(conn, book, stream, end, limit + _BESIDE, _BESIDE)
    if not before:
        raise Problem("not-found", f"No events for {stream!r} in this book.")
    told = _told(
        before, after, before[-limit:],
        begins=len(before) < limit + _BESIDE, ends=len(after) < _BESIDE,
    )  # fmt: skip
    if len(before) <= limit:
        return told
    first = before[-limit]
    return replace(
        told,
        next_cursor=order.following(
            first["occurred_at"], first["position"], checkpoint_of([dict(first)])
        ),
    )


async def around(  # noqa: PLR0913 - the place, and how much around it
    conn: Queryable, book: str, stream: str, at: datetime, place: int, *, each: int
) -> Stretch:
    """An event of a stream and its neighbours, so many on each side; without any if it is none."""
    end = (at, place + 1)
    before, after = await _around(conn, book, stream, end, each + 1 + _BESIDE, each + _BESIDE)
    if not before or before[-1]["position"] != place:
        return Stretch([], {})
    return _told(
        before, after, [*before[-each - 1 :], *after[:each]],
        begins=len(before) < each + 1 + _BESIDE, ends=len(after) < each + _BESIDE,
    )  # fmt: skip


async def _around(  # noqa: PLR0913, PLR0917 - the place, and how much around it
    conn: Queryable, book: str, stream: str, end: tuple[datetime, int], before: int, after: int
) -> tuple[list[Row], list[Row]]:
    """The rows before a place and from it on, in the order of the index."""
    statement = statements.bind_views("queries/stretch", events=EVENTS.view)
    params = of(
        book, stream=stream, at=end[0], position=end[1], before=before, after=after
    )  # fmt: skip
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint_of(rows)
    found: list[Row] = [row for row in rows if row["position"] is not None]
    earlier = [row for row in found if (row["occurred_at"], row["position"]) < end]
    return earlier, found[len(earlier) :]


def _told(
    before: Sequence[Row],
    after: Sequence[Row],
    shown: Sequence[Row],
    *,
    begins: bool,
    ends: bool,
) -> Stretch:
    """The shown rows, as the fold of all that was read explains them."""
    entries = [
        entry
        for row in (*before, *after)
        for entry in (read(event_of({**row, "revision": row["telling"]}), row["business_id"]),)
        # the book may name another business since the index was built
        if entry.stream is not None and entry.stream == row["stream"]
    ]
    rows = {row["position"]: row for row in shown}
    if not entries:
        return Stretch([], {})
    whole = begins and ends
    alone = set() if whole else _without_first(entries)
    together = [entry for entry in entries if entry.event.position not in alone]
    steps = fold(together)[1] if together else []
    # of what stands alone only the index can judge
    apart = [
        step for entry in entries if entry.event.position in alone for step in fold([entry])[1]
    ]
    parts = [step for step in (*steps, *apart) if step.entry.event.position in rows]
    changed = _changed(together, parts) if ends else {}
    data = []
    for step in sorted(parts, key=attrgetter("at")):
        place = step.entry.event.position
        entry = history_entry(step, changed.get(place, ()))
        if not whole:
            entry = _as_indexed(entry, rows[place], explained=place not in alone)
        data.append(entry)
    return Stretch(data, changes_of(steps, rows))


def _without_first(entries: Sequence[Entry]) -> set[int]:
    """The positions of further tellings of what another event told first, which was not read.

    They happened when that one did, and would mislead the fold as events of their own.
    """
    firsts = {(one.event.webhook_id, one.type) for one in entries if not one.event.revision}
    return {
        one.event.position
        for one in entries
        if one.event.revision and (one.event.webhook_id, one.type) not in firsts
    }


def _changed(entries: Sequence[Entry], parts: Sequence[Step]) -> Mapping[int, tuple[str, ...]]:
    """What late events changed, as far as it takes little to find out."""
    late = {step.entry.event.position for step in parts if step.late}
    if not late or 2 * len(late) * len(entries) > _MOST_FOLDED:
        return {}
    return all_changes(entries, late)


def _as_indexed(told: HistoryEntry, row: Row, *, explained: bool) -> HistoryEntry:
    """An entry with what the index says of it; its sentence too, unless the fold says the same.

    What was rendered later may be explained by an event that was not read.
    """
    indexed = indexed_event(row)
    if (
        explained
        and told.shown_at is None
        and all(getattr(told, name) == getattr(indexed, name) for name in _JUDGED)
    ):
        return told
    said = {name: getattr(indexed, name) for name in (*_JUDGED, "what")}
    return replace(told, missing=(), changed=(), **said)


_JUDGED = (
    "verdict", "status_from", "status_to", "newer", "late", "revision", "undecided", "shown_at",
    "amount", "currency",
)  # fmt: skip
