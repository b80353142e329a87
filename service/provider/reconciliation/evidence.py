"""What the book knows of webhooks that did not come, or not to any effect."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from domain.catalog import BY_CATEGORY
from domain.drift import Evidence
from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.provider.recording import SETTLING, Compared
from service.queries.resources import of, parked

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.{0,15}")
_MINUTE = timedelta(minutes=1)


class Records:
    """The parked streams and the refused webhooks of a book, read once."""

    def __init__(self) -> None:
        self._parked: dict[str, str] = {}
        self._minutes: list[datetime] = []
        self._refused: list[tuple[str, int]] = []

    @classmethod
    async def load(cls, conn: Connection, book: str) -> "Records":
        """Read them."""
        made = cls()
        for row in await parked(conn, book):
            made._parked[row["stream"]] = (row["error"].strip().splitlines() or [""])[-1]
        cursor = await conn.execute(statements.text("provider/reconcile/refusals"), {"book": book})
        for row in await cursor.fetchall():
            made._minutes.append(row["minute"])
            made._refused.append((row["reason"], row["count"]))
        return made

    def parked(self, stream: str | None) -> str | None:
        """The error for which a stream is parked; None if it is not."""
        return self._parked.get(stream or "")

    def refused_since(self, at: datetime) -> dict[str, int]:
        """How many webhooks were refused since a moment, by reason."""
        first = bisect_left(self._minutes, at - _MINUTE)
        counts: Counter[str] = Counter()
        for reason, count in self._refused[first:]:
            counts[reason] += count
        return dict(counts)


async def unknown_types(
    conn: Connection, book: str, streams: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The types of some streams' events that this version does not know, by stream."""
    statement = statements.bind_views("provider/reconcile/unknown_types", events=EVENTS.view)
    cursor = await conn.execute(statement, of(book, streams=list(streams)))
    return {row["stream"]: _unknown(row["stream"], row["types"]) for row in await cursor.fetchall()}


def _unknown(stream: str, types: Collection[str]) -> tuple[str, ...]:
    aggregate = BY_CATEGORY[stream.partition("-")[0]]
    return tuple(sorted(set(types).difference(aggregate.lifecycle.events)))


def evidence_of(
    found: Compared, records: Records, unknown: Mapping[str, tuple[str, ...]], now: datetime
) -> Evidence:
    """What is known of a difference."""
    entry, known, kind = found.entry, found.known, found.reading.kind
    folded = known.folded if known else None
    blind = (
        known is not None
        and bool(found.differing)
        and all(name in kind.lacks and name not in known.document for name in found.differing)
    )
    return Evidence(
        category=kind.category,
        ours=folded.status if folded else None,
        theirs=entry.status,
        fields=found.differing,
        known=known is not None,
        in_flight=is_in_flight(found, now),
        parked=records.parked(entry.stream),
        unknown_types=unknown.get(entry.stream or "", ()),
        refused=records.refused_since(_changed_after(found)),
        blind=blind,
    )


def is_difference(found: Compared, records: Records) -> bool:
    """Whether a reading shows that the book differs from the provider.

    What is parked differs also where the reading was recorded before: it had no effect.
    """
    if found.is_news:
        return True
    return bool(found.differing) and records.parked(found.entry.stream) is not None


def is_in_flight(found: Compared, now: datetime) -> bool:
    """Whether it changed so shortly before the reading that its webhook may be under way.

    A row of a ledger never changes, so no webhook outdates it: of such ones only ``now`` counts.
    """
    event, latest = found.entry.event, _latest_moment(found)
    if found.entry.aggregate is not None and found.entry.aggregate.immutable:
        at = event.sent_at + (now - event.recorded_at)
    else:
        at = event.sent_at
    return found.in_flight or (latest is not None and latest > at - SETTLING)


def _changed_after(found: Compared) -> datetime:
    """The latest moment at which the resource cannot have changed yet, as far as is known."""
    moments = [found.known.folded.last[0]] if found.known and found.known.folded else []
    latest = _latest_moment(found)
    return max([*moments, *([latest] if latest else [])], default=found.entry.occurred_at)


def _latest_moment(found: Compared) -> datetime | None:
    """The latest moment in the resource's body that had passed when it was read."""
    try:
        fields = msgspec.json.decode(found.reading.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
    until = found.entry.event.sent_at + SETTLING
    moments = [_moment(value) for value in fields.values() if isinstance(value, str)]
    return max((at for at in moments if at is not None and at <= until), default=None)


def _moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
