"""Snapshots under way: compared with the state after each fact, they land where they fit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import structs

from domain.carried import AGREES, DIFFERS, Carried, by_rendering, fit_of, without_fact
from domain.catalog import Aggregate
from domain.events import TOLERANCE, Entry, Verdict
from domain.rendering import SECOND, Rendered, is_explained
from domain.steps import Current, Reading, Shown, Step

_MOST = 32
"""So many are under way at a time at most: the first of more lands before its window ends, so that
a stream costs no more than its length."""


class UnderWay:
    """Snapshots that were rendered later than their events, on their way along later facts.

    Attributes:
        carried: the snapshots.
        slot: the number of the last fact; ``slot_at`` is when it happened.
        pinned: whether that fact's own snapshot shows what was true then.
    """

    def __init__(
        self,
        aggregate: Aggregate,
        ordered: Sequence[Entry],
        current: Current,
        steps: list[Step],
        last: datetime,
    ) -> None:
        self._aggregate, self._life = aggregate, aggregate.lifecycle
        self._ordered, self._now, self._steps = ordered, current, steps
        self.carried: list[Carried] = []
        self.slot, self.slot_at, self.pinned = 0, last, True

    def begin_fact(self, at: datetime, *, pinned: bool) -> None:
        """Let another fact happen."""
        self.slot, self.slot_at, self.pinned = self.slot + 1, at, pinned

    def take_up(self, index: int, seen: str | None, rendered: Rendered) -> None:
        """Carry on the snapshot of an entry, which has just happened."""
        entry = self._ordered[index]
        payload = without_fact(self._aggregate, entry.payload)
        place = len(self._steps) - 1
        self.carried.append(Carried(entry, payload, place, seen, rendered))
        if len(self.carried) > _MOST:
            self.land([min(self.carried, key=by_rendering)], index + 1)

    def compare(self, index: int, *, again: bool) -> None:
        """See how well the snapshots under way fit behind the present fact."""
        ahead = self._ordered[index + 1].key[0] if index + 1 < len(self._ordered) else None
        entry, now = self._ordered[index], self._now
        for carried in [*self.carried]:
            if carried.arrived and not again and carried.seen is not None:
                led = self._life.step(carried.seen, entry.type)
                carried.doubted = carried.doubted or led == now.status
            if ahead is not None and ahead <= carried.rendered.after:
                continue
            carried.arrived.add(now.status)
            if carried.seen not in {None, now.status}:
                if self._life.is_silent(now.status, carried.seen or ""):
                    carried.silent = self.slot
                continue
            fit = fit_of(self._aggregate, now.state, carried.payload, pinned=self.pinned)
            latest = max(self.slot_at, carried.rendered.after)
            at_once = latest - carried.entry.key[0] <= TOLERANCE
            if self.pinned and fit == AGREES and at_once and carried.entry is not entry:
                # a burst explains it: it may have been rendered in these seconds, and no later
                self.carried.remove(carried)
            else:
                carried.compare(self.slot, fit)

    def land_until(self, at: datetime | None, index: int) -> None:
        """Let those land whose window ends before a moment, all for None; see ``land``."""
        ended = [c for c in self.carried if at is None or c.rendered.until <= at]
        if ended:
            self.land(ended, index)

    def land(self, landing: Sequence[Carried], index: int) -> None:
        """Let snapshots take effect before the fact at ``index``, in the order of rendering."""
        for carried in sorted(landing, key=by_rendering):
            self.carried.remove(carried)
            places = {carried.slot, carried.silent} - {None}
            elsewhere = bool(places) and self.slot not in places
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
        now.move(seen, self._moment(carried), self.slot_at)
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
        now.state, now.supplies = state, now.supplies.after(carried.entry)
        step = self._steps[carried.place]
        self._steps[carried.place] = structs.replace(step, shown=shown)

    def _moment(self, carried: Carried) -> datetime:
        """From when on a snapshot counts: as late as can be, unless it names a moment itself."""
        named = carried.rendered.named
        if named is not None and named >= self.slot_at:
            return named
        return max(self.slot_at, min(carried.entry.event.sent_at, carried.rendered.until))
