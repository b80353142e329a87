"""The part of the fold that weighs evidence: whatever does not simply follow the lifecycle.

A snapshot that was rendered later than its event is carried along the facts that happened before it
was sent, compared with the state after each, and lands where it fits best.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from domain.catalog import Aggregate
from domain.events import Entry, Verdict
from domain.rendering import (
    SECOND,
    TOLERANCE,
    contradicts_neighbours,
    differing,
    is_explained,
    is_late,
    is_raced,
    is_repeated,
    is_same_fact,
    rendered_after,
    told_before,
)
from domain.steps import Current, Reading, Shown, Step, judge


class _Carried(Struct):
    """A snapshot under way.

    Attributes:
        place: where its entry's step stands.
        seen: its status, None where it shows none that is known.
        after, until: between these moments it was rendered.
        named: the latest moment that it names itself, if that lies after its event.
        slot, differs: the fact after which it fits best, and how many fields differ there.
        arrived: whether it can have been rendered before the present fact.
        doubted: whether it can also have been rendered before a later fact, which then
            leads to another status.
    """

    entry: Entry
    place: int
    seen: str | None
    after: datetime
    until: datetime
    named: datetime | None = None
    slot: int | None = None
    differs: int = 0
    arrived: bool = False
    doubted: bool = False


def carry(  # noqa: PLR0913, PLR0917 - all that the fold has
    aggregate: Aggregate,
    ordered: Sequence[Entry],
    start: int,
    marks: Sequence[bool],
    current: Current,
    steps: list[Step],
    last: datetime,
) -> None:
    """Fold the entries from ``start`` on: ``current`` moves, and ``steps`` gets theirs.

    ``last`` is when the entry before the first of ``ordered`` happened.
    """
    before = ordered[start - 1].key[0] if start else last
    carrier = _Carrier(aggregate, ordered, marks, current, steps, before)
    for index in range(start, len(ordered)):
        carrier.enter(index)
    carrier.land_all()


class _Carrier:
    def __init__(  # noqa: PLR0913, PLR0917 - all that the fold has
        self,
        aggregate: Aggregate,
        ordered: Sequence[Entry],
        marks: Sequence[bool],
        current: Current,
        steps: list[Step],
        last: datetime,
    ) -> None:
        self._aggregate, self._life = aggregate, aggregate.lifecycle
        self._ordered, self._marks = ordered, marks
        self._now, self._steps = current, steps
        self._carried: list[_Carried] = []
        # which fact was the last one, when it happened, and whether its snapshot pins the state
        self._slot, self._slot_at, self._pinned = 0, last, True

    def enter(self, index: int) -> None:
        """Let one entry happen."""
        entry, now, life = self._ordered[index], self._now, self._life
        at, late = entry.key[0], is_late(entry)
        self._land([c for c in self._carried if c.until <= at], index)
        again = index > 0 and self._is_fact_of(index - 1, entry)
        before = now.status
        fact = before if again else life.step(before, entry.type)
        told = before if fact is None else fact
        seen = entry.status if entry.status in life.known else None
        immutable = self._aggregate.immutable
        repeated = again and late and is_repeated(self._ordered, index)
        carried = self._weigh(index, told, seen) if late and not (immutable or repeated) else None
        stands = not repeated and carried is None
        followed = stands and seen is not None and seen != told
        explained = (
            followed
            and not life.is_silent(told, seen or "")
            and is_explained(life, told, seen or "", self._ordered[index + 1 :], _window(entry))
        )
        after = seen if followed and not explained and seen else told
        prior = now.state
        if stands or prior is None:
            now.state = self._aggregate.evolve(prior, entry.payload)
            now.supplies = entry.event.position
        previous = self._slot_at
        if not again:
            self._slot, self._slot_at, self._pinned = self._slot + 1, at, stands and not late
        if after != told or (late and not immutable):
            self._keep_open(_window(entry))
        if after != before:
            now.move(after, at, at if after == told else previous)
        self._follow_other(entry, again=again, settled=stands and not late and seen == after)
        verdict, missing = judge(life, entry, before, fact, after)
        step = Step(
            entry,
            before,
            told,
            after,
            verdict,
            explained or carried is not None,
            bool(self._marks) and self._marks[index],
            entry.event.revision > 0,
            missing,
            prior,
            now.state,
            stands,
            None,
            now.other,
        )  # fmt: skip
        self._steps.append(step)
        if carried is not None:
            self._carried.append(carried)
        self._compare(index, again=again)

    def land_all(self) -> None:
        """Let the snapshots that are still under way take effect."""
        self._land(self._carried, len(self._ordered))

    def _is_fact_of(self, index: int, entry: Entry) -> bool:
        return not self._aggregate.immutable and is_same_fact(self._ordered[index], entry)

    def _weigh(self, index: int, told: str, seen: str | None) -> _Carried | None:
        """The snapshot of a late entry, if it is shown to be newer than its event."""
        entry, place = self._ordered[index], len(self._steps)
        at, updates = entry.key[0], self._aggregate.updated_at
        named = rendered_after(self._aggregate, entry)
        if updates is not None and updates(entry.payload) is not None:
            # it decides alone
            if named is None or named - at <= TOLERANCE:
                return None
            return _Carried(entry, place, seen, named, named + SECOND, named)
        after = self._evidence(index, named)
        # what never began has no status that a snapshot could contradict
        if after is None and (seen is None or told in {seen, self._life.initial}):
            return None
        until = entry.event.sent_at + SECOND
        return _Carried(entry, place, seen, max(after or at, named or at), until, named)

    def _evidence(self, index: int, named: datetime | None) -> datetime | None:
        """The moment after which a late snapshot was rendered, though its status tells nothing."""
        entry, ordered = self._ordered[index], self._ordered
        following = ordered[index + 1].key[0] if index + 1 < len(ordered) else None
        if earlier := told_before(ordered, index):
            sent = [
                e.event.sent_at for e in earlier if e.event.webhook_id == entry.event.webhook_id
            ]
            if sent:
                # another body under the same id: it was rendered again
                return sent[-1]
            first = self._steps[-len(earlier)]
            return None if is_raced(self._aggregate, ordered, index, first) else entry.key[0]
        named = named if named and named - entry.key[0] > TOLERANCE else None
        if named is not None and (following is None or following <= named):
            return named
        return following if contradicts_neighbours(ordered, index) else None

    def _follow_other(self, entry: Entry, *, again: bool, settled: bool) -> None:
        """Let an entry happen in the other reading too, until both agree."""
        other = self._now.other
        if other is None:
            return
        status = other.status
        if not again:
            status = self._life.step(status, entry.type) or status
        if settled or status == self._now.status:
            self._now.other = None
        elif status != other.status:
            at = entry.key[0]
            self._now.other = Reading(status, at, at, other.state)

    def _compare(self, index: int, *, again: bool) -> None:
        """See how well the snapshots under way fit behind the present fact."""
        ahead = self._ordered[index + 1].key[0] if index + 1 < len(self._ordered) else None
        entry, now = self._ordered[index], self._now
        for carried in [*self._carried]:
            if carried.arrived and not again and carried.seen is not None:
                led = self._life.step(carried.seen, entry.type)
                carried.doubted = carried.doubted or led == now.status
            if ahead is not None and ahead <= carried.after:
                continue
            carried.arrived = True
            if carried.seen not in {None, now.status}:
                continue
            state = self._aggregate.evolve(now.state, carried.entry.payload)
            differs = len(differing(now.state, state)) if self._pinned else 0
            at_once = self._slot_at - carried.entry.key[0] <= TOLERANCE
            if self._pinned and not differs and at_once and carried.entry is not entry:
                # a burst explains it: it may have been rendered in these seconds, and no later
                self._carried.remove(carried)
            elif carried.slot is None or differs <= carried.differs:
                carried.slot, carried.differs = self._slot, differs

    def _land(self, landing: Sequence[_Carried], index: int) -> None:
        """Let snapshots take effect before the fact at ``index``, in the order of rendering."""
        for carried in sorted(landing, key=_by_rendering):
            self._carried.remove(carried)
            if carried.slot is not None and carried.slot != self._slot:
                continue
            # another one that has just landed may have moved the status
            if carried.slot is not None and carried.seen in {None, self._now.status}:
                self._show(carried)
            elif carried.seen is not None:
                until = carried.until + TOLERANCE - SECOND
                rest = self._ordered[index:]
                if not is_explained(self._life, self._now.status, carried.seen, rest, until):
                    self._infer(carried, carried.seen)

    def _show(self, carried: _Carried) -> None:
        """Let a snapshot whose status the facts explain supply the fields."""
        now, progress = self._now, self._aggregate.progress
        state = self._aggregate.evolve(now.state, carried.entry.payload)
        if progress and any(map(int.__lt__, progress(state), progress(now.state))):
            return  # what only grows has grown since
        if carried.seen is not None:
            now.other = None
        self._take_effect(carried, now.status, state, None)

    def _infer(self, carried: _Carried, seen: str) -> None:
        """Follow a snapshot whose status no fact explains: an event is missing."""
        now, life = self._now, self._life
        before, silent = now.status, life.is_silent(now.status, seen)
        missing = () if silent else life.missing(before, (seen,))
        other = None
        if carried.doubted and not silent:
            other = Reading(now.status, now.since, now.not_before, now.state)
        state = self._aggregate.evolve(now.state, carried.entry.payload)
        now.move(seen, self._moment(carried), max(self._slot_at, carried.after))
        now.other = other
        self._take_effect(carried, before, state, other)
        step = self._steps[carried.place]
        if step.verdict in {"applied", "confirmed"}:
            verdict: Verdict = "applied" if silent else "inferred"
            self._steps[carried.place] = structs.replace(step, verdict=verdict, missing=missing)

    def _take_effect(
        self,
        carried: _Carried,
        before: str,
        state: Any,  # noqa: ANN401 - of the aggregate's type
        other: Reading[Any] | None,
    ) -> None:
        now = self._now
        shown = Shown(self._moment(carried), before, now.status, now.state, state, other)
        now.state, now.supplies = state, carried.entry.event.position
        step = self._steps[carried.place]
        self._steps[carried.place] = structs.replace(step, shown=shown)

    def _moment(self, carried: _Carried) -> datetime:
        """From when on a snapshot counts: as late as can be, unless it names a moment itself."""
        if carried.named is not None and carried.named > self._slot_at:
            return carried.named
        return max(self._slot_at, carried.entry.event.sent_at)

    def _keep_open(self, until: datetime) -> None:
        known = self._now.open_until
        self._now.open_until = until if known is None else max(known, until)


def _window(entry: Entry) -> datetime:
    return entry.event.sent_at + TOLERANCE


def _by_rendering(carried: _Carried) -> tuple[Any, ...]:
    return (carried.after, *carried.entry.key[2:])
