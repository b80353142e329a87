"""A story whose sums are known."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.builders import body

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return BEGIN + timedelta(days=number)


def subscription(  # noqa: PLR0913, PLR0917 - what differs between them
    kind: str,
    status: str,
    on: int,
    name: str,
    amount: int,
    currency: str = "USD",
    **more: Any,  # noqa: ANN401
) -> bytes:
    return body(
        f"subscription.{kind}", status, day(on), name, recurring_pre_tax_amount=amount,
        currency=currency, payment_frequency_interval="Month", payment_frequency_count=1, **more,
    )  # fmt: skip


def money(kind: str, status: str, on: int, name: str, amount: int, **more: Any) -> bytes:  # noqa: ANN401
    total: dict[str, Any] = {"total_amount": amount} if kind == "payment" else {"amount": amount}
    return body(
        f"{kind}.{status}", status, day(on), name, created_at=day(on), currency="USD",
        **total, **more,
    )  # fmt: skip


STORY = [
    subscription("active", "active", 0, "sub_a", 1000),
    subscription("active", "active", 3, "sub_b", 500),
    subscription("renewed", "active", 31, "sub_a", 1000),
    subscription("plan_changed", "active", 40, "sub_a", 1500),
    subscription("on_hold", "on_hold", 45, "sub_b", 500),
    subscription("active", "active", 61, "sub_b", 500),
    subscription("plan_changed", "active", 62, "sub_b", 300),
    # it comes last, and happened before all of February
    subscription("active", "active", 20, "sub_c", 200),
    # it changes its currency, and ends
    subscription("active", "active", 1, "sub_d", 1000, "SEK", created_at=day(1)),
    subscription("plan_changed", "active", 35, "sub_d", 1200, "NOK", created_at=day(1)),
    subscription("cancelled", "cancelled", 62, "sub_d", 1200, "NOK", created_at=day(1)),
    # it is on trial for two weeks
    subscription(
        "active",
        "active",
        20,
        "sub_e",
        900,
        "GBP",
        created_at=day(20),
        trial_period_days=14,
        previous_billing_date=day(20),
        next_billing_date=day(34),
    ),
    subscription(
        "renewed",
        "active",
        34,
        "sub_e",
        900,
        "GBP",
        created_at=day(20),
        trial_period_days=14,
        previous_billing_date=day(34),
        next_billing_date=day(65),
    ),
    # it is charged at will
    subscription("active", "active", 20, "sub_f", 100, "GBP", on_demand=True),
    # it is older than the book
    subscription("renewed", "active", 20, "sub_g", 300, "GBP", created_at=day(-90)),
    money("payment", "succeeded", 1, "pay_a", 1100),
    money("payment", "succeeded", 30, "pay_b", 900),
    money("payment", "failed", 30, "pay_c", 9000),
    money("payment", "succeeded", 2, "pay_d", 100, is_update_payment_method=True),
    money("refund", "succeeded", 33, "ref_a", 300, refund_id="ref_a", is_partial=True),
    money("dispute", "opened", 34, "dp_a", 900),
    money("dispute", "lost", 34, "dp_b", 100),
]
