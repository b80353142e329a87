"""When a "no" is confirmed with the provider, and what holds where it does not answer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.access import access
from domain.confirming import QUESTIONS, Unconfirmed, stands, unconfirmed
from domain.fold import Fold, fold
from domain.policy import Policy
from domain.steps import Reading
from tests.builders import NOON, at, entry
from tests.domain.test_access import told

HELD_NOW = ("on_hold", "on_hold", -10)
HELD_LONG_AGO = ("on_hold", "on_hold", -61)
ACTIVE = ("active", "active", -9000)


def asked(*folds: Fold[Any], parked: bool = False, policy: Policy | None = None) -> bool:
    denial = access(folds, NOON, policy=policy)
    assert not denial.entitled
    return not stands(denial.because, folds, NOON, parked=parked)


def test_each_row_of_the_table() -> None:
    ends = {"next_billing_date": at(-5), "cancel_at_next_billing_date": True}
    found = [
        asked(),
        asked(told(ACTIVE, HELD_NOW), parked=True),
        asked(told(("updated", "pending", -10))),
        asked(told(("updated", "active", -10), **ends)),
        asked(told(ACTIVE, HELD_LONG_AGO)),
        asked(told(ACTIVE, HELD_NOW)),
    ]
    assert found == [answer == "yes" for _, answer in QUESTIONS]


def test_what_can_be_read_in_two_ways_is_asked_about() -> None:
    held = told(ACTIVE, HELD_NOW)
    assert not asked(held)
    other = Reading("cancelled", NOON, NOON, held.state)
    assert asked(replace(held, other=other))


def test_a_date_that_passed_before_the_last_news_is_settled_by_them() -> None:
    ends = {"next_billing_date": at(-20), "cancel_at_next_billing_date": True}
    assert not asked(told(("updated", "active", -10), **ends))


def test_news_of_another_resource_do_not_settle_a_no() -> None:
    failed = entry("subscription.failed", "failed", -10, position=1, identity="sub_2")
    assert asked(told(ACTIVE, HELD_LONG_AGO), fold([failed])[0])


def test_a_clock_that_is_behind_makes_no_news_fresh_for_ever() -> None:
    assert asked(told(ACTIVE, ("on_hold", "on_hold", 3600)))


PERIOD = {"cancel_at_next_billing_date": True}


@pytest.mark.parametrize(
    ("subscription", "setting", "until"),
    [
        # a month after the date, by the provider's interval
        (told(ACTIVE, next_billing_date=at(-86_400), **PERIOD), "recent",
         datetime.fromisoformat("2026-06-02T12:00:00Z")),
        (told(ACTIVE, next_billing_date=at(-40 * 86_400), **PERIOD), "recent", None),
        (told(ACTIVE, next_billing_date=at(-40 * 86_400), payment_frequency_interval="Year",
              payment_frequency_count=1, **PERIOD), "recent",
         datetime.fromisoformat("2027-03-24T12:00:00Z")),
        # an event told so
        (told(ACTIVE, HELD_LONG_AGO), "recent", None),
        (told(ACTIVE, ("cancelled", "cancelled", -99), next_billing_date=at(-50)), "recent", None),
        (told(ACTIVE, next_billing_date=at(-86_400), **PERIOD), "deny", None),
    ],
)  # fmt: skip
def test_what_is_not_confirmed_is_decided_by_the_setting(
    subscription: Fold[Any], setting: Unconfirmed, until: datetime | None
) -> None:
    denial = access([subscription], NOON)
    assert not denial.entitled
    reason = unconfirmed(denial.because, denial.state, [subscription], NOON, setting)
    assert (reason.rule, reason.subscription_id) == ("unconfirmed", "sub_1")
    assert (reason.entitled, reason.until) == (until is not None, until)
    assert reason.state == ("active" if until else denial.state)
    assert reason.status == subscription.status


@pytest.mark.parametrize("setting", ["recent", "deny", "allow"])
def test_an_unknown_customer_is_let_in_only_if_all_are(setting: Unconfirmed) -> None:
    reason = unconfirmed((), "never", (), NOON, setting)
    assert (reason.entitled, reason.status) == (setting == "allow", "unknown")
    assert reason.state == ("active" if setting == "allow" else "never")


def test_recent_lets_in_for_one_interval_after_the_access_ended() -> None:
    for days in range(1, 70):
        subscription = told(ACTIVE, next_billing_date=at(-86_400 * days), **PERIOD)
        denial = access([subscription], NOON)
        reason = unconfirmed(denial.because, denial.state, [subscription], NOON, "recent")
        assert reason.entitled == (NOON - timedelta(days=days) > NOON - timedelta(days=30))
