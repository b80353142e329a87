"""A stream that is read as a whole: its history, and a resource as it was.

What happened later may explain an event, and what came late changes what was concluded before. So
all that was known of a stream is read and folded, however little of it is shown: that takes as long
as the stream has events. It is done once for an answer, and only what is shown is rendered.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from domain.events import Entry
from domain.late import all_changes
from domain.past import Past
from domain.steps import Step
from projections.projection import Projection
from service.database.reader import Queryable
from service.problems import Problem
from service.queries.answers import History, history_entry
from service.queries.documents import resource as folded_document
from service.queries.paging import Order
from service.queries.resources import position
from service.queries.snapshots import FieldChange, changes_of
from service.readmodels.folding import fold_aside
from service.readmodels.streams import Target, question_entries
from service.store.positions import Position


class Whole(Struct, frozen=True):
    """All entries of a stream, in any order, that the read models reflect and that were known."""

    stream: str
    entries: list[Entry]
    checkpoint: Position


class HistoryPage(Struct, frozen=True):
    """A page of a history, and what each of its events changed in the snapshot."""

    history: History
    changes: Mapping[str, list[FieldChange]]


async def read_whole(
    conn: Queryable, target: Target, stream: str, past: Past | None = None
) -> Whole:
    """Read a stream, as far as it was known at a position.

    Raises:
        Problem: ``too-many-events`` or ``busy``.
    """
    checkpoint = await position(conn, target.book)
    until = (past or Past()).known_until(checkpoint.number)
    entries = await question_entries(conn, target, [stream], until)
    return Whole(stream, entries.get(stream, []), checkpoint)


async def history(  # noqa: PLR0913 - the parameters of a page
    conn: Queryable,
    target: Target,
    stream: str,
    past: Past | None = None,
    *,
    order: Order[int] | None = None,
    limit: int | None = None,
) -> History:
    """The events of a stream in the order they happened, folded on request; all by default.

    Raises:
        Problem: ``not-found``, also if nothing had happened or was known; ``too-many-events`` or
            ``busy``.
    """
    whole = await read_whole(conn, target, stream, past)
    return (await _told(whole, past or Past(), order, limit, changes=False)).history


async def history_page(whole: Whole, past: Past, order: Order[int], limit: int) -> HistoryPage:
    """The same of a stream that was read, with the changes of snapshots."""
    return await _told(whole, past, order, limit, changes=True)


async def resource_past(  # noqa: PLR0913 - the query, and what its document needs
    conn: Queryable,
    target: Target,
    projection: Projection[Any],
    identity: str,
    past: Past,
    *,
    response_days: int,
) -> dict[str, Any]:
    """One resource as it was, or as we knew it, at a moment; without related resources.

    Raises:
        Problem: ``not-found``, also if nothing had happened or was known; ``too-many-events`` or
            ``busy``.
    """
    category = projection.aggregate.category if projection.aggregate else ""
    whole = await read_whole(conn, target, f"{category}-{identity}", past)
    return await document_past(whole, projection, past, response_days)


async def document_past(
    whole: Whole, projection: Projection[Any], past: Past, response_days: int
) -> dict[str, Any]:
    """The same of a stream that was read."""
    entries = whole.entries
    folded = await fold_aside(len(entries), partial(past.folded, entries))
    if folded is None:
        identity = whole.stream.partition("-")[2]
        raise Problem("not-found", f"No events for {identity!r} in this book as of that moment.")
    supplier = next(e for e in entries if e.event.position == folded.snapshot_position)
    return {
        **folded_document(projection, folded, supplier.event.body, response_days),
        "position": str(whole.checkpoint),
    }


async def _told(
    whole: Whole, past: Past, order: Order[int] | None, limit: int | None, *, changes: bool
) -> HistoryPage:
    entries = whole.entries
    steps = await fold_aside(len(entries), partial(past.steps, entries))
    if not steps:
        moment = " as of that moment" if past else ""
        raise Problem("not-found", f"No events for {whole.stream!r} in this book{moment}.")
    rest = _rest(steps, order) if order else steps
    page = rest[:limit]
    late = {step.entry.event.position for step in page if step.late}
    walk = partial(all_changes, entries, late)
    changed = await fold_aside(len(entries) if late else 0, walk, 2 * len(late))
    data = [history_entry(step, changed.get(step.entry.event.position, ())) for step in page]
    following = None
    if order and len(page) < len(rest):
        last = page[-1].entry
        following = order.following(last.occurred_at, last.event.position, whole.checkpoint)
    shown = {step.entry.event.position for step in page} if changes else set()
    return HistoryPage(
        History(whole.stream, data, following, str(whole.checkpoint)), changes_of(steps, shown)
    )


def _rest(steps: list[Step], order: Order[int]) -> list[Step]:
    steps = steps[::-1] if order.descending else steps
    if order.after is None:
        return steps
    last = order.after.key
    ends = [n for n, step in enumerate(steps, 1) if step.entry.event.position == last]
    return steps[ends[0] :] if ends else []
