"""A payment: one attempt to charge a customer, and its lifecycle.

Source of the table: the provider's event list and its ``IntentStatus``. Only four of the eleven
statuses have an event of their own; a 3D Secure challenge arrives as ``payment.processing`` with
the status ``requires_customer_action``.
"""

from typing import Literal, get_args

from msgspec import Struct, field

from domain.machine import SILENT, START, Lifecycle
from domain.payload import Customer, Metadata, Minor, Moment, Name

Status = Literal[
    "succeeded", "failed", "cancelled", "processing",
    "requires_customer_action", "requires_merchant_action", "requires_payment_method",
    "requires_confirmation", "requires_capture",
    "partially_captured", "partially_captured_and_capturable",
]  # fmt: skip

_OPEN = ("processing", *(s for s in get_args(Status) if s.startswith(("requires", "partially"))))

# fmt: off
LIFECYCLE = Lifecycle("payment", get_args(Status), initial=START, group=("open", _OPEN), rows=[
    # event                from                                    to                                   in words
    # from failed: a customer may try again on the hosted page; whether that keeps the
    # payment_id is undocumented
    ("payment.processing", (START, *_OPEN, "failed"),              "processing",                        "{it} is being processed"),
    ("payment.failed",     (START, *_OPEN, "failed"),              "failed",                            "{it} was declined or failed"),
    ("payment.cancelled",  (START, *_OPEN, "cancelled"),           "cancelled",                         "{it} was cancelled"),
    ("payment.succeeded",  (START, *_OPEN, "failed", "succeeded"), "succeeded",                         "{it} succeeded"),
    (SILENT,               _OPEN,                                  "processing",                        ""),
    (SILENT,               _OPEN,                                  "requires_customer_action",          ""),
    (SILENT,               _OPEN,                                  "requires_merchant_action",          ""),
    (SILENT,               _OPEN,                                  "requires_payment_method",           ""),
    (SILENT,               _OPEN,                                  "requires_confirmation",             ""),
    (SILENT,               _OPEN,                                  "requires_capture",                  ""),
    (SILENT,               _OPEN,                                  "partially_captured",                ""),
    (SILENT,               _OPEN,                                  "partially_captured_and_capturable", ""),
])
# fmt: on

AMOUNT = "total_amount"
"""The amount by which a person knows it, in minor units of ``currency``."""


class Period(Struct, frozen=True, array_like=False, gc=False):
    """A period of a subscription that a payment paid for; told only when it succeeded."""

    subscription_id: Name
    ends_at: Moment
    starts_at: Moment | None = None


class Purchase(Struct, frozen=True, gc=False):
    """A product that a payment paid for."""

    product_id: Name


class Listed(Struct, frozen=True, gc=False):
    """A refund or a dispute of a payment, as the payment lists it."""

    created_at: Moment | None = None


TIMES = ("listed_at",)
"""The moments of the past in a snapshot without ``updated_at``: it was rendered after them."""

BEGAN = {"*": "created_at"}
"""Which field says when a status began (``*``: any), where the resource is read at the provider.

A payment is decided within minutes of its beginning, and names no later moment in a list.
"""


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read; amounts in minor units of their currency."""

    id: Name = field(name="payment_id")
    status: str | None = None
    customer: Customer | None = None
    subscription_id: Name | None = None
    created_at: Moment | None = None
    total_amount: Minor | None = None
    tax: Minor | None = None
    currency: Name | None = None
    settlement_amount: Minor | None = None
    settlement_tax: Minor | None = None
    settlement_currency: Name | None = None
    product_cart: tuple[Purchase, ...] | None = None
    refund_status: Name | None = None
    invoice_id: Name | None = None
    is_update_payment_method: bool | None = None
    subscription_ids: tuple[Name, ...] | None = None
    service_periods: tuple[Period, ...] | None = None
    updated_at: Moment | None = None
    refunds: tuple[Listed, ...] | None = None
    disputes: tuple[Listed, ...] | None = None
    metadata: Metadata | None = None

    @property
    def listed_at(self) -> Moment | None:
        """When the latest refund or dispute that it lists was made."""
        listed = (*(self.refunds or ()), *(self.disputes or ()))
        return max((item.created_at for item in listed if item.created_at), default=None)

    @property
    def who(self) -> Customer | None:
        """The paying customer."""
        return self.customer


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a payment so far, without its status.

    ``subscription_ids`` are all that it pays for: the provider's ``subscription_id`` is null where
    there are several. ``periods`` are the authority on how long each is paid for. ``product_ids``
    are those of its cart; of a renewal, the provider may show none.
    """

    id: str
    customer_id: str | None
    subscription_ids: tuple[str, ...]
    periods: tuple[Period, ...]
    created_at: Moment | None
    total_amount: int | None
    currency: str | None
    settlement_amount: int | None
    settlement_currency: str | None
    refund_status: str | None
    invoice_id: str | None
    is_update_payment_method: bool
    refunds: int
    disputes: int
    product_ids: tuple[str, ...]


def progress(state: State) -> tuple[int, ...]:
    """What of a payment only grows: how much was refunded, and how often it was disputed."""
    refunded = {"partial": 1, "full": 2}.get(state.refund_status or "", 0)
    return refunded, state.refunds, state.disputes


def evolve(state: State | None, seen: Payload) -> State:
    """The state after ``seen``: its fields win; an absent link or required field is kept."""
    known = state or _UNKNOWN
    settled, updates = seen.settlement_amount, seen.is_update_payment_method
    # in the order of the fields: by their names it would take three times as long
    return State(
        seen.id,
        seen.customer.customer_id if seen.customer else known.customer_id,
        _subscriptions(known, seen),
        seen.service_periods or known.periods,
        seen.created_at or known.created_at,
        known.total_amount if seen.total_amount is None else seen.total_amount,
        seen.currency or known.currency,
        known.settlement_amount if settled is None else settled,
        seen.settlement_currency or known.settlement_currency,
        seen.refund_status,
        seen.invoice_id or known.invoice_id,
        known.is_update_payment_method if updates is None else updates,
        known.refunds if seen.refunds is None else len(seen.refunds),
        known.disputes if seen.disputes is None else len(seen.disputes),
        _products(known, seen),
    )


def _products(known: State, seen: Payload) -> tuple[str, ...]:
    if seen.product_cart is None:
        return known.product_ids
    return tuple(dict.fromkeys(one.product_id for one in seen.product_cart))


def _subscriptions(known: State, seen: Payload) -> tuple[str, ...]:
    one = (seen.subscription_id,) if seen.subscription_id else ()
    of_periods = tuple(period.subscription_id for period in seen.service_periods or ())
    return tuple(
        sorted({*known.subscription_ids, *one, *(seen.subscription_ids or ()), *of_periods})
    )


_UNKNOWN = State("", None, (), (), *(None,) * 7, False, 0, 0, ())
