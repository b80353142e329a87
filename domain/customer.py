"""The state of a customer, merged from all events that name them.

The provider sends no events about customers: they appear inside other payloads, some of which have
only the id. The e-mail address and the name each come from the latest payload that has them. A
payload is rendered at some moment between its event and its sending:

- A payload that was sent within seconds of its event is *pinned*: its values held at the event.
- A value of a late payload also holds at its event if a pinned payload had shown it by then.
  Otherwise it is newer than the event, and counts from the sending of the payload.

The state keeps a first, a last and a late sighting of each value. So the merge is commutative and
idempotent: neither the order of the events nor a duplicate changes the result.
"""

from datetime import datetime

from msgspec import Struct

from domain.events import TOLERANCE, Key
from domain.payload import Customer

_MAX_VALUES = 16
"""The number of values kept of an attribute, the latest ones.

From this number on, a value keeps only its newest sighting, and a late one counts from its sending:
a more exact answer would need the dropped values.
"""

Sighting = tuple[Key, int]
"""The key and the position of an event whose payload has a value."""

_Place = tuple[datetime, bool, Sighting]


class Value(Struct, frozen=True, array_like=True, gc=False):
    """One value of an attribute, and its sightings.

    Attributes:
        first: the moment of the first pinned sighting.
        last: the last pinned sighting.
        late: the late sighting that was sent last.
    """

    text: str
    first: datetime | None
    last: Sighting | None
    late: Sighting | None


Values = tuple[Value, ...]
"""All values of an attribute, sorted by text."""


class State(Struct, frozen=True, array_like=True, gc=False):
    """A customer.

    Attributes:
        occurred_at: when the first event that names the customer happened.
        position: the highest position of an event that names the customer.
    """

    id: str
    occurred_at: datetime
    position: int
    email_values: Values
    name_values: Values

    @property
    def email(self) -> str | None:
        """The current e-mail address."""
        return next(iter(self.emails), None)

    @property
    def emails(self) -> tuple[str, ...]:
        """All known e-mail addresses, the newest first."""
        return tuple(text for _, text in _ranked(self.email_values))

    @property
    def name(self) -> str | None:
        """The current name."""
        return next((text for _, text in _ranked(self.name_values)), None)

    @property
    def details_position(self) -> int | None:
        """The position of the event with the newest address or name; None without either."""
        newest = [r[0][0] for r in map(_ranked, (self.email_values, self.name_values)) if r]
        return max(newest)[2][1] if newest else None


def see(known: dict[str, State], customer: Customer, key: Key, position: int) -> None:
    """Add the customer of one event to the ``known`` ones."""
    before = known.get(customer.customer_id)
    emails = before.email_values if before else ()
    names = before.name_values if before else ()
    if customer.email:
        emails = _with(emails, customer.email, (key, position))
    if customer.name:
        names = _with(names, customer.name, (key, position))
    first, last = key[0], position
    if before is not None:
        first, last = min(first, before.occurred_at), max(last, before.position)
    known[customer.customer_id] = State(customer.customer_id, first, last, emails, names)


class Sightings(Struct, gc=False):
    """The sightings of one description of a customer in many events.

    ``first`` and ``last`` are the outermost pinned sightings; ``late`` is the late one that was
    sent last; ``occurred_at`` and ``position`` are as in ``State``.
    """

    first: Sighting | None
    last: Sighting | None
    late: Sighting | None
    occurred_at: datetime
    position: int


def note(known: dict[Customer, Sightings], customer: Customer, key: Key, position: int) -> None:
    """Add the customer of one event to the sightings of each description.

    Cheaper than ``see`` for many events; ``state_of`` makes states of the sightings.
    """
    at, sighting, before = key[0], (key, position), known.get(customer)
    if key[2] - at > TOLERANCE:
        if before is None:
            known[customer] = Sightings(None, None, sighting, at, position)
            return
        if before.late is None or _sent(sighting) > _sent(before.late):
            before.late = sighting
    elif before is None:
        known[customer] = Sightings(sighting, sighting, None, at, position)
        return
    elif before.last is None or sighting > before.last:
        before.last = sighting
        before.first = before.first or sighting
    elif before.first is None or sighting < before.first:
        before.first = sighting
    before.occurred_at = min(at, before.occurred_at)
    before.position = max(position, before.position)


def state_of(customer: Customer, sightings: Sightings) -> State:
    """The state of a customer from one description of them."""
    first = sightings.first[0][0] if sightings.first else None

    def values(text: str | None) -> Values:
        return (Value(text, first, sightings.last, sightings.late),) if text else ()

    emails, names = values(customer.email), values(customer.name)
    return State(customer.customer_id, sightings.occurred_at, sightings.position, emails, names)


def merge(left: State, right: State) -> State:
    """The state of a customer from two states of the same customer."""
    return State(
        left.id,
        min(left.occurred_at, right.occurred_at),
        max(left.position, right.position),
        _merged(left.email_values, right.email_values),
        _merged(left.name_values, right.name_values),
    )


def gather(known: dict[str, State], state: State) -> None:
    """Merge a state into the ``known`` ones."""
    before = known.get(state.id)
    known[state.id] = merge(before, state) if before else state


def _with(values: Values, text: str, sighting: Sighting) -> Values:
    """The values of an attribute after one more sighting."""
    occurred_at, sent_at = sighting[0][0], sighting[0][2]
    if sent_at - occurred_at > TOLERANCE:
        return _merged(values, (Value(text, None, None, sighting),))
    if len(values) == 1:
        # the usual case: another sighting of the only value
        only = values[0]
        if only.text == text and only.last is not None and sighting > only.last:
            return (Value(text, only.first, sighting, only.late),)
    return _merged(values, (Value(text, occurred_at, sighting, None),))


def _merged(left: Values, right: Values) -> Values:
    values = {value.text: value for value in left}
    for value in right:
        before = values.get(value.text)
        values[value.text] = _joined(before, value) if before else value
    kept = [*values.values()]
    if len(values) >= _MAX_VALUES:
        kept = sorted(map(_shortened, kept), key=_newest_sent)[-_MAX_VALUES:]
    return tuple(sorted(kept, key=lambda value: value.text))


def _joined(left: Value, right: Value) -> Value:
    """The sightings of the same value on both sides."""
    first, last, late = left.first, left.last, left.late
    if first is None or (right.first is not None and right.first < first):
        first = right.first
    if last is None or (right.last is not None and right.last > last):
        last = right.last
    if late is None or (right.late is not None and _sent(right.late) > _sent(late)):
        late = right.late
    return Value(left.text, first, last, late)


def _shortened(value: Value) -> Value:
    """The value with only its newest sighting."""
    if value.late and _newest_sent(value)[1]:
        return Value(value.text, None, None, value.late)
    return Value(value.text, None, value.last, None)


def _sent(sighting: Sighting) -> _Place:
    """The place of a late sighting whose value is newer than its event."""
    return sighting[0][2], True, sighting


def _newest_sent(value: Value) -> _Place:
    """The newest place of a value, if late sightings are newer than their events."""
    last = [(value.last[0][0], False, value.last)] if value.last else []
    return max([*last, *([_sent(value.late)] if value.late else [])])


def _newest(value: Value) -> _Place:
    """The newest place of a value."""
    if value.late is None or value.first is None or value.late[0][0] < value.first:
        return _newest_sent(value)
    # a pinned payload had shown it by then: it need not be newer than its event
    return max((s[0][0], False, s) for s in (value.last, value.late) if s)


def _ranked(values: Values) -> list[tuple[_Place, str]]:
    """The values of an attribute with their newest places, the newest first."""
    return sorted(((_newest(value), value.text) for value in values), reverse=True)
