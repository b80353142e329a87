"""Customers, as the events describe them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from domain.customer import State, Values, see
from domain.events import Entry
from domain.payload import Customer
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One customer; ``snapshot_position`` is the event with the newest details."""

    customer_id: str
    email: str | None
    name: str | None
    created_at: datetime
    position: int
    snapshot_position: int | None
    memo: bytes


class Known(Struct, frozen=True, gc=False):
    """A customer, and how payloads described them.

    Attributes:
        state: the customer after some events.
        descriptions: those in these events; what earlier ones told may be left out.
    """

    state: State
    descriptions: Collection[Customer]


def known_after(entries: Iterable[Entry], before: Mapping[str, State]) -> list[Known]:
    """The customers that ``entries`` name, from what was known ``before`` them, by id."""
    states = dict(before)
    described: dict[str, dict[Customer, None]] = {}
    for entry in entries:
        if (customer := entry.customer) is not None:
            new = described.setdefault(customer.customer_id, {})
            if _tells_more(customer, states.get(customer.customer_id)):
                new[customer] = None
            see(states, customer, entry.key, entry.event.position)
    return [Known(states[one], descriptions) for one, descriptions in described.items()]


def _tells_more(customer: Customer, state: State | None) -> bool:
    return state is None or not (
        _contains(state.email_values, customer.email)
        and _contains(state.name_values, customer.name)
    )


def _contains(values: Values, text: str | None) -> bool:
    return not text or any(value.text == text for value in values)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(State)


def rows(known: Known) -> tuple[Row]:
    """The row of a customer; ``created_at`` is when the first event that names them happened."""
    state = known.state
    row = Row(
        customer_id=state.id,
        email=state.email,
        name=state.name,
        created_at=state.occurred_at,
        position=state.position,
        snapshot_position=state.details_position,
        memo=_ENCODER.encode(state),
    )
    return (row,)


def recall(memo: bytes) -> State:
    """The state that is stored in a row."""
    return _DECODER.decode(memo)


CUSTOMERS = Projection[Known](
    name="customers",
    source="customer",
    key="customer_id",
    columns=Row,
    rows=rows,
    filters=("email",),
    sorts=("created_at",),
)
