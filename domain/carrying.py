"""The part of the fold that weighs evidence: whatever does not simply follow the lifecycle.

A snapshot that was rendered later than its event is carried along the facts that happened before it
was sent, compared with the state after each, and lands where it fits best.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import structs

from domain.carried import AGREES, DIFFERS, Carried, by_rendering, fit_of
from domain.catalog import Aggregate
from domain.events import Entry, Verdict
from domain.rendering import (
    SECOND,
    TOLERANCE,
    is_explained,
    is_late,
    is_repeated,
    is_same_fact,
    rendered_later,
)
from domain.steps import Current, Reading, Shown, Step, judge

_MOST_CARRIED = 32
"""So many snapshots are under way at a time at most: the first of more lands before its window
ends, so that a stream costs no more than its length."""


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
    if start:
        carrier.begin_fact(ordered[start - 1], start - 1)
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
        self._carried: list[Carried] = []
        # which fact was the last one, when it happened, and whether its snapshot pins the state
        self._slot, self._slot_at, self._pinned = 0, last, True
        # the step of the first telling of that fact, and when each webhook-id told it last
        self._first, self._told_at = 0, dict[str, datetime]()

    def begin_fact(self, entry: Entry, place: int) -> None:
        """Remember who tells of a fact first."""
        self._first, self._told_at = place, {entry.event.webhook_id: entry.event.sent_at}

    def enter(self, index: int) -> None:
        """Let one entry happen."""
        entry, now, life = self._ordered[index], self._now, self._life
        at, late = entry.key[0], is_late(entry)
        if self._carried:
            self._land([c for c in self._carried if c.rendered.until <= at], index)
        again = index > 0 and self._is_fact_of(index - 1, entry)
        before = now.status
        fact = before if again else life.step(before, entry.type)
        told = before if fact is None else fact
        seen = entry.status if entry.status in life.known else None
        immutable = self._aggregate.immutable
        repeated = again and is_repeated(self._ordered, index, self._aggregate.updated_at)
        rendered = None
        if late and not (immutable or repeated):
            # what an event can lead to agrees with it, though the status before is not known
            agreeing = seen if fact is None and seen in life.targets(entry.type) else told
            first = self._steps[self._first] if again else None
            sent_at = self._told_at.get(entry.event.webhook_id) if again else None
            rendered = rendered_later(
                self._aggregate, self._ordered, index, agreeing or told, seen, first, sent_at
            )
        stands = not repeated and rendered is None
        followed = stands and seen is not None and seen != told
        explained = (
            followed
            and not life.is_silent(told, seen or "")
            and is_explained(life, told, seen or "", self._ordered, index + 1, _window(entry))
        )
        after = seen if followed and not explained and seen else told
        prior = now.state
        if stands or prior is None:
            now.state = self._aggregate.evolve(prior, entry.payload)
            now.supplies = entry.event.position
        elif rendered is not None:
            now.state = self._with_fact(prior, entry.payload)
        previous = self._slot_at
        if again:
            self._told_at[entry.event.webhook_id] = entry.event.sent_at
        else:
            self._slot, self._slot_at = self._slot + 1, at
            self._pinned = stands and not late and not explained
            self.begin_fact(entry, len(self._steps))
        if after != told or (late and not immutable):
            self._keep_open(_window(entry))
        if after != before:
            now.move(after, at, at if after == told else previous)
        self._follow_other(entry, again=again, settled=stands and not late and seen == after)
        verdict, missing = judge(life, entry, before, fact, after)
        step = Step(
            entry, before, told, after, verdict, explained or rendered is not None,
            bool(self._marks) and self._marks[index], entry.event.revision > 0, missing, prior,
            now.state, stands, None, now.other,
        )  # fmt: skip
        self._steps.append(step)
        if rendered is not None:
            payload = self._without_fact(entry.payload)
            place = len(self._steps) - 1
            self._carried.append(Carried(entry, payload, place, seen, rendered))
            if len(self._carried) > _MOST_CARRIED:
                self._land([min(self._carried, key=by_rendering)], index + 1)
        self._compare(index, again=again)

    def _with_fact(self, state: Any, payload: Any) -> Any:  # noqa: ANN401 - of the aggregate's type
        """A state with the fields that belong to an event, and nothing else of its payload."""
        told = {name: getattr(payload, name) for name in self._aggregate.of_fact}
        told = {name: value for name, value in told.items() if value is not None}
        return structs.replace(state, **told) if told else state

    def _without_fact(self, payload: Any) -> Any:  # noqa: ANN401 - of the aggregate's type
        names = self._aggregate.of_fact
        return structs.replace(payload, **dict.fromkeys(names)) if names else payload

    def land_all(self) -> None:
        """Let the snapshots that are still under way take effect."""
        self._land(self._carried, len(self._ordered))

    def _is_fact_of(self, index: int, entry: Entry) -> bool:
        return not self._aggregate.immutable and is_same_fact(self._ordered[index], entry)

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
            if ahead is not None and ahead <= carried.rendered.after:
                continue
            carried.arrived.add(now.status)
            if carried.seen not in {None, now.status}:
                if self._life.is_silent(now.status, carried.seen or ""):
                    carried.silent = self._slot
                continue
            fit = fit_of(self._aggregate, now.state, carried.payload, pinned=self._pinned)
            latest = max(self._slot_at, carried.rendered.after)
            at_once = latest - carried.entry.key[0] <= TOLERANCE
            if self._pinned and fit == AGREES and at_once and carried.entry is not entry:
                # a burst explains it: it may have been rendered in these seconds, and no later
                self._carried.remove(carried)
            else:
                carried.compare(self._slot, fit)

    def _land(self, landing: Sequence[Carried], index: int) -> None:
        """Let snapshots take effect before the fact at ``index``, in the order of rendering."""
        for carried in sorted(landing, key=by_rendering):
            self._carried.remove(carried)
            places = {carried.slot, carried.silent} - {None}
            elsewhere = bool(places) and self._slot not in places
            if elsewhere and carried.fit < DIFFERS:
                continue  # it fits an earlier moment, of which later ones tell more
            # another one that has just landed may have moved the status
            if carried.seen in {None, self._now.status}:
                if not elsewhere:
                    self._show(carried)
            elif carried.seen is not None:
                carried.doubted = carried.doubted or elsewhere
                self._land_status(carried, carried.seen, index)

    def _land_status(self, carried: Carried, seen: str, index: int) -> None:
        until = carried.rendered.until + TOLERANCE - SECOND
        if is_explained(self._life, self._now.status, seen, self._ordered, index, until):
            return
        if self._leads_only_from_before(carried, seen):
            self._mark_missing(carried, seen)
        else:
            self._infer(carried, seen)

    def _leads_only_from_before(self, carried: Carried, seen: str) -> bool:
        """Whether events lead to a status from an earlier one, and from the present one none do."""
        life, now = self._life, self._now.status
        if life.is_silent(now, seen) or life.missing(now, (seen,)):
            return False
        return any(life.missing(before, (seen,)) for before in carried.arrived)

    def _mark_missing(self, carried: Carried, seen: str) -> None:
        """Say of a snapshot of the past which events would explain it."""
        paths = [self._life.missing(before, (seen,)) for before in sorted(carried.arrived)]
        missing = min((path for path in paths if path), key=len)
        step = self._steps[carried.place]
        self._steps[carried.place] = structs.replace(step, verdict="inferred", missing=missing)

    def _show(self, carried: Carried) -> None:
        """Let a snapshot whose status the facts explain supply the fields."""
        now, progress = self._now, self._aggregate.progress
        state = self._aggregate.evolve(now.state, carried.payload)
        if progress and any(map(int.__lt__, progress(state), progress(now.state))):
            return  # what only grows has grown since
        if carried.seen is not None:
            now.other = None
        self._take_effect(carried, now.status, state, None)

    def _infer(self, carried: Carried, seen: str) -> None:
        """Follow a snapshot whose status no fact explains: an event is missing."""
        now, life = self._now, self._life
        before, silent = now.status, life.is_silent(now.status, seen)
        missing = () if silent else life.missing(before, (seen,))
        other = None
        if carried.doubted and not silent:
            other = Reading(now.status, now.since, now.not_before, now.state)
        state = self._aggregate.evolve(now.state, carried.payload)
        now.move(seen, self._moment(carried), self._slot_at)
        now.other = other
        self._take_effect(carried, before, state, other)
        step = self._steps[carried.place]
        if step.verdict in {"applied", "confirmed"}:
            verdict: Verdict = "applied" if silent else "inferred"
            self._steps[carried.place] = structs.replace(step, verdict=verdict, missing=missing)

    def _take_effect(
        self,
        carried: Carried,
        before: str,
        state: Any,  # noqa: ANN401 - of the aggregate's type
        other: Reading[Any] | None,
    ) -> None:
        now = self._now
        shown = Shown(self._moment(carried), before, now.status, now.state, state, other)
        now.state, now.supplies = state, carried.entry.event.position
        step = self._steps[carried.place]
        self._steps[carried.place] = structs.replace(step, shown=shown)

    def _moment(self, carried: Carried) -> datetime:
        """From when on a snapshot counts: as late as can be, unless it names a moment itself."""
        named = carried.rendered.named
        if named is not None and named >= self._slot_at:
            return named
        return max(self._slot_at, min(carried.entry.event.sent_at, carried.rendered.until))

    def _keep_open(self, until: datetime) -> None:
        known = self._now.open_until
        self._now.open_until = until if known is None else max(known, until)


def _window(entry: Entry) -> datetime:
    return entry.event.sent_at + TOLERANCE
