"""A dispute of a payment (a chargeback or its forerunner), and its lifecycle.

Source of the table: the provider's guide "Disputes" and its event list. The provider's own
statuses carry the prefix ``dispute_``; ours do not.
"""

from typing import Literal, get_args

from msgspec import Struct, field

from domain.machine import START, Lifecycle
from domain.payload import Customer, Digits, Minor, Moment, Name

Status = Literal["opened", "expired", "accepted", "cancelled", "challenged", "won", "lost"]

_DECIDED = ("won", "lost", "cancelled", "accepted", "expired")

# fmt: off
LIFECYCLE = Lifecycle("dispute", get_args(Status), initial=START, rows=[
    # event                from                                                            to            in words
    # from a decision: the next stage under the same id; undocumented, taken as possible
    ("dispute.opened",     (START, "opened", *_DECIDED),                                   "opened",     "the customer opened {it}"),
    ("dispute.challenged", ("opened", "challenged"),                                       "challenged", "evidence was submitted for {it}"),
    # from challenged to accepted, cancelled or expired: undocumented, taken as possible
    ("dispute.accepted",   ("opened", "challenged", "accepted"),                           "accepted",   "the merchant accepted {it}"),
    ("dispute.cancelled",  ("opened", "challenged", "cancelled"),                          "cancelled",  "{it} was withdrawn"),
    ("dispute.expired",    ("opened", "challenged", "expired"),                            "expired",    "{it} expired without a decision"),
    ("dispute.won",        ("challenged", "won"),                                          "won",        "{it} was decided for the merchant"),
    # from the start and from opened: rapid dispute resolution decides at once. From accepted and
    # expired: both are said to end in a loss
    ("dispute.lost",       (START, "opened", "challenged", "accepted", "expired", "lost"), "lost",       "{it} was decided against the merchant"),
])
# fmt: on

AMOUNT = "amount"
"""The amount by which a person knows it, in minor units of ``currency``."""

BEGAN = {"opened": "created_at"}
"""Which field says when a status began, where the resource is read at the provider."""

AWAITING: Status = "opened"
"""The status in which a dispute awaits an answer."""


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read.

    ``amount`` is in minor units of ``currency``: a string by the guide, a number in the provider's
    own fixture.
    """

    id: Name = field(name="dispute_id")
    status: str | None = field(name="dispute_status", default=None)
    customer: Customer | None = None
    payment_id: Name | None = None
    dispute_stage: Name | None = None
    created_at: Moment | None = None
    amount: Digits | Minor | None = None
    currency: Name | None = None
    is_resolved_by_rdr: bool | None = None

    @property
    def who(self) -> Customer | None:
        """The customer; the provider's SDK leaves it out, its examples carry it."""
        return self.customer


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a dispute so far, without its status."""

    id: str
    customer_id: str | None
    payment_id: str | None
    dispute_stage: str | None
    created_at: Moment | None
    amount: int | None
    currency: str | None
    is_resolved_by_rdr: bool | None


def evolve(state: State | None, seen: Payload) -> State:
    """The state after ``seen``: its fields win; an absent link or required field is kept."""
    known = state or _UNKNOWN
    amount = None if seen.amount is None else int(seen.amount)
    return State(
        id=seen.id,
        customer_id=seen.customer.customer_id if seen.customer else known.customer_id,
        payment_id=seen.payment_id or known.payment_id,
        dispute_stage=seen.dispute_stage or known.dispute_stage,
        created_at=seen.created_at or known.created_at,
        amount=known.amount if amount is None else amount,
        currency=seen.currency or known.currency,
        is_resolved_by_rdr=seen.is_resolved_by_rdr,
    )


_UNKNOWN = State("", *(None,) * 7)
