"""Customers, as the events describe them."""

from datetime import datetime

import msgspec
from msgspec import Struct

from domain.customer import State
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One customer; ``snapshot_position`` is the event that supplies the newest of the details."""

    customer_id: str
    email: str | None
    name: str | None
    created_at: datetime
    position: int
    snapshot_position: int | None
    memo: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(State)


def row(state: State) -> Row:
    """The row of a customer; ``created_at`` is when the first event that names them happened."""
    return Row(
        customer_id=state.id,
        email=state.email,
        name=state.name,
        created_at=state.occurred_at,
        position=state.position,
        snapshot_position=state.details_position,
        memo=_ENCODER.encode(state),
    )


def recall(memo: bytes) -> State:
    """The state that a row was made of."""
    return _DECODER.decode(memo)


CUSTOMERS = Projection[State](
    name="customers",
    key="customer_id",
    columns=Row,
    row=row,
    filters=("email",),
    sorts=("created_at",),
)
