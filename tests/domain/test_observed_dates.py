"""The dates of a reading: what they end, keep and tell of the past."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.access import access
from domain.fold import fold
from domain.observation import Asked
from domain.past import Past
from domain.reading import read
from domain.recurring import movements
from tests.builders import NOON, at, entry, observation, observed

DAY = 86_400
NEXT = at(20 * DAY)


def test_a_date_far_ahead_of_our_clock_does_not_count() -> None:
    """Else nothing that happens until then could change what the reading shows."""
    asked = Asked("subscription", "/s", at(1.5), at(2.25), date=at(6 * 3600))
    assert (asked.rendered_after, asked.sent_at) == (at(1.5), at(2))
    content = msgspec.json.encode({"subscription_id": "x_1", "status": "on_hold"})
    event = replace(
        observation("subscription", content, at(0)), observation=msgspec.json.encode(asked).decode()
    )
    held = read(event)
    assert held.unread == ("Date",)
    recovered = entry("subscription.active", "active", 90, position=2)
    assert fold([held, recovered])[0].status == "active"


def test_a_reading_leaves_the_end_of_a_grace_period_that_only_webhooks_tell() -> None:
    due = entry("subscription.past_due", "past_due", 0, position=1, past_due_ends_at=at(3 * DAY))
    still = observed("subscription", "past_due", DAY, position=2, quantity=2)
    folded, _ = fold([due, still])
    assert not access([folded], at(4 * DAY)).entitled
    paid = observed("subscription", "active", 2 * DAY, position=3)
    again = observed("subscription", "past_due", 30 * DAY, position=4)
    folded, _ = fold([due, still, paid, again])
    assert access([folded], at(31 * DAY)).entitled


@pytest.mark.parametrize("lag", [0.2, 1, 3])
def test_a_reading_that_has_not_heard_of_the_last_seconds_locks_nobody_out(lag: float) -> None:
    held = [
        entry("subscription.active", "active", -DAY, position=1),
        entry("subscription.on_hold", "on_hold", -3600, position=2),
    ]
    stale = observed("subscription", "on_hold", 60, position=3)
    paid = entry("subscription.active", "active", 60 - lag, position=4, sent=62)
    folded, _ = fold([*held, stale, paid])
    assert (folded.status, folded.other and folded.other.status) == ("on_hold", "active")
    assert access([folded], at(300)).entitled
    later = observed("subscription", "on_hold", 400, position=5)
    folded, _ = fold([*held, stale, paid, later])
    assert folded.other is None
    assert not access([folded], at(500)).entitled


def test_the_past_before_a_reading_is_what_its_dates_tell() -> None:
    payments = [
        observed(
            "payment", "succeeded", 0, position=n, identity=f"pay_{n}", subscription_id="x_1",
            created_at=at(-30 * n * DAY), total_amount=900, currency="EUR",
            service_periods=[{"subscription_id": "x_1", "starts_at": at(-30 * n * DAY),
                              "ends_at": at(-30 * (n - 1) * DAY)}],
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    for days, entitled in ((-75, True), (-45, True), (-95, False)):
        past = Past(as_of=at(days * DAY))
        folds = [folded for one in payments if (folded := past.folded([one])) is not None]
        assert access([], at(days * DAY), payments=folds).entitled is entitled


def test_a_hold_that_began_with_a_failed_payment_is_not_outweighed_by_an_earlier_one() -> None:
    held, _ = fold([observed("subscription", "on_hold", 0, created_at=at(-20 * DAY))])
    period = {"subscription_id": "x_1", "starts_at": at(-10 * DAY), "ends_at": at(20 * DAY)}
    paid, _ = fold([
        observed("payment", "succeeded", 0, identity="pay_1", created_at=at(-10 * DAY),
                 subscription_id="x_1", total_amount=900, service_periods=[period])
    ])  # fmt: skip
    failed, _ = fold([
        observed("payment", "failed", 0, identity="pay_2", created_at=at(-2 * DAY),
                 subscription_id="x_1", total_amount=900)
    ])  # fmt: skip
    assert access([held], at(60), payments=[paid]).entitled
    assert not access([held], at(60), payments=[paid, failed]).entitled
    cancelled, _ = fold([
        observed("subscription", "cancelled", 0, created_at=at(-40 * DAY), cancelled_at=at(-DAY),
                 next_billing_date=NEXT)
    ])  # fmt: skip
    old = replace(paid, since=at(-30 * DAY), state=replace(
        paid.state, periods=()))  # fmt: skip
    assert access([cancelled], at(60), payments=[old]).entitled
    assert not access([cancelled], at(60), payments=[old, failed]).entitled


PRICE: dict[str, Any] = {
    "created_at": at(-100 * DAY), "recurring_pre_tax_amount": 1000, "currency": "EUR",
    "payment_frequency_interval": "Month", "payment_frequency_count": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "fields", "moved"),
    [
        ("active", {}, [(-100, "known", 1000)]),
        ("active", {"trial_period_days": 14}, [(-86, "known", 1000)]),
        ("cancelled", {"cancelled_at": at(-10 * DAY)},
         [(-100, "known", 1000), (-10, "churned", -1000)]),
        ("expired", {"expires_at": at(-5 * DAY)}, [(-100, "known", 1000), (-5, "churned", -1000)]),
        ("cancelled", {"cancelled_at": at(-95 * DAY), "trial_period_days": 14}, []),
        ("failed", {}, []),
    ],
)  # fmt: skip
def test_recurring_revenue_before_the_book_is_what_the_dates_tell(
    status: str, fields: dict[str, Any], moved: list[tuple[int, str, int]]
) -> None:
    _, (step,) = fold([observed("subscription", status, 0, **PRICE, **fields)])
    assert [
        ((m.at - NOON) // timedelta(days=1), m.kind, m.amount) for m in movements(step)
    ] == moved


@pytest.mark.parametrize("days", [10**12, 4_000_000, -(10**12)])
def test_a_trial_that_no_calendar_holds_parks_no_stream(days: int) -> None:
    _, (step,) = fold([
        observed("subscription", "active", 0, created_at=at(-DAY), trial_period_days=days)
    ])  # fmt: skip
    assert [(one.kind, one.at <= at(0)) for one in movements(step)] == [("known", True)]
