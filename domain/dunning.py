"""A dunning attempt: the provider's mails after a failed renewal, and its lifecycle.

The payload has no id. An attempt is known by its subscription and by when it was made: both events
of the published examples carry the same ``created_at``. Its end without success has no event.
"""

from typing import Literal, get_args

from msgspec import Struct

from domain.machine import SILENT, START, Lifecycle
from domain.payload import Customer, Moment, Name, normal_moment

Status = Literal["recovering", "recovered", "exhausted"]

# fmt: off
LIFECYCLE = Lifecycle("dunning", get_args(Status), initial=START, rows=[
    # event               from                                      to            in words
    ("dunning.started",   (START, "recovering"),                    "recovering", "reminders of {it} began"),
    ("dunning.recovered", ("recovering", "exhausted", "recovered"), "recovered",  "the customer paid after a reminder of {it}"),
    (SILENT,              "recovering",                             "exhausted",  ""),
])
# fmt: on


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read."""

    subscription_id: Name
    status: str | None = None
    customer_id: Name | None = None
    trigger_state: Name | None = None
    created_at: Moment | None = None
    payment_id: Name | None = None

    @property
    def id(self) -> str:
        """``subscription_id:created_at`` in UTC, as ``sub_1:20260503T100200.000000Z``."""
        made = self.created_at and normal_moment(self.created_at)
        return f"{self.subscription_id}:{made:%Y%m%dT%H%M%S.%fZ}" if made else self.subscription_id

    @property
    def who(self) -> Customer | None:
        """The customer who is reminded; the payload has only the id."""
        return Customer(self.customer_id) if self.customer_id else None


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a dunning attempt so far, without its status."""

    id: str
    customer_id: str | None
    subscription_id: str
    trigger_state: str | None
    created_at: Moment | None
    payment_id: str | None


def evolve(state: State | None, seen: Payload) -> State:
    """The state after the snapshot ``seen``: its fields win, an absent link is kept."""
    return State(
        id=seen.id,
        customer_id=seen.customer_id or (state.customer_id if state else None),
        subscription_id=seen.subscription_id,
        trigger_state=seen.trigger_state or (state.trigger_state if state else None),
        created_at=seen.created_at,
        payment_id=seen.payment_id or (state.payment_id if state else None),
    )
