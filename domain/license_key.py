"""A licence key, and its lifecycle.

The provider tells only of its creation. Keys are disabled and enabled again with their
subscription, or expire, without any event (the provider's guide "License keys").
"""

from typing import Literal, get_args

from msgspec import Struct

from domain.machine import SILENT, START, Lifecycle
from domain.payload import Customer, Moment, Name

Status = Literal["active", "expired", "disabled"]

# fmt: off
LIFECYCLE = Lifecycle("license_key", get_args(Status), initial=START, rows=[
    # event                 from                    to          in words
    ("license_key.created", (START, "active"),      "active",   "{it} was made"),
    (SILENT,                "active",               "disabled", ""),
    (SILENT,                "disabled",             "active",   ""),
    (SILENT,                ("active", "disabled"), "expired",  ""),
])
# fmt: on

NOUN = "licence key"
"""What a sentence calls it."""

BEGAN = {"active": "created_at"}
"""Which field says when a status began, where the resource is read at the provider."""


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read."""

    id: Name
    status: str | None = None
    customer_id: Name | None = None
    product_id: Name | None = None
    subscription_id: Name | None = None
    payment_id: Name | None = None
    created_at: Moment | None = None
    expires_at: Moment | None = None
    key: Name | None = None

    @property
    def who(self) -> Customer | None:
        """The holder; the payload has only the id."""
        return Customer(self.customer_id) if self.customer_id else None


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a licence key so far, without its status."""

    id: str
    customer_id: str | None
    product_id: str | None
    subscription_id: str | None
    payment_id: str | None
    created_at: Moment | None
    expires_at: Moment | None
    key: str | None


def evolve(state: State | None, seen: Payload) -> State:
    """The state after the snapshot ``seen``: its fields win, an absent link is kept."""
    known = state or _UNKNOWN
    return State(
        id=seen.id,
        customer_id=seen.customer_id or known.customer_id,
        product_id=seen.product_id or known.product_id,
        subscription_id=seen.subscription_id or known.subscription_id,
        payment_id=seen.payment_id or known.payment_id,
        created_at=seen.created_at or known.created_at,
        expires_at=seen.expires_at,
        key=seen.key or known.key,
    )


_UNKNOWN = State("", *(None,) * 7)
