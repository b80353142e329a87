"""What all events together say of a customer.

The provider sends no event of its own for customers: they appear inside other payloads, some of
which know no more than the id. The e-mail address and the name each come from the latest payload
that has them. A payload was rendered at some moment between its event and its sending:

- A payload that was sent within seconds of its event is *pinned*: it says what held at the event.
- A late payload stands at its own event too if a pinned one had shown its value by then. Otherwise
  the value is newer than the event, and counts from when the payload was sent.

What is kept of each value are a first, a last and a latest sighting. So the merge is commutative
and idempotent, and neither the order of the events nor a duplicate can change it.
"""

from datetime import datetime

from msgspec import Struct

from domain.events import TOLERANCE, Key
from domain.payload import Customer

_MOST = 16
"""How many values of an attribute are kept, the latest of them.

Where there are so many, a value keeps only the sighting where it is newest, and a late one counts
from when it was sent: to know more, what was dropped would have to be known too.
"""

Sighting = tuple[Key, int]
"""The key and the position of an event that shows a value."""

_Place = tuple[datetime, bool, Sighting]


class Value(Struct, frozen=True, array_like=True, gc=False):
    """One value of an attribute, and where it was seen.

    Attributes:
        first: the moment of the first pinned sighting.
        last: the last pinned sighting.
        late: of the late sightings, the one that was sent last.
    """

    text: str
    first: datetime | None
    last: Sighting | None
    late: Sighting | None


Values = tuple[Value, ...]
"""What an attribute has been, each value once, in the order of their texts."""


class State(Struct, frozen=True, array_like=True, gc=False):
    """A customer as the events describe them.

    Attributes:
        occurred_at: when the first event that names them happened.
        position: the highest position that names them.
    """

    id: str
    occurred_at: datetime
    position: int
    email_values: Values
    name_values: Values

    @property
    def email(self) -> str | None:
        """The address that they have now."""
        return next(iter(self.emails), None)

    @property
    def emails(self) -> tuple[str, ...]:
        """All known addresses, the newest first."""
        return tuple(text for _, text in _ranked(self.email_values))

    @property
    def name(self) -> str | None:
        """The name that they have now."""
        return next((text for _, text in _ranked(self.name_values)), None)

    @property
    def details_position(self) -> int | None:
        """The position of the event that supplies the newest of the details, if any does."""
        newest = [r[0][0] for r in map(_ranked, (self.email_values, self.name_values)) if r]
        return max(newest)[2][1] if newest else None


def see(known: dict[str, State], customer: Customer, key: Key, position: int) -> None:
    """Add what one event says of a customer to what is known, by id."""
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
    """Where one description of a customer was seen, by many events.

    ``first`` and ``last`` are the pinned sightings at either end, ``late`` is the late one that was
    sent last; ``occurred_at`` and ``position`` are as in ``State``.
    """

    first: Sighting | None
    last: Sighting | None
    late: Sighting | None
    occurred_at: datetime
    position: int


def note(known: dict[Customer, Sightings], customer: Customer, key: Key, position: int) -> None:
    """The same as ``see`` for many events: what they tell is put together by ``state_of``."""
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


def state_of(customer: Customer, seen: Sightings) -> State:
    """What a customer is, as far as one description tells."""
    first = seen.first[0][0] if seen.first else None

    def values(text: str | None) -> Values:
        return (Value(text, first, seen.last, seen.late),) if text else ()

    emails, names = values(customer.email), values(customer.name)
    return State(customer.customer_id, seen.occurred_at, seen.position, emails, names)


def merge(one: State, other: State) -> State:
    """What two states of the same customer say together."""
    return State(
        one.id,
        min(one.occurred_at, other.occurred_at),
        max(one.position, other.position),
        _merged(one.email_values, other.email_values),
        _merged(one.name_values, other.name_values),
    )


def gather(known: dict[str, State], one: State) -> None:
    """Add what one state says to those that are known, by id."""
    before = known.get(one.id)
    known[one.id] = merge(before, one) if before else one


def _with(values: Values, text: str, sighting: Sighting) -> Values:
    """The values of an attribute with one more sighting of one."""
    occurred_at, sent_at = sighting[0][0], sighting[0][2]
    if sent_at - occurred_at > TOLERANCE:
        return _merged(values, (Value(text, None, None, sighting),))
    if len(values) == 1:
        # nearly always: the one value that there is, seen again
        only = values[0]
        if only.text == text and only.last is not None and sighting > only.last:
            return (Value(text, only.first, sighting, only.late),)
    return _merged(values, (Value(text, occurred_at, sighting, None),))


def _merged(one: Values, other: Values) -> Values:
    values = {value.text: value for value in one}
    for value in other:
        before = values.get(value.text)
        values[value.text] = _joined(before, value) if before else value
    kept = [*values.values()]
    if len(values) >= _MOST:
        kept = sorted(map(_shortened, kept), key=_newest_sent)[-_MOST:]
    return tuple(sorted(kept, key=lambda value: value.text))


def _joined(one: Value, other: Value) -> Value:
    """What is known of one value from two sides."""
    first, last, late = one.first, one.last, one.late
    if first is None or (other.first is not None and other.first < first):
        first = other.first
    if last is None or (other.last is not None and other.last > last):
        last = other.last
    if late is None or (other.late is not None and _sent(other.late) > _sent(late)):
        late = other.late
    return Value(one.text, first, last, late)


def _shortened(value: Value) -> Value:
    if value.late and _newest_sent(value)[1]:
        return Value(value.text, None, None, value.late)
    return Value(value.text, None, value.last, None)


def _sent(sighting: Sighting) -> _Place:
    """The place of a late sighting that shows what is newer than its event."""
    return sighting[0][2], True, sighting


def _newest_sent(value: Value) -> _Place:
    """Where a value is newest, if all that was late is newer than its event."""
    last = [(value.last[0][0], False, value.last)] if value.last else []
    return max([*last, *([_sent(value.late)] if value.late else [])])


def _newest(value: Value) -> _Place:
    """Where a value is newest: at a pinned sighting, or at a late one."""
    if value.late is None or value.first is None or value.late[0][0] < value.first:
        return _newest_sent(value)
    # it had been seen by then: nothing says that it is newer than its event
    return max((s[0][0], False, s) for s in (value.last, value.late) if s)


def _ranked(values: Values) -> list[tuple[_Place, str]]:
    """The values of an attribute, the newest first, each with its place."""
    return sorted(((_newest(value), value.text) for value in values), reverse=True)
