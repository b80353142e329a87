"""The access policy, as a table of cases."""

from datetime import datetime
from typing import Any

import pytest

from domain.access import Policy, access, paid_periods
from domain.fold import Fold, fold
from tests.builders import NOON, at, entry

SOON, AGO = at(86_400), at(-86_400)


def held(kind: str, status: str, **fields: Any) -> Fold[Any]:  # noqa: ANN401
    identity = fields.pop("identity", "sub_1")
    return fold([entry(kind, status, -100_000, position=1, identity=identity, **fields)])[0]


@pytest.mark.parametrize(
    ("kind", "status", "fields", "entitled", "until", "rule"),
    [
        ("subscription.active", "active", {"next_billing_date": SOON}, True, SOON, "active"),
        ("subscription.active", "active", {}, True, None, "active"),
        ("subscription.active", "active",
         {"next_billing_date": SOON, "trial_period_days": 7}, True, SOON, "active"),
        # a renewal that was never told must not lock anybody out
        ("subscription.active", "active", {"next_billing_date": AGO}, True, None, "renewal_awaited"),
        ("subscription.updated", "active",
         {"next_billing_date": SOON, "cancel_at_next_billing_date": True},
         True, SOON, "cancels_at_period_end"),
        ("subscription.updated", "active",
         {"next_billing_date": AGO, "cancel_at_next_billing_date": True},
         False, AGO, "period_ended"),
        ("subscription.past_due", "past_due", {"past_due_ends_at": SOON}, True, SOON, "grace"),
        ("subscription.past_due", "past_due", {"past_due_ends_at": AGO}, False, AGO, "grace_ended"),
        ("subscription.past_due", "past_due", {}, True, None, "grace"),
        # the other style of cancelling at the period's end: cancelled at once, paid until then
        ("subscription.cancelled", "cancelled",
         {"next_billing_date": SOON, "cancel_at_next_billing_date": True},
         True, SOON, "paid_through"),
        ("subscription.cancelled", "cancelled", {"next_billing_date": AGO}, False, None, "cancelled"),
        ("subscription.on_hold", "on_hold", {"next_billing_date": SOON}, False, None, "on_hold"),
        ("subscription.paused", "paused", {"next_billing_date": SOON}, False, None, "paused"),
        ("subscription.expired", "expired", {"next_billing_date": SOON}, False, None, "expired"),
        ("subscription.failed", "failed", {"next_billing_date": SOON}, False, None, "failed"),
        ("subscription.updated", "pending", {"next_billing_date": SOON}, False, None, "pending"),
    ],
)  # fmt: skip
def test_each_rule(  # noqa: PLR0913, PLR0917 - the columns of the table
    kind: str,
    status: str,
    fields: dict[str, Any],
    entitled: bool,
    until: datetime | None,
    rule: str,
) -> None:
    answer = access([held(kind, status, **fields)], NOON)
    assert (answer.entitled, answer.because[0].until, answer.because[0].rule) == (
        entitled,
        until,
        rule,
    )


def test_one_of_several_is_enough_and_the_latest_end_counts() -> None:
    answer = access(
        [
            held("subscription.on_hold", "on_hold", identity="sub_1"),
            held("subscription.active", "active", identity="sub_2", next_billing_date=SOON),
            held("subscription.active", "active", identity="sub_3", next_billing_date=at(9)),
        ],
        NOON,
    )
    assert (answer.entitled, answer.until) == (True, SOON)
    assert [b.subscription_id for b in answer.because] == ["sub_2", "sub_3", "sub_1"]


def test_an_open_end_outlasts_every_date() -> None:
    folds = [
        held("subscription.active", "active", identity="sub_1", next_billing_date=AGO),
        held("subscription.active", "active", identity="sub_2", next_billing_date=SOON),
    ]
    assert access(folds, NOON).until is None


def test_nobody_knows_this_customer() -> None:
    assert access([], NOON).entitled is False


def test_the_periods_that_were_paid_for_are_the_authority_on_paid_through() -> None:
    cancelled = held("subscription.cancelled", "cancelled", next_billing_date=AGO)
    period = {
        "subscription_id": "sub_1",
        "starts_at": AGO,
        "ends_at": SOON,
        "proration_factor": 1.0,
    }
    paid = held("payment.succeeded", "succeeded", identity="pay_1", service_periods=[period])
    failed = held("payment.failed", "failed", identity="pay_2", service_periods=[period])
    answer = access([cancelled], NOON, paid_until=paid_periods([paid]))
    assert (answer.entitled, answer.until, answer.because[0].rule) == (True, SOON, "paid_through")
    assert not access([cancelled], NOON, paid_until=paid_periods([failed])).entitled
    # the webhook of the latest payment may be missing: what the subscription says counts then
    said = held("subscription.cancelled", "cancelled", next_billing_date=SOON)
    assert access([said], NOON, paid_until={"sub_1": AGO}).until == SOON


def test_a_one_time_purchase_entitles_by_its_grant_and_a_subscriptions_grant_does_not() -> None:
    one_time = held("entitlement_grant.delivered", "Delivered", identity="g_1")
    revoked = held("entitlement_grant.revoked", "Revoked", identity="g_2")
    follows = held(
        "entitlement_grant.delivered", "Delivered", identity="g_3", subscription_id="sub_1"
    )
    answer = access([], NOON, grants=[one_time, revoked, follows])
    assert [(b.entitlement_grant_id, b.rule) for b in answer.because] == [
        ("g_1", "granted"), ("g_2", "revoked"),
    ]  # fmt: skip
    assert (answer.entitled, answer.until) == (True, None)
    assert not access([], NOON, grants=[revoked, follows]).entitled


@pytest.mark.parametrize(
    ("policy", "kind", "status", "fields", "entitled", "until", "rule"),
    [
        (Policy(grace=False), "subscription.past_due", "past_due", {"past_due_ends_at": SOON},
         False, None, "past_due"),
        (Policy(paid_through=False), "subscription.cancelled", "cancelled",
         {"next_billing_date": SOON}, False, None, "cancelled"),
        (Policy(renewal_allowance_days=2), "subscription.active", "active",
         {"next_billing_date": AGO}, True, at(86_400), "renewal_awaited"),
        (Policy(renewal_allowance_days=0), "subscription.active", "active",
         {"next_billing_date": AGO}, False, AGO, "renewal_missed"),
    ],
)  # fmt: skip
def test_where_merchants_differ(  # noqa: PLR0913, PLR0917 - the columns of the table
    policy: Policy, kind: str, status: str, fields: dict[str, Any], entitled: bool,
    until: datetime | None, rule: str,
) -> None:  # fmt: skip
    answer = access([held(kind, status, **fields)], NOON, policy=policy)
    assert (answer.entitled, answer.because[0].until, answer.because[0].rule) == (
        entitled,
        until,
        rule,
    )
