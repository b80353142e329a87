"""A resource's document as facts: what stands on top of its page, and the rows of its list."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from domain.currency import minor
from service.queries.snapshots import JSON

Kind = Literal["text", "money", "moment", "id", "status", "flag"]

LISTED: Mapping[str, tuple[str, ...]] = {
    "customers": ("name", "email", "created_at"),
    "subscriptions": ("product_id", "recurring_pre_tax_amount", "next_billing_date"),
    "payments": ("total_amount", "refund_status", "created_at"),
    "refunds": ("amount", "payment_id", "created_at"),
    "disputes": ("amount", "respond_by", "created_at"),
    "license_keys": ("key", "product_id", "expires_at"),
    "entitlement_grants": ("entitlement_id", "integration_type", "delivered_at"),
    "payouts": ("amount", "fee", "created_at"),
    "credits": ("credit_entitlement_id", "balance", "created_at"),
    "checkouts": ("abandonment_reason", "abandoned_at", "created_at"),
    "dunning": ("subscription_id", "trigger_state", "created_at"),
}
"""The columns of each list, after the id, the status and the customer."""

_BESIDE = ("status", "stale", "customer", "customer_id", "currency", "settlement_currency")
"""What a row of a list needs besides its key and its columns."""

SHOWN: Mapping[str, tuple[str, ...]] = {
    "subscriptions": (
        "product_id", "recurring_pre_tax_amount", "payment_frequency_count",
        "payment_frequency_interval", "quantity", "previous_billing_date", "next_billing_date",
        "paid_until", "cancel_at_next_billing_date", "cancelled_at", "past_due_ends_at",
        "expires_at", "trial_period_days", "on_demand", "created_at",
    ),
    "payments": (
        "total_amount", "tax", "settlement_amount", "refund_status", "subscription_id",
        "invoice_id", "payment_method", "card_network", "card_last_four", "error_code",
        "error_message", "created_at",
    ),
    "refunds": ("amount", "is_partial", "payment_id", "reason", "created_at"),
    "disputes": (
        "amount", "dispute_stage", "payment_id", "respond_by", "reason", "is_resolved_by_rdr",
        "created_at",
    ),
    "license_keys": (
        "key", "product_id", "subscription_id", "payment_id", "activations_limit",
        "instances_count", "expires_at", "created_at",
    ),
    "entitlement_grants": (
        "entitlement_id", "integration_type", "subscription_id", "payment_id", "delivered_at",
        "revoked_at", "revocation_reason", "error_message", "created_at",
    ),
    "payouts": ("amount", "fee", "tax", "payment_method", "created_at", "updated_at"),
    "credits": ("credit_entitlement_id", "amount", "balance", "overage", "created_at"),
    "checkouts": ("payment_id", "abandonment_reason", "abandoned_at", "created_at"),
    "dunning": ("subscription_id", "payment_id", "trigger_state", "created_at"),
    "customers": ("email", "name", "phone_number", "created_at"),
}  # fmt: skip
"""The facts on top of each page; the whole document is below them."""

_MONEY = {
    "total_amount": "currency", "recurring_pre_tax_amount": "currency", "tax": "currency",
    "settlement_amount": "settlement_currency", "fee": "currency", "amount": "currency",
}  # fmt: skip
_IDS = {
    "subscription_id": "subscription", "payment_id": "payment", "customer_id": "customer",
    "refund_id": "refund", "dispute_id": "dispute",
}  # fmt: skip
_TIMES = ("_at", "_date", "_until", "_by")


class Fact(Struct, frozen=True):
    """A named value, and how it is written; ``about`` is the currency, or the kind of the id."""

    name: str
    kind: Kind
    value: Any
    about: str | None = None


def plain(document: Mapping[str, Any], names: Iterable[str] = ()) -> dict[str, Any]:
    """A document as JSON has it, without structs and without bytes that wait to be decoded.

    With ``names``, only those of its fields.
    """
    chosen = {name: document[name] for name in names if name in document} or document
    decoded: dict[str, Any] = JSON.decode(msgspec.json.encode(chosen))
    return decoded


def listed(document: Mapping[str, Any], name: str, key: str) -> dict[str, Any]:
    """What the list of this name shows of a document, as JSON has it."""
    return plain(document, (key, *LISTED.get(name, ()), *_BESIDE))


def fact(document: Mapping[str, Any], name: str) -> Fact:
    """One fact of a plain document."""
    value = document.get(name)
    currency = document.get(_MONEY.get(name, ""))
    if isinstance(currency, str) and currency and (amount := minor(value, currency)) is not None:
        return Fact(name, "money", amount, currency)
    if name in _IDS and isinstance(value, str):
        return Fact(name, "id", value, _IDS[name])
    if isinstance(value, bool):
        return Fact(name, "flag", value)
    if name.endswith(_TIMES) and _is_moment(value):
        return Fact(name, "moment", value)
    return Fact(name, "text", value)


def facts(document: Mapping[str, Any], names: Iterable[str]) -> list[Fact]:
    """The facts that a plain document has, in the order of their names."""
    return [fact(document, name) for name in names if document.get(name) is not None]


def customer_of(document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The id of a plain document's customer, and what to call them."""
    customer = document.get("customer")
    if isinstance(customer, dict) and isinstance(customer.get("customer_id"), str):
        known = [customer.get(name) for name in ("name", "email", "customer_id")]
        return customer["customer_id"], next(str(one) for one in known if one)
    identity = document.get("customer_id")
    return (identity, identity) if isinstance(identity, str) else (None, None)


def _is_moment(value: object) -> bool:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        # UTC has no such year for some in other zones
        return at is not None and at.tzinfo is not None and bool(at.astimezone(UTC))
    except (ValueError, OverflowError):
        return False
