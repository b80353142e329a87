"""One customer with something of every kind, as the provider would tell of it."""

from typing import Any

import msgspec

from tests.builders import at

CUSTOMER = {"customer_id": "cus_1", "email": "ada@example.com", "name": "Ada Lovelace"}
MONTH = 30 * 86_400


def told(customer_id: str = "cus_1", suffix: str = "1") -> list[bytes]:
    """The bodies in the order in which things happened; ``suffix`` ends the ids of resources."""
    customer = {**CUSTOMER, "customer_id": customer_id}
    subscription = {
        "subscription_id": f"sub_{suffix}", "customer": customer, "product_id": "pdt_pro",
        "created_at": at(0), "previous_billing_date": at(0), "next_billing_date": at(MONTH),
        "cancel_at_next_billing_date": False, "quantity": 1, "trial_period_days": 0,
        "recurring_pre_tax_amount": 1900, "currency": "EUR",
    }  # fmt: skip
    payment = {
        "payment_id": f"pay_{suffix}", "customer": customer, "created_at": at(0), "currency": "EUR",
        "total_amount": 2261, "settlement_amount": 2050, "settlement_currency": "EUR",
        "subscription_id": f"sub_{suffix}", "invoice_id": f"inv_{suffix}", "service_periods": [
            {"subscription_id": f"sub_{suffix}", "starts_at": at(0), "ends_at": at(MONTH)},
        ],
    }  # fmt: skip
    of_payment = {"payment_id": f"pay_{suffix}", "currency": "EUR"}
    of_customer = {"customer_id": customer_id, "subscription_id": f"sub_{suffix}"}
    rest = [
        ("license_key.created", 2, {
            "id": f"lic_{suffix}", "status": "active", "key": "ABCD-1234", "product_id": "pdt_pro",
            "created_at": at(2), **of_customer,
        }),
        ("entitlement_grant.delivered", 3, {
            "id": f"eg_{suffix}", "status": "Delivered", "entitlement_id": "ent_1",
            "integration_type": "license_key", "created_at": at(3), "delivered_at": at(3),
            **of_customer,
        }),
        ("credit.added", 4, {
            "id": f"cle_{suffix}", "credit_entitlement_id": f"cent_{suffix}", "amount": "100",
            "balance_before": "0", "balance_after": "100", "overage_after": "0",
            "transaction_type": "credit_added", "created_at": at(4), "customer_id": customer_id,
        }),
        ("refund.succeeded", 50, {
            "refund_id": f"ref_{suffix}", "status": "succeeded", "amount": 500, "is_partial": True,
            "created_at": at(50), "customer": customer, **of_payment,
        }),
        ("dispute.opened", 60, {
            "dispute_id": f"dp_{suffix}", "dispute_status": "dispute_opened", "amount": "2261",
            "dispute_stage": "dispute", "created_at": at(60), **of_payment,
        }),
        ("abandoned_checkout.detected", 70, {
            "payment_id": f"pay_left_{suffix}", "status": "abandoned", "abandoned_at": at(10),
            "abandonment_reason": "checkout_incomplete", "customer_id": customer_id,
        }),
        ("payout.success", 80, {
            "payout_id": f"po_{suffix}", "status": "success", "amount": 1500, "fee": 50,
            "currency": "EUR", "created_at": at(79), "updated_at": at(80),
        }),
        ("dunning.started", 90, {
            "status": "recovering", "trigger_state": "on_hold", "created_at": at(90), **of_customer,
        }),
    ]  # fmt: skip
    return [
        _body("subscription.active", 0, {**subscription, "status": "active"}),
        _body("payment.succeeded", 1, {**payment, "status": "succeeded"}),
        *(_body(*one) for one in rest),
        _body("subscription.on_hold", 100, {**subscription, "status": "on_hold"}),
        _body("subscription.gifted", 110, {**subscription, "status": "on_hold"}),
    ]


def _body(kind: str, seconds: float, data: dict[str, Any]) -> bytes:
    document = {"business_id": "bus_1", "type": kind, "timestamp": at(seconds), "data": data}
    return msgspec.json.encode(document)
