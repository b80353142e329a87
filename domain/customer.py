"""What all events together say of a customer.

The provider sends no event of its own for customers: they appear inside other payloads, some of
which know no more than the id. The merge is commutative and idempotent, so that no order of
events and no duplicate can change it.
"""

from datetime import datetime

from msgspec import Struct

from domain.events import Key
from domain.payload import Customer


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


def see(known: dict[str, State], customer: Customer, key: Key, position: int) -> None:
    """Add what one event says of a customer to what is known, by id."""
    before = known.get(customer.customer_id)
    email, name, first, details = customer.email, customer.name, key[0], None
    if email is not None or name is not None:
        details = (key, position)
    if before is not None:
        first, last = min(first, before.occurred_at), max(position, before.position)
        if details is None or (before.details is not None and before.details > details):
            email, name, details = before.email, before.name, before.details
        position = last
    known[customer.customer_id] = State(customer.customer_id, email, name, first, position, details)


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
