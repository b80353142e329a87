"""A payout to the merchant's bank, and its lifecycle.

The provider's guide says that no status is final and none follows another by rule: a payout that
succeeded may fail later and be returned. So every event is allowed from every status.
"""

from typing import Literal, get_args

from msgspec import Struct, field

from domain.machine import START, Lifecycle
from domain.payload import Customer, Minor, Moment, Name

Status = Literal["not_initiated", "in_progress", "on_hold", "failed", "success"]

# fmt: off
LIFECYCLE = Lifecycle("payout", get_args(Status), initial=START, rows=[
    # event                from                      to               in words
    ("payout.created",     (START, "not_initiated"), "not_initiated", "{it} was queued"),
    ("payout.in_progress", "*",                      "in_progress",   "{it} is on its way"),
    ("payout.on_hold",     "*",                      "on_hold",       "{it} was held"),
    ("payout.success",     "*",                      "success",       "{it} arrived"),
    ("payout.failed",      "*",                      "failed",        "{it} failed"),
])
# fmt: on

AMOUNT = "amount"
"""The amount by which a person knows it, in minor units of ``currency``."""

BEGAN = {"*": "updated_at"}
"""Which field says when a status began, where the resource is read at the provider."""


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read; amounts in minor units of ``currency``."""

    id: Name = field(name="payout_id")
    status: str | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    amount: Minor | None = None
    fee: Minor | None = None
    currency: Name | None = None

    @property
    def who(self) -> Customer | None:
        """Nobody: a payout is the merchant's own."""
        return None


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a payout so far, without its status."""

    id: str
    created_at: Moment | None
    updated_at: Moment | None
    amount: int | None
    fee: int | None
    currency: str | None


def evolve(state: State | None, seen: Payload) -> State:
    """The state after ``seen``: its fields win; an absent one is kept."""
    known = state or _UNKNOWN
    return State(
        id=seen.id,
        created_at=seen.created_at or known.created_at,
        updated_at=seen.updated_at or known.updated_at,
        amount=known.amount if seen.amount is None else seen.amount,
        fee=known.fee if seen.fee is None else seen.fee,
        currency=seen.currency or known.currency,
    )


_UNKNOWN = State("", *(None,) * 5)
