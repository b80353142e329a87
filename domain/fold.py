"""From the entries of a stream to its state, and the verdict on each entry.

The fold is a pure function of the set of entries. They are put in the order of their keys; each
steps the lifecycle with its fact; then its snapshot's status is compared with where that led:

- equal: fine.
- different, and the facts known in the window between ``occurred_at`` and ``sent_at`` lead there:
  the payload is merely newer than its event. A mark, no step.
- different otherwise: an event is missing or not here yet. The provider's word wins: the status
  follows the snapshot at once.

An entry that comes last in the order extends a stored fold in constant time. Only two things ask
for the whole stream again: an entry that belongs before the last one, and a fact that may explain
an earlier entry's snapshot.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter, lt
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from domain.catalog import AGGREGATES
from domain.events import Entry, Key, Verdict
from domain.machine import Lifecycle

S = TypeVar("S")

# sent_at is cut to whole seconds, so the payload may be rendered up to a second after it
_SECOND = timedelta(seconds=1)


class Fold(Struct, Generic[S], frozen=True, array_like=True):
    """A folded stream, and all that is needed to extend it.

    Stored by the service as the ``memo`` of a row: its shape is a storage format, and a change of
    it needs a new version of every projection.

    Attributes:
        status, since: the status now, and when the world reached it.
        state: what the snapshots say, by the aggregate's ``evolve``.
        verdicts: how many entries got which verdict.
        last: the key of the last entry.
        open_until: until this moment a later fact may explain a snapshot that we followed.
        occurred_at: when the first entry happened.
        position: the highest position among the entries.
        snapshot_position: the position of the entry whose snapshot supplies the fields.
    """

    status: str
    since: datetime
    state: S
    verdicts: dict[str, int]
    last: Key
    open_until: datetime | None
    occurred_at: datetime
    position: int
    snapshot_position: int


class Shown(Struct, frozen=True, gc=False):
    """What a snapshot changed that was rendered later than its own event, at that moment."""

    at: datetime
    before: str
    after: str
    prior: Any
    state: Any


class Step(Struct, frozen=True, gc=False):
    """What one entry did to its stream.

    Attributes:
        before, after: the status on either side; ``told`` is where the fact alone led.
        newer: the payload was rendered after the event, and later facts explain it.
        late: something that happened later was recorded earlier.
        revision: an event with the same webhook-id and another body was recorded earlier.
        missing: the event types that would explain an inferred or unexpected step.
        prior, state: the state before the entry, None before the first one, and after it.
    """

    entry: Entry
    before: str
    told: str
    after: str
    verdict: Verdict
    newer: bool = False
    late: bool = False
    revision: bool = False
    missing: tuple[str, ...] = ()
    prior: Any = None
    state: Any = None
    shown: Shown | None = None


def fold(entries: Iterable[Entry]) -> tuple[Fold[Any], list[Step]]:
    """Fold all entries of one stream, in whatever order they come; at least one.

    Returns:
        The fold, and one step for each entry in the order of the stream.
    """
    ordered = sorted(entries, key=_key)
    return _run(None, ordered)


def extend(memo: Fold[Any], entries: Iterable[Entry]) -> tuple[Fold[Any], list[Step]] | None:
    """Fold entries that were recorded after those of ``memo``.

    Returns:
        The same as folding all of them together; or None where that takes the whole stream,
        because an entry is late or may explain an earlier one.
    """
    ordered = sorted(entries, key=_key)
    return _run(memo, ordered) if extends(memo, ordered[:1]) else None


def extends(memo: Fold[Any], entries: Iterable[Entry]) -> bool:
    """Whether ``extend`` can do without the whole stream."""
    first = min(entries, key=_key)
    late = first.key < memo.last
    return not (late or (memo.open_until and first.occurred_at < memo.open_until))


def encode(memo: Fold[Any]) -> bytes:
    """The stored form of a fold."""
    return _ENCODER.encode(memo)


def decode(category: str, memo: bytes) -> Fold[Any]:
    """The fold that ``encode`` stored for a stream of this category."""
    return _DECODERS[category].decode(memo)


_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[str, msgspec.msgpack.Decoder[Fold[Any]]] = {
    a.category: msgspec.msgpack.Decoder(Fold[a.state])  # type: ignore[name-defined]
    for a in AGGREGATES
}


_key = attrgetter("key")


def _run(memo: Fold[Any] | None, ordered: Sequence[Entry]) -> tuple[Fold[Any], list[Step]]:
    aggregate = ordered[0].aggregate
    assert aggregate is not None, "only entries of a stream are folded"  # noqa: S101
    life, evolve = aggregate.lifecycle, aggregate.evolve
    state = memo.state if memo else None
    status = memo.status if memo else life.initial
    since = memo.since if memo else ordered[0].occurred_at
    open_until = memo.open_until if memo else None
    verdicts = dict(memo.verdicts) if memo else {}
    fact = memo.last if memo else None
    marks = _marks(ordered)
    steps: list[Step] = []
    for index, entry in enumerate(ordered):
        again = fact is not None and _same_fact(entry.key, fact)
        late, revision = marks[index] if marks else (False, again)
        if marks and memo is not None:
            revision = revision or _same_fact(entry.key, memo.last)
        prior, state = state, evolve(state, entry.payload)
        step = _step(
            life, status, ordered, index, fact is None, again, late, revision, prior, state
        )
        steps.append(step)
        if step.after != step.told:
            window = _window(entry)
            open_until = window if open_until is None else max(open_until, window)
        if step.after != status:
            status, since = step.after, entry.occurred_at
        verdicts[step.verdict] = verdicts.get(step.verdict, 0) + 1
        fact = entry.key
    highest = max([entry.event.position for entry in ordered])
    folded = Fold(
        status=status,
        since=since,
        state=state,
        verdicts=verdicts,
        last=ordered[-1].key,
        open_until=open_until,
        occurred_at=memo.occurred_at if memo else ordered[0].occurred_at,
        position=max(highest, memo.position) if memo else highest,
        snapshot_position=ordered[-1].event.position,
    )
    return folded, steps


def _same_fact(key: Key, other: Key) -> bool:
    """Whether two entries tell of the same fact, which has one place in the order."""
    return key[2] == other[2] and key[:2] == other[:2]


def _marks(ordered: Sequence[Entry]) -> list[tuple[bool, bool]]:
    """Which entries are late, and which are revisions; nothing where they came in their order.

    An entry that came in order is a revision where it tells the fact of the one before it.
    """
    positions = [entry.event.position for entry in ordered]
    if all(map(lt, positions, positions[1:])):
        return []
    firsts: dict[tuple[Any, ...], int] = {}
    for entry, position in zip(ordered, positions, strict=True):
        firsts[entry.key[:3]] = min(position, firsts.get(entry.key[:3], position))
    marks: list[tuple[bool, bool]] = []
    # the lowest position of what happened later; what happened in the same instant is not later
    lowest = same = positions[-1]
    latest = instant = ordered[-1].occurred_at
    for entry, position in zip(reversed(ordered), reversed(positions), strict=True):
        if entry.occurred_at != instant:
            lowest, instant = min(lowest, same), entry.occurred_at
        late = instant != latest and position > lowest
        same = min(same, position)
        marks.append((late, firsts[entry.key[:3]] != position))
    return marks[::-1]


def _step(  # noqa: PLR0913, PLR0917 - one entry and its surroundings
    life: Lifecycle,
    before: str,
    ordered: Sequence[Entry],
    index: int,
    first: bool,  # noqa: FBT001
    again: bool,  # noqa: FBT001
    late: bool,  # noqa: FBT001
    revision: bool,  # noqa: FBT001
    prior: Any,  # noqa: ANN401 - of the aggregate's type
    state: Any,  # noqa: ANN401
) -> Step:
    entry = ordered[index]
    # a revision brings another snapshot of a fact that has been stepped already
    fact = before if again else life.step(before, entry.type)
    told = after = before if fact is None else fact
    seen = entry.status if entry.status in life.known else None
    newer = False
    if seen is not None and seen != told:
        newer = _explained(life, told, seen, ordered, index)
        after = told if newer else seen
    verdict: Verdict
    missing: tuple[str, ...] = ()
    if entry.type not in life.ranks or (entry.status is not None and seen is None):
        verdict = "unknown"
    elif fact is None:
        # before the first entry nothing was seen of the stream: its beginning is missing
        verdict = "inferred" if first else "unexpected"
        missing = life.missing(before, life.sources(entry.type))
    elif after != told and not life.is_silent(told, after):
        verdict = "inferred"
        missing = life.missing(told, (after,))
    else:
        verdict = "confirmed" if after == before else "applied"
    return Step(entry, before, told, after, verdict, newer, late, revision, missing, prior, state)


def _window(entry: Entry) -> datetime:
    return entry.event.sent_at + _SECOND


def _explained(life: Lifecycle, told: str, seen: str, ordered: Sequence[Entry], index: int) -> bool:
    """Whether the facts that happened before the entry was sent lead from ``told`` to ``seen``."""
    window = _window(ordered[index])
    for place in range(index + 1, len(ordered)):
        other = ordered[place]
        if other.occurred_at >= window:
            return False
        told = life.step(told, other.type) or told
        if told == seen:
            return True
    return False
