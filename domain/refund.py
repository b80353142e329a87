"""A refund of a payment, whole or in part, and its lifecycle.

Source of the table: the provider's event list and its ``RefundStatus``; ``pending`` and
``review`` have no event.
"""

from typing import Literal, get_args

from msgspec import Struct, field

from domain.machine import SILENT, Lifecycle
from domain.payload import Customer, Metadata, Minor, Moment, Name

Status = Literal["succeeded", "failed", "pending", "review"]

# fmt: off
LIFECYCLE = Lifecycle("refund", get_args(Status), initial="pending", rows=[
    # event              from                                to           in words
    ("refund.failed",    ("pending", "review", "failed"),    "failed",    "{it} failed"),
    ("refund.succeeded", ("pending", "review", "succeeded"), "succeeded", "{it} succeeded"),
    (SILENT,             "pending",                          "review",    ""),
    (SILENT,             "review",                           "pending",   ""),
])
# fmt: on

AMOUNT = "amount"
"""The amount by which a person knows it, in minor units of ``currency``."""

BEGAN = {"*": "created_at"}
"""Which field says when a status began, where the resource is read at the provider."""


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read; ``amount`` in minor units of ``currency``."""

    id: Name = field(name="refund_id")
    status: str | None = None
    customer: Customer | None = None
    payment_id: Name | None = None
    created_at: Moment | None = None
    amount: Minor | None = None
    currency: Name | None = None
    is_partial: bool | None = None
    metadata: Metadata | None = None

    @property
    def who(self) -> Customer | None:
        """The customer who is refunded."""
        return self.customer


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a refund so far, without its status."""

    id: str
    customer_id: str | None
    payment_id: str | None
    created_at: Moment | None
    amount: int | None
    currency: str | None
    is_partial: bool | None


def evolve(state: State | None, seen: Payload) -> State:
    """The state after ``seen``: its fields win; an absent link or required field is kept."""
    known = state or _UNKNOWN
    return State(
        id=seen.id,
        customer_id=seen.customer.customer_id if seen.customer else known.customer_id,
        payment_id=seen.payment_id or known.payment_id,
        created_at=seen.created_at or known.created_at,
        amount=seen.amount,
        currency=seen.currency,
        is_partial=known.is_partial if seen.is_partial is None else seen.is_partial,
    )


_UNKNOWN = State("", *(None,) * 6)
