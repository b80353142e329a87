"""A subscription: what the provider says of it, and its lifecycle.

Source of the table: the provider's guide "Subscriptions", section "State Machine", and the event
pages next to it. Where the guide is silent the row says so.
"""

from typing import Literal, get_args

from msgspec import Struct, field

from domain.machine import Lifecycle
from domain.payload import Count, Customer, Metadata, Minor, Moment, Name, Words

Status = Literal[
    "pending", "active", "past_due", "on_hold", "paused", "cancelled", "expired", "failed"
]

# fmt: off
LIFECYCLE = Lifecycle("subscription", get_args(Status), initial="pending", rows=[
    # event                                from                                                      to           in words
    ("subscription.active",                ("pending", "active", "on_hold", "past_due"),             "active",    "{it} was activated"),
    # fires for the first period too, and may carry the earlier instant of the two
    ("subscription.renewed",               ("pending", "active", "on_hold", "past_due"),             "active",    "a period of {it} was paid"),
    ("subscription.plan_changed",          ("active", "past_due", "on_hold", "paused"),              "=",         "the plan of {it} was changed"),
    ("subscription.past_due",              ("active", "past_due"),                                   "past_due",  "a renewal of {it} failed, within its grace period"),
    ("subscription.on_hold",               ("active", "past_due", "paused", "on_hold"),              "on_hold",   "{it} was put on hold: a payment failed"),
    # from on_hold: the hold of an unpaid pause settlement; its event is undocumented
    ("subscription.paused",                ("active", "on_hold", "paused"),                          "paused",    "{it} was paused"),
    ("subscription.unpaused",              ("paused", "on_hold", "active"),                          "active",    "{it} was resumed"),
    ("subscription.cancelled",             ("active", "past_due", "on_hold", "paused", "cancelled"), "cancelled", "{it} was cancelled"),
    # from cancelled: one guide ends a scheduled cancellation so, another calls cancelled the end
    ("subscription.expired",               ("active", "cancelled", "expired"),                       "expired",   "the term of {it} ended"),
    ("subscription.failed",                ("pending", "failed"),                                    "failed",    "the mandate for {it} could not be made"),
    ("subscription.update_payment_method", ("pending", "active", "past_due", "on_hold", "paused"),   "=",         "the payment method of {it} was replaced"),
    ("subscription.updated",               "*",                                                      "=",         "something about {it} changed"),
])
# fmt: on

AMOUNT = "recurring_pre_tax_amount"
"""The amount by which a person knows it, in minor units of ``currency``."""


TIMES = ("previous_billing_date", "cancelled_at", "paused_at")
"""The moments of the past in a snapshot: it was rendered after them."""


OF_FACT = ("payment_id",)
"""A renewal names its own payment, however late it is rendered."""

WEBHOOK_ONLY = {"past_due_ends_at": "past_due", "payment_id": "*"}
"""Fields that only webhooks carry, each with its status (``*``: any).

A resource that was read in that status does not take the field away.
"""

BEGAN = {"active": "previous_billing_date", "cancelled": "cancelled_at", "paused": "paused_at"}
"""Which field says when a status began, where the resource is read at the provider."""


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read; amounts in minor units of ``currency``."""

    id: Name = field(name="subscription_id")
    status: str | None = None
    customer: Customer | None = None
    product_id: Name | None = None
    product_name: Words | None = None
    created_at: Moment | None = None
    previous_billing_date: Moment | None = None
    next_billing_date: Moment | None = None
    cancel_at_next_billing_date: bool | None = None
    cancelled_at: Moment | None = None
    expires_at: Moment | None = None
    past_due_ends_at: Moment | None = None
    paused_at: Moment | None = None
    trial_period_days: Count | None = None
    quantity: Count | None = None
    recurring_pre_tax_amount: Minor | None = None
    currency: Name | None = None
    payment_frequency_interval: Name | None = None
    payment_frequency_count: Count | None = None
    payment_id: Name | None = None
    on_demand: bool | None = None
    metadata: Metadata | None = None

    @property
    def who(self) -> Customer | None:
        """The subscriber; reported absent on some lifecycle events."""
        return self.customer


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a subscription so far, without its status.

    ``next_billing_date`` is the end of the current billing period, ``previous_billing_date`` its
    start. ``grace_ends_at`` is the latest ``past_due_ends_at`` that was told, which the provider sends
    only while past_due. ``payment_id`` is the payment of the latest renewal: only ``subscription.renewed``
    carries one. ``on_demand`` is a mandate that is charged at will, and not each period.
    ``told_pending`` is whether pending was told, and after it no status that this version does not
    know: the customer has not begun.
    """

    id: str
    customer_id: str | None
    product_id: str | None
    created_at: Moment | None
    previous_billing_date: Moment | None
    next_billing_date: Moment | None
    cancel_at_next_billing_date: bool
    cancelled_at: Moment | None
    expires_at: Moment | None
    past_due_ends_at: Moment | None
    grace_ends_at: Moment | None
    trial_period_days: int | None
    quantity: int | None
    recurring_pre_tax_amount: int | None
    currency: str | None
    payment_frequency_interval: str | None
    payment_frequency_count: int | None
    payment_id: str | None
    on_demand: bool
    told_pending: bool


def evolve(state: State | None, seen: Payload) -> State:
    """The state after ``seen``: its fields win; an absent link or required field is kept."""
    known = state or _UNKNOWN
    ends, days = seen.cancel_at_next_billing_date, seen.trial_period_days
    interval, count = seen.payment_frequency_interval, seen.payment_frequency_count
    amount = seen.recurring_pre_tax_amount
    # in the order of the fields: by their names it would take three times as long
    return State(
        seen.id,
        seen.customer.customer_id if seen.customer else known.customer_id,
        seen.product_id or known.product_id,
        seen.created_at or known.created_at,
        seen.previous_billing_date or known.previous_billing_date,
        seen.next_billing_date or known.next_billing_date,
        known.cancel_at_next_billing_date if ends is None else ends,
        seen.cancelled_at,
        seen.expires_at,
        seen.past_due_ends_at,
        seen.past_due_ends_at or known.grace_ends_at,
        known.trial_period_days if days is None else days,
        known.quantity if seen.quantity is None else seen.quantity,
        known.recurring_pre_tax_amount if amount is None else amount,
        seen.currency or known.currency,
        interval or known.payment_frequency_interval,
        known.payment_frequency_count if count is None else count,
        seen.payment_id or known.payment_id,
        known.on_demand if seen.on_demand is None else seen.on_demand,
        _told_pending(known, seen.status),
    )


def _told_pending(known: State, status: str | None) -> bool:
    if status is None or (status in LIFECYCLE.known and status != LIFECYCLE.initial):
        return known.told_pending
    return status.lower() == LIFECYCLE.initial


_UNKNOWN = State("", *(None,) * 5, False, *(None,) * 11, False, False)
