"""The provider's resources with every field that its SDK names, as they are when they are made."""

from datetime import datetime

from msgspec import Struct

from service.sandbox.catalog import (
    BRAND,
    BUSINESS,
    CREDITS,
    CREDITS_NAME,
    CURRENCY,
    ENTITLEMENTS,
    PRODUCTS,
    ROLLOVER_PERCENT,
    Product,
)
from service.sandbox.happenings import Resource

_BILLING = {
    "city": "Berlin", "country": "DE", "state": "Berlin", "street": "Unter den Linden 1",
    "zipcode": "10117",
}  # fmt: skip
_NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Tony")


def customer(identity: str, at: datetime) -> Resource:
    """A customer as it is read by its id."""
    key = identity.partition("_")[2] or identity
    first = _NAMES[sum(key.encode()) % len(_NAMES)]
    return {
        "customer_id": identity, "business_id": BUSINESS, "created_at": at,
        "email": f"customer{key}@example.com", "name": f"{first} {key}", "blocked_at": None,
        "blocklist_entry_id": None, "metadata": {}, "phone_number": None,
        "preferred_locale": None,
    }  # fmt: skip


def limited(full: Resource) -> Resource:
    """A customer as other resources hold it."""
    names = ("customer_id", "email", "metadata", "name", "phone_number")
    return {name: full[name] for name in names}


def subscription(
    identity: str, holder: Resource, product: Product, at: datetime, trial_days: int
) -> Resource:
    """A subscription that awaits its mandate."""
    return {
        "addons": [], "billing": _BILLING, "brand_id": BRAND,
        "cancel_at_next_billing_date": False, "cancellation_comment": None,
        "cancellation_feedback": None, "cancelled_at": None, "cancelled_by": None,
        "created_at": at, "credit_entitlement_cart": [], "currency": CURRENCY,
        "custom_field_responses": None, "customer": limited(holder),
        "customer_business_name": None, "discount_cycles_remaining": None, "discount_id": None,
        "discounts": None, "expires_at": None, "has_payment_method": True, "metadata": {},
        "meter_credit_entitlement_cart": [], "meters": [], "next_billing_date": at,
        "on_demand": False, "paused_at": None, "payment_frequency_count": 1,
        "payment_frequency_interval": product.interval, "payment_method_id": None,
        "previous_billing_date": at, "product_id": product.id, "quantity": 1,
        "recurring_pre_tax_amount": product.price, "scheduled_change": None,
        "status": "pending", "subscription_id": identity, "subscription_period_count": 10,
        "subscription_period_interval": "Year", "tax_id": None, "tax_inclusive": False,
        "trial_amount": None, "trial_period_days": trial_days,
    }  # fmt: skip


class Charge(Struct, frozen=True):
    """What a payment is for; without a subscription the product was bought once."""

    customer_id: str
    amount: int
    product_id: str
    status: str = "succeeded"
    subscription_id: str | None = None
    charge_type: str | None = None
    period: tuple[datetime, datetime] | None = None
    retry_attempt: int = 0


def service_periods(charge: Charge) -> list[Resource]:
    """What a payment that succeeded pays for."""
    if charge.period is None or charge.subscription_id is None or charge.status != "succeeded":
        return []
    starts, ends = charge.period
    return [{
        "subscription_id": charge.subscription_id, "starts_at": starts, "ends_at": ends,
        "proration_factor": "1",
    }]  # fmt: skip


def payment(identity: str, holder: Resource, charge: Charge, at: datetime) -> Resource:
    """A payment; its status may change later."""
    failed = charge.status == "failed"
    return {
        "billing": _BILLING, "brand_id": BRAND, "business_id": BUSINESS, "card_exp_month": "12",
        "card_exp_year": "2030", "card_holder_name": holder["name"],
        "card_issuing_country": "DE", "card_last_four": "4242", "card_network": "VISA",
        "card_type": "CREDIT", "charge_type": charge.charge_type,
        "checkout_session_id": f"cks_{identity}" if charge.charge_type in {None, "new"} else None,
        "created_at": at, "currency": CURRENCY, "custom_field_responses": None,
        "customer": limited(holder), "digital_products_delivered": False, "discount_id": None,
        "discounts": None, "disputes": [],
        "error_code": "CARD_DECLINED" if failed else None,
        "error_message": "The card was declined." if failed else None,
        "includes_usage": False, "invoice_id": f"inv_{identity}", "invoice_url": None,
        "is_multi_subscription": False, "is_update_payment_method": False, "metadata": {},
        "payment_id": identity, "payment_link": None, "payment_method": "card",
        "payment_method_id": None, "payment_method_type": None, "payment_provider": "dodo",
        "product_cart": [{"product_id": charge.product_id, "quantity": 1}],
        "refund_status": None, "refunds": [], "retry_attempt": charge.retry_attempt,
        "service_periods": service_periods(charge), "settlement_amount": charge.amount,
        "settlement_currency": CURRENCY, "settlement_tax": 0, "status": charge.status,
        "subscription_id": charge.subscription_id,
        "subscription_ids": [charge.subscription_id] if charge.subscription_id else [],
        "tax": 0, "three_ds_flow": None, "three_ds_status": None, "three_ds_version": None,
        "total_amount": charge.amount, "updated_at": None,
    }  # fmt: skip


def refund(identity: str, paid: Resource, amount: int, at: datetime, status: str) -> Resource:
    """A refund of a payment, whole where it returns all."""
    return {
        "amount": amount, "brand_id": BRAND, "business_id": BUSINESS, "created_at": at,
        "currency": paid["currency"], "customer": paid["customer"],
        "is_partial": amount < paid["total_amount"], "metadata": {}, "network_reference": None,
        "network_reference_type": None, "network_reference_updated_at": None,
        "payment_id": paid["payment_id"], "reason": "requested_by_customer",
        "refund_id": identity, "status": status,
    }  # fmt: skip


def dispute(identity: str, paid: Resource, at: datetime, *, rdr: bool) -> Resource:
    """A dispute of a whole payment; rapid dispute resolution loses it at once."""
    return {
        "amount": str(paid["total_amount"]), "brand_id": BRAND, "business_id": BUSINESS,
        "created_at": at, "currency": paid["currency"], "customer": paid["customer"],
        "dispute_id": identity, "dispute_stage": "dispute",
        "dispute_status": "dispute_lost" if rdr else "dispute_opened",
        "is_resolved_by_rdr": rdr or None, "payment_id": paid["payment_id"],
        "payment_provider": "dodo", "reason": "fraudulent", "remarks": None,
    }  # fmt: skip


def license_key(identity: str, paid: Resource, product: Product, at: datetime) -> Resource:
    """A licence key that a payment bought."""
    return {
        "activations_limit": 5, "brand_id": BRAND, "business_id": BUSINESS, "created_at": at,
        "customer_id": paid["customer"]["customer_id"], "expires_at": None, "id": identity,
        "instances_count": 0, "key": f"KEY-{identity.partition('_')[2].upper()}",
        "payment_id": paid["payment_id"], "product_id": product.id, "source": "auto",
        "status": "active", "subscription_id": paid["subscription_id"],
    }  # fmt: skip


def license_key_grant(key: Resource) -> Resource:
    """A licence key as its grant holds it."""
    return {
        "id": key["id"], "activations_used": key["instances_count"], "key": key["key"],
        "status": key["status"], "activations_limit": key["activations_limit"],
        "expires_at": key["expires_at"],
    }  # fmt: skip


def grant(identity: str, paid: Resource, entitlement_id: str, at: datetime) -> Resource:
    """An entitlement grant that awaits its delivery."""
    entitlement = ENTITLEMENTS[entitlement_id]
    feature = entitlement.config if entitlement.integration_type == "feature_flag" else None
    return {
        "brand_id": BRAND, "business_id": BUSINESS, "created_at": at,
        "customer_id": paid["customer"]["customer_id"], "delivered_at": None,
        "digital_product_delivery": None, "entitlement_id": entitlement_id, "error_code": None,
        "error_message": None, "feature": feature, "id": identity,
        "integration_type": entitlement.integration_type, "license_key": None, "metadata": {},
        "oauth_expires_at": None,
        "oauth_url": None if entitlement.at_once else f"https://example.com/link/{identity}",
        "payment_id": paid["payment_id"], "revocation_reason": None, "revoked_at": None,
        "status": "Pending", "subscription_id": paid["subscription_id"], "updated_at": at,
    }  # fmt: skip


def payout(identity: str, amount: int, fee: int, at: datetime) -> Resource:
    """A payout that was queued."""
    return {
        "amount": amount, "business_id": BUSINESS, "chargebacks": 0, "created_at": at,
        "currency": CURRENCY, "fee": fee, "name": None, "payment_method": "bank_transfer",
        "payout_document_url": None, "payout_id": identity, "refunds": 0, "remarks": None,
        "status": "not_initiated", "tax": 0, "updated_at": at,
    }  # fmt: skip


def abandoned_checkout(paid: Resource, reason: str, at: datetime) -> Resource:
    """A checkout that was left with this payment."""
    return {
        "abandoned_at": at, "abandonment_reason": reason, "brand_id": BRAND,
        "customer_id": paid["customer"]["customer_id"], "payment_id": paid["payment_id"],
        "recovered_payment_id": None, "status": "abandoned",
    }  # fmt: skip


def dunning(held: Resource, at: datetime) -> Resource:
    """A sequence of reminders for a subscription that was not paid."""
    return {
        "brand_id": BRAND, "created_at": at, "customer_id": held["customer"]["customer_id"],
        "payment_id": None, "status": "recovering", "subscription_id": held["subscription_id"],
        "trigger_state": held["status"],
    }  # fmt: skip


def catalog(at: datetime) -> dict[str, dict[str, Resource]]:
    """The products, entitlements and credit entitlements that the merchant has set up."""
    return {
        "entitlement": {e.id: {
            "id": e.id, "business_id": BUSINESS, "created_at": at, "description": None,
            "integration_config": e.config, "integration_type": e.integration_type,
            "is_active": True, "metadata": {}, "name": e.name, "updated_at": at,
        } for e in ENTITLEMENTS.values()},
        "credit_entitlement": {CREDITS: {
            "id": CREDITS, "business_id": BUSINESS, "created_at": at, "name": CREDITS_NAME,
            "overage_behavior": "invoice_at_billing", "overage_enabled": True, "precision": 0,
            "rollover_enabled": True, "unit": "call", "updated_at": at, "currency": CURRENCY,
            "description": None, "expires_after_days": None, "max_rollover_count": 1,
            "overage_limit": None, "price_per_unit": "0.01",
            "rollover_percentage": ROLLOVER_PERCENT, "rollover_timeframe_count": None,
            "rollover_timeframe_interval": None,
        }},
        "product": {p.id: _product(p, at) for p in PRODUCTS.values()},
    }  # fmt: skip


def _product(product: Product, at: datetime) -> Resource:
    price: Resource = {
        "currency": CURRENCY, "price": product.price, "discount": 0,
        "purchasing_power_parity": False, "tax_inclusive": False,
    }  # fmt: skip
    if product.interval is None:
        price |= {"type": "one_time_price", "pay_what_you_want": False}
    else:
        price |= {
            "type": "recurring_price", "payment_frequency_count": 1,
            "payment_frequency_interval": product.interval, "subscription_period_count": 10,
            "subscription_period_interval": "Year", "trial_period_days": 0,
        }  # fmt: skip
    given = [ENTITLEMENTS[name] for name in product.entitlements]
    return {
        "brand_id": BRAND, "business_id": BUSINESS, "created_at": at,
        "credit_entitlements": [], "description": None, "entitlements": [
            {"id": e.id, "integration_config": e.config, "integration_type": e.integration_type,
             "name": e.name} for e in given
        ],
        "is_recurring": product.interval is not None,
        "license_key_enabled": "ent_key" in product.entitlements, "metadata": {},
        "name": product.name, "price": price, "product_id": product.id, "tax_category": "saas",
        "updated_at": at,
    }  # fmt: skip
