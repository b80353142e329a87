"""What all events together say of a customer.

The provider sends no event of its own for customers: they appear inside other payloads, some of
which know no more than the id. The merge is commutative and idempotent, so that no order of
events and no duplicate can change it.
"""

from datetime import datetime

from msgspec import Struct

from domain.events import Entry, Key


class State(Struct, frozen=True, array_like=True):
    """A customer as the latest event with details describes them.

    Attributes:
        occurred_at: when the first event that names them happened.
        position: the highest position that names them.
        details: the key and position of the event whose details these are; None until one has any.
    """

    id: str
    email: str | None
    name: str | None
    occurred_at: datetime
    position: int
    details: tuple[Key, int] | None


def seen(entry: Entry) -> State:
    """The customer as one entry shows them; it must name one."""
    customer = entry.customer
    assert customer is not None, "the entry names no customer"  # noqa: S101
    position = entry.event.position
    detailed = customer.email is not None or customer.name is not None
    details = (entry.key, position) if detailed else None
    return State(
        customer.customer_id, customer.email, customer.name, entry.occurred_at, position, details
    )


def merge(one: State, other: State) -> State:
    """What two states of the same customer say together."""
    newest = one
    if other.details is not None and (one.details is None or other.details > one.details):
        newest = other
    return State(
        id=one.id,
        email=newest.email,
        name=newest.name,
        occurred_at=min(one.occurred_at, other.occurred_at),
        position=max(one.position, other.position),
        details=newest.details,
    )


def gather(known: dict[str, State], one: State) -> None:
    """Add what one state says to those that are known, by id."""
    before = known.get(one.id)
    known[one.id] = merge(before, one) if before else one
