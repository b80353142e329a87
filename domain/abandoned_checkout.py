"""An abandoned checkout, identified by its incomplete payment, and its lifecycle.

The provider tells when it is detected (an hour or more after it was left) and when a later payment
recovers it; the mails in between, their end and an opt-out have no event.
"""

from typing import Literal, get_args

from msgspec import Struct, field

from domain.machine import SILENT, START, Lifecycle
from domain.payload import Customer, Moment, Name

Status = Literal["abandoned", "recovering", "recovered", "exhausted", "opted_out"]

# fmt: off
LIFECYCLE = Lifecycle("abandoned_checkout", get_args(Status), initial=START, rows=[
    # event                          from                                                                to            in words
    ("abandoned_checkout.detected",  (START, "abandoned"),                                               "abandoned",  "{it} was left unfinished"),
    ("abandoned_checkout.recovered", ("abandoned", "recovering", "exhausted", "opted_out", "recovered"), "recovered",  "a later payment completed {it}"),
    (SILENT,                         "abandoned",                                                        "recovering", ""),
    (SILENT,                         ("abandoned", "recovering"),                                        "exhausted",  ""),
    (SILENT,                         ("abandoned", "recovering"),                                        "opted_out",  ""),
])
# fmt: on

NOUN = "checkout"
"""What a sentence calls it."""


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read."""

    id: Name = field(name="payment_id")
    status: str | None = None
    customer_id: Name | None = None
    abandonment_reason: Name | None = None
    abandoned_at: Moment | None = None
    recovered_payment_id: Name | None = None

    @property
    def who(self) -> Customer | None:
        """The customer who left it; the payload has only the id."""
        return Customer(self.customer_id) if self.customer_id else None


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of an abandoned checkout so far, without its status."""

    id: str
    customer_id: str | None
    abandonment_reason: str | None
    created_at: Moment | None
    recovered_payment_id: str | None


def evolve(state: State | None, seen: Payload) -> State:
    """The state after the snapshot ``seen``; it was made when it was abandoned."""
    known = state or _UNKNOWN
    return State(
        id=seen.id,
        customer_id=seen.customer_id or known.customer_id,
        abandonment_reason=seen.abandonment_reason or known.abandonment_reason,
        created_at=seen.abandoned_at or known.created_at,
        recovered_payment_id=seen.recovered_payment_id or known.recovered_payment_id,
    )


_UNKNOWN = State("", *(None,) * 4)
