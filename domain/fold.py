"""From the entries of a stream to its state, and the verdict on each entry.

The fold is a pure function of the set of entries. A delivery has two clocks, and so has the fold:

- *Facts* step the lifecycle in the order of the world, the order of the entries' keys. The same
  type at the same instant is one fact, however often it is sent.
- *Snapshots* show what was true when they were rendered, at some moment between the event and the
  sending (``rendering``). One that stands at its event is compared with where the fact led. Equal:
  fine. Explained by facts of the same seconds: the payload is merely newer. Otherwise an event is
  missing, and the status follows the snapshot.
- A snapshot that was sent late and contradicts its own event, or names a later moment, was rendered
  later. It is carried on along the later facts until it was sent, and takes effect where it fits
  best, the latest of several places; from there on only later facts step. Where none of the facts
  explains its status, an event is missing there. The past keeps the earliest rendering of each
  fact, so a replay restates nothing.
- *Observations* are snapshots without a fact: they are compared with where the facts before them
  led. A row of a list takes nothing away that it leaves out.

An entry that comes last in the order extends a stored fold in constant time. The whole stream is
needed for an entry that belongs before the last one or tells the same fact again, and for a fact
that may explain an earlier snapshot.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter, lt
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct, structs

from domain.carrying import carry
from domain.catalog import AGGREGATES
from domain.events import TOLERANCE, Entry, Key
from domain.rendering import is_late
from domain.steps import NOTHING, Current, Reading, Step, Supply

S = TypeVar("S")


class Fold(Struct, Generic[S], frozen=True, array_like=True):
    """A folded stream, and all that is needed to extend it.

    Stored by the service as the ``memo`` of a row: its shape is a storage format, and a change of
    it needs a new version of every projection.

    Attributes:
        status, since: the status now, and when the world reached it.
        not_before: the earliest moment at which that status can have begun: ``since``, unless the
            event that began it is missing.
        previous: the status before that one, and its ``not_before``; also those of the other
            reading, where there was one; nothing where this is the first.
        state: what the snapshots say, by the aggregate's ``evolve``.
        verdicts: how many entries got which verdict.
        last: the key of the last entry.
        open_until: until this moment a later fact may explain a snapshot.
        occurred_at: when the first entry happened.
        position: the highest position among the entries.
        supplies: which entry's snapshot supplies the fields.
        other: what else may be the status, where nothing decides between two readings.
    """

    status: str
    since: datetime
    not_before: datetime
    previous: tuple[tuple[str, datetime], ...]
    state: S
    verdicts: dict[str, int]
    last: Key
    open_until: datetime | None
    occurred_at: datetime
    position: int
    supplies: Supply
    other: Reading[S] | None = None

    def read_as(self, status: str) -> "Fold[S] | None":
        """The reading that has a status; None where none has."""
        return next((one for one in self.readings if one.status == status), None)

    @property
    def readings(self) -> "tuple[Fold[S], ...]":
        """This fold, and as another one what else it may be, where nothing decides."""
        other = self.other
        if other is None:
            return (self,)
        second = structs.replace(
            self, status=other.status, since=other.since, not_before=other.not_before,
            state=other.state, other=None,
        )  # fmt: skip
        return (self, second)

    @property
    def snapshot_position(self) -> int:
        """The position of the entry whose snapshot supplies the fields."""
        return self.supplies.position


def fold(entries: Iterable[Entry]) -> tuple[Fold[Any], list[Step]]:
    """Fold all entries of one stream, in whatever order they come; at least one.

    Returns:
        The fold, and one step for each entry in the order of the stream.
    """
    ordered = sorted(entries, key=_key)
    if any(map(_revision, ordered)):
        ordered = sorted(_at_earliest_instants(ordered), key=_key)
    return _run(None, ordered)


def extend(memo: Fold[Any], entries: Iterable[Entry]) -> tuple[Fold[Any], list[Step]] | None:
    """Fold entries that were recorded after those of ``memo``.

    Returns:
        The same as folding all of them together; or None where that takes the whole stream,
        because an entry is late, tells a known fact again, or may explain an earlier one.
    """
    ordered = sorted(entries, key=_key)
    return _run(memo, ordered) if _extends(memo, ordered) else None


def extends(memo: Fold[Any], entries: Iterable[Entry]) -> bool:
    """Whether ``extend`` can do without the whole stream."""
    return _extends(memo, sorted(entries, key=_key))


def _extends(memo: Fold[Any], ordered: Sequence[Entry]) -> bool:
    first = ordered[0].key
    if first < memo.last or first[:2] == memo.last[:2]:
        return False
    if memo.open_until and first[0] < memo.open_until:
        return False
    if any(entry.event.revision for entry in ordered):
        return False
    # what was sent late is compared with its neighbours on both sides
    return len(ordered) == 1 or not any(map(is_late, ordered[:-1]))


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

_key, _revision = attrgetter("key"), attrgetter("event.revision")


def _at_earliest_instants(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, those of one webhook-id and type at the earliest instant that any of them names.

    A replay may keep the webhook-id and not the timestamp; it tells the same fact.
    """
    firsts: dict[tuple[str, str], datetime] = {}
    for entry in entries:
        if entry.observed is not None:
            continue
        fact = (entry.event.webhook_id, entry.type)
        firsts[fact] = min(entry.key[0], firsts.get(fact, entry.key[0]))
    return [
        entry
        if entry.observed is not None
        or (first := firsts[entry.event.webhook_id, entry.type]) == entry.key[0]
        else structs.replace(entry, key=(first, *entry.key[1:]))
        for entry in entries
    ]


def _run(memo: Fold[Any] | None, ordered: Sequence[Entry]) -> tuple[Fold[Any], list[Step]]:
    aggregate = ordered[0].aggregate
    assert aggregate is not None, "only entries of a stream are folded"  # noqa: S101
    life, evolve, immutable = aggregate.lifecycle, aggregate.evolve, aggregate.immutable
    state = memo.state if memo else None
    status = memo.status if memo else life.initial
    since = memo.since if memo else ordered[0].key[0]
    not_before, supplies, latest = since, NOTHING, 0
    previous: tuple[tuple[str, datetime], ...] = ()
    other, open_until = (memo.other, memo.open_until) if memo else (None, None)
    if memo:
        not_before, previous, supplies = memo.not_before, memo.previous, memo.supplies
    marks = _marks(ordered)
    steps: list[Step] = []
    index = 0
    last_at, last_rank = (memo.last[0], memo.last[1]) if memo else (None, None)
    while index < len(ordered):
        entry = ordered[index]
        implied, event, key = life.steps.get((entry.type, status)), entry.event, entry.key
        at = key[0]
        if (
            implied is None
            or (entry.status is not None and entry.status != implied)
            or (
                not immutable
                and ((at == last_at and key[1] == last_rank) or event.sent_at - at > TOLERANCE)
            )
            or other is not None
        ):
            last = memo.last[0] if memo else at
            supplies, latest = Supply(latest) if latest else supplies, 0
            now = Current(status, since, not_before, previous, state, supplies, other, open_until)
            index = carry(aggregate, ordered, index, marks, now, steps, last)
            last_at, last_rank = ordered[index - 1].key[:2]
            status, since, not_before, state = now.status, now.since, now.not_before, now.state
            previous, supplies, other = now.previous, now.supplies, now.other
            open_until = now.open_until
            continue
        last_at, last_rank, index = at, key[1], index + 1
        prior, state = state, evolve(state, entry.payload)
        step = Step(
            entry, status, implied, implied, "confirmed" if implied == status else "applied", False,
            marks[index - 1] if marks else False, event.revision > 0, (), prior, state,
        )  # fmt: skip
        steps.append(step)
        if implied != status:
            previous = ((status, not_before),)
            status, since, not_before = implied, at, at
        latest = event.position
    supplies = Supply(latest) if latest else supplies
    highest = max([entry.event.position for entry in ordered])
    verdicts = dict(memo.verdicts) if memo else {}
    for step in steps:
        verdicts[step.verdict] = verdicts.get(step.verdict, 0) + 1
    folded = Fold(
        status,
        since,
        not_before,
        previous,
        state,
        verdicts,
        ordered[-1].key,
        open_until,
        memo.occurred_at if memo else ordered[0].key[0],
        max(highest, memo.position) if memo else highest,
        supplies,
        other,
    )
    return folded, steps


def _marks(ordered: Sequence[Entry]) -> list[bool]:
    """Which entries are late; nothing where all came in their order."""
    positions = [entry.event.position for entry in ordered]
    if all(map(lt, positions, positions[1:])):
        return []
    marks: list[bool] = []
    # the lowest position of what happened later; what happened in the same instant is not later
    lowest = same = positions[-1]
    latest = instant = ordered[-1].key[0]
    for entry, position in zip(reversed(ordered), reversed(positions), strict=True):
        if entry.key[0] != instant:
            lowest, instant = min(lowest, same), entry.key[0]
        marks.append(instant != latest and position > lowest)
        same = min(same, position)
    return marks[::-1]
