"""The parameters of the provider's lists."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

Moment = Annotated[datetime, Meta(tz=True)]

SubscriptionStatus = Literal[
    "pending", "active", "on_hold", "paused", "cancelled", "failed", "expired", "past_due"
]
PaymentStatus = Literal[
    "succeeded", "failed", "cancelled", "processing", "requires_customer_action",
    "requires_merchant_action", "requires_payment_method", "requires_confirmation",
    "requires_capture", "partially_captured", "partially_captured_and_capturable",
]  # fmt: skip
DisputeStatus = Literal[
    "dispute_opened", "dispute_expired", "dispute_accepted", "dispute_cancelled",
    "dispute_challenged", "dispute_won", "dispute_lost",
]  # fmt: skip
GrantStatus = Literal["Pending", "Delivered", "Failed", "Revoked"]


class PageQuery(Struct, frozen=True, kw_only=True):
    """What every list takes; a list without the filters of time ignores them."""

    page_number: Annotated[int, Meta(ge=0)] = 0
    page_size: Annotated[int, Meta(ge=1, le=100)] = 10
    created_at_gte: Moment | None = None
    created_at_lte: Moment | None = None


class SubscriptionsQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /subscriptions``."""

    brand_id: str | None = None
    cancel_at_next_billing_date: bool | None = None
    customer_id: str | None = None
    product_id: str | None = None
    status: SubscriptionStatus | None = None


class PaymentsQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /payments``."""

    brand_id: str | None = None
    currency: str | None = None
    customer_id: str | None = None
    product_id: str | None = None
    status: PaymentStatus | None = None
    subscription_id: str | None = None


class RefundsQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /refunds``."""

    customer_id: str | None = None
    status: Literal["succeeded", "failed", "pending", "review"] | None = None
    subscription_id: str | None = None


class DisputesQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /disputes``."""

    customer_id: str | None = None
    dispute_stage: Literal["pre_dispute", "dispute", "pre_arbitration"] | None = None
    dispute_status: DisputeStatus | None = None


class LicenseKeysQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /license_keys``."""

    customer_id: str | None = None
    product_id: str | None = None
    source: Literal["auto", "import", "manual"] | None = None
    status: Literal["active", "expired", "disabled"] | None = None


class InstancesQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /license_key_instances``."""

    grant_id: str | None = None
    license_key_id: str | None = None


class CustomersQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /customers``."""

    email: str | None = None
    name: str | None = None


class PayoutsQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /payouts``."""


class GrantsQuery(PageQuery, frozen=True, kw_only=True):
    """The lists of entitlement grants."""

    customer_id: str | None = None
    integration_type: str | None = None
    status: GrantStatus | None = None


class BalancesQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /credit-entitlements/{id}/balances``."""

    customer_id: str | None = None


class LedgerQuery(PageQuery, frozen=True, kw_only=True):
    """``GET /credit-entitlements/{id}/balances/{customer_id}/ledger``."""

    start_date: Moment | None = None
    end_date: Moment | None = None
    transaction_type: str | None = None
