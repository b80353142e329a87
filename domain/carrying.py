"""The part of the fold that weighs evidence: whatever does not simply follow the lifecycle.

A snapshot that was rendered later than its event is carried along the facts that happened before it
was sent, compared with the state after each, and lands where it fits best.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.carried import evolved, with_fact
from domain.catalog import Aggregate
from domain.events import TOLERANCE, Entry
from domain.rendering import (
    Rendered,
    is_explained,
    is_late,
    is_repeated,
    is_same_fact,
    rendered_later,
)
from domain.steps import Current, Reading, Step, judge
from domain.under_way import UnderWay


def carry(  # noqa: PLR0913, PLR0917 - all that the fold has
    aggregate: Aggregate,
    ordered: Sequence[Entry],
    start: int,
    marks: Sequence[bool],
    current: Current,
    steps: list[Step],
    last: datetime,
) -> int:
    """Fold entries from ``start`` on: ``current`` moves, and ``steps`` gets theirs.

    ``last`` is when the entry before the first of ``ordered`` happened.

    Returns:
        The place of the first entry that is left: behind it nothing is under way, and it tells of
        another fact than the one before it.
    """
    before = ordered[start - 1].key[0] if start else last
    carrier = _Carrier(aggregate, ordered, marks, current, steps, before, start)
    for index in range(start, len(ordered)):
        carrier.enter(index)
        if carrier.is_idle(index):
            return index + 1
    carrier.land_all()
    return len(ordered)


class _Carrier:
    def __init__(  # noqa: PLR0913, PLR0917 - all that the fold has
        self,
        aggregate: Aggregate,
        ordered: Sequence[Entry],
        marks: Sequence[bool],
        current: Current,
        steps: list[Step],
        last: datetime,
        start: int,
    ) -> None:
        self._aggregate, self._life = aggregate, aggregate.lifecycle
        self._ordered, self._marks = ordered, marks
        self._now, self._steps = current, steps
        self._under_way = UnderWay(aggregate, ordered, current, steps, last)
        # the position of the first report of that fact, and when each webhook-id last sent it
        self._first = max(start - 1, 0)
        self._last_sent: dict[str, datetime] | None = None

    def enter(self, index: int) -> None:
        """Let one entry happen."""
        entry, now, life = self._ordered[index], self._now, self._life
        at, late, observed = entry.key[0], is_late(entry), entry.observed is not None
        if self._under_way.carried:
            self._under_way.land_until(at, index)
        again = index > 0 and self._is_fact_of(index - 1, entry)
        before = now.status
        fact = before if again or observed else life.step(before, entry.type)
        implied = before if fact is None else fact
        seen = entry.status if entry.status in life.known else None
        immutable = self._aggregate.immutable
        repeated = again and is_repeated(self._ordered, index, self._aggregate.updated_at)
        rendered = None
        if late and not (immutable or repeated):
            rendered = self._rendered_later(
                index, implied, seen, again=again, allowed=fact is not None
            )
        stands = not repeated and rendered is None
        explained = stands and self._is_explained(index, implied, seen)
        after = seen if stands and not explained and seen else implied
        prior = now.state
        self._evolve(entry, stands=stands, fact=rendered is not None)
        previous = self._under_way.slot_at
        if again:
            self._tellings()[entry.event.webhook_id] = entry.event.sent_at
        elif seen is not None or not observed:
            self._under_way.begin_fact(at, pinned=stands and not late and not explained)
            self._first, self._last_sent = index, None
        else:
            # a batch that begins after it knows no earlier moment
            self._under_way.slot_at = at
        if after != implied or (late and not immutable):
            self._keep_open(_window(entry))
        began = None
        if after != before:
            began = self._begun(entry, after, prior, previous) if observed else None
            doubt = self._doubt(at, prior) if observed else now.other
            now.move(after, *(began or (at, at if after == implied else previous)))
            now.other = doubt
        if now.other is not None:
            settled = stands and not late and seen == after and began is None
            self._follow_other(now.other, entry, again=again, settled=settled)
        verdict, missing = judge(life, entry, before, fact, after)
        step = Step(
            entry, before, implied, after, verdict, explained or rendered is not None,
            bool(self._marks) and self._marks[index], entry.event.revision > 0, missing, prior,
            now.state, stands, None, now.other, began,
        )  # fmt: skip
        self._steps.append(step)
        if rendered is not None:
            self._under_way.take_up(index, seen, rendered)
        if self._under_way.carried and (seen is not None or not observed):
            self._under_way.compare(index, again=again)

    def _is_explained(self, index: int, implied: str, seen: str | None) -> bool:
        """Whether facts of the same seconds explain a status that the fact alone does not."""
        if seen is None or seen == implied or self._life.is_silent(implied, seen):
            return False
        until = _window(self._ordered[index])
        return is_explained(self._life, implied, seen, self._ordered, index + 1, until)

    def _evolve(self, entry: Entry, *, stands: bool, fact: bool) -> None:
        """Let a snapshot count, or only what belongs to its event; the first one always counts."""
        now = self._now
        if stands or now.state is None:
            now.state = evolved(self._aggregate, now.state, entry)
            now.supplies = now.supplies.after(entry)
        elif fact:
            now.state = with_fact(self._aggregate, now.state, entry.payload)

    def _doubt(self, at: datetime, prior: Any) -> Reading[Any] | None:  # noqa: ANN401 - a state
        """The status before an observation, where an event of the last seconds led to it.

        A reading may come from a copy of the provider's data that has not heard of it.
        """
        now = self._now
        if prior is None or at - now.since > TOLERANCE:
            return None
        return Reading(now.status, now.since, now.not_before, prior)

    def _begun(
        self,
        entry: Entry,
        status: str,
        prior: Any,  # noqa: ANN401 - of the aggregate's type
        previous: datetime,
    ) -> tuple[datetime, datetime]:
        """Since when the status that an observation shows counts, and when it can have begun.

        It began after what was known before, unless nothing was.
        """
        at, made = entry.key[0], getattr(entry.payload, "created_at", None)
        earliest = previous if prior is not None else min(at, made or at)
        named = self._aggregate.began(status, entry.payload)
        return (named if named and earliest <= named <= at else at), earliest

    def _rendered_later(
        self, index: int, implied: str, seen: str | None, *, again: bool, allowed: bool
    ) -> Rendered | None:
        entry, life = self._ordered[index], self._life
        # what an event can lead to agrees with it, though the status before is not known
        if seen is not None and not allowed and seen in life.targets(entry.type):
            implied = seen
        first = self._steps[self._first] if again else None
        sent_at = self._tellings().get(entry.event.webhook_id) if again else None
        return rendered_later(self._aggregate, self._ordered, index, implied, seen, first, sent_at)

    def _tellings(self) -> dict[str, datetime]:
        """When each webhook-id last sent the current fact."""
        if self._last_sent is None:
            first = self._ordered[self._first].event
            self._last_sent = {first.webhook_id: first.sent_at}
        return self._last_sent

    def is_idle(self, index: int) -> bool:
        """Whether nothing is under way after an entry, and the next one tells of another fact."""
        if (
            self._under_way.carried
            or self._now.other is not None
            or index + 1 == len(self._ordered)
        ):
            return False
        return self._ordered[index + 1].key[:2] != self._ordered[index].key[:2]

    def land_all(self) -> None:
        """Let the snapshots that are still under way take effect."""
        self._under_way.land_until(None, len(self._ordered))

    def _is_fact_of(self, index: int, entry: Entry) -> bool:
        return not self._aggregate.immutable and is_same_fact(self._ordered[index], entry)

    def _follow_other(
        self, other: Reading[Any], entry: Entry, *, again: bool, settled: bool
    ) -> None:
        """Let an entry happen in the other reading too, until both agree."""
        status = other.status
        if not again:
            status = self._life.step(status, entry.type) or status
        if settled or status == self._now.status:
            self._now.other = None
        elif status != other.status:
            at = entry.key[0]
            self._now.other = Reading(status, at, at, other.state)

    def _keep_open(self, until: datetime) -> None:
        known = self._now.open_until
        self._now.open_until = until if known is None else max(known, until)


def _window(entry: Entry) -> datetime:
    return entry.event.sent_at + TOLERANCE
