"""A snapshot that was rendered after its event, on its way to the moment from which it counts."""

from typing import Any

from msgspec import Struct, field, structs

from domain.catalog import Aggregate
from domain.events import Entry
from domain.rendering import Rendered, differing

AGREES, UNKNOWN, DIFFERS = 0, 1, 2
"""How well a snapshot fits after a fact: it shows the same; what was true then is not known; it
differs, by as many more as there are fields that differ."""


class Carried(Struct):
    """A snapshot under way.

    Attributes:
        payload: what it shows, without what belongs to its event.
        place: where its entry's step stands.
        seen: its status, None where it shows none that is known.
        rendered: between which moments it was rendered.
        slot: the fact after which it fits best; ``fit`` says how well.
        silent: the fact after which the provider may have moved to its status silently.
        arrived: the statuses under which it can have been rendered so far.
        doubted: whether it can also have been rendered before a later fact, which then
            leads to another status.
    """

    entry: Entry
    payload: Any
    place: int
    seen: str | None
    rendered: Rendered
    slot: int | None = None
    fit: int = AGREES
    silent: int | None = None
    arrived: set[str] = field(default_factory=set)
    doubted: bool = False

    def compare(self, slot: int, fit: int) -> None:
        """Keep the place that fits best, the latest of several."""
        if self.slot is None or fit <= self.fit:
            self.slot, self.fit = slot, fit


def fit_of(aggregate: Aggregate, state: Any, payload: Any, *, pinned: bool) -> int:  # noqa: ANN401
    """How well a snapshot fits a state, which is certain only where a snapshot pins it."""
    differs = len(differing(state, aggregate.evolve(state, payload)))
    if not differs:
        return AGREES
    return DIFFERS + differs if pinned else UNKNOWN


def by_rendering(carried: Carried) -> tuple[Any, ...]:
    """The order in which snapshots were rendered."""
    return (carried.rendered.after, *carried.entry.key[2:])


def evolved(aggregate: Aggregate, state: Any, entry: Entry) -> Any:  # noqa: ANN401
    """The state after the snapshot of an entry; what a row of a list leaves out is kept."""
    after = aggregate.evolve(state, entry.payload)
    if state is None or entry.observed is None or not entry.observed.lacks:
        return after
    # what another field of the row told is not lost; a payment's subscriptions are in several
    lost = [name for name in entry.observed.lacks if getattr(after, name, after) is None]
    kept = {name: getattr(state, name) for name in lost}
    return structs.replace(after, **kept)


def with_fact(aggregate: Aggregate, state: Any, payload: Any) -> Any:  # noqa: ANN401
    """A state with the fields that belong to an event, and nothing else of its payload."""
    facts = {name: getattr(payload, name) for name in aggregate.of_fact}
    facts = {name: value for name, value in facts.items() if value is not None}
    return structs.replace(state, **facts) if facts else state


def without_fact(aggregate: Aggregate, payload: Any) -> Any:  # noqa: ANN401
    """A payload without the fields that belong to its event."""
    names = aggregate.of_fact
    return structs.replace(payload, **dict.fromkeys(names)) if names else payload
