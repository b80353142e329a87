"""The access policy, as a table of cases."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import domain.access
import domain.confirming
import domain.paid
import domain.policy
from domain.access import access
from domain.fold import Fold, fold
from domain.policy import RULES, Policy
from tests.builders import NOON, at, entry, observed

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
        ("subscription.cancelled", "cancelled", {"next_billing_date": AGO}, False, AGO, "cancelled"),
        ("subscription.updated", "active", {"next_billing_date": AGO, "expires_at": at(-9)},
         False, at(-9), "term_ended"),
        ("subscription.trial_started", "trialing", {"next_billing_date": SOON},
         True, SOON, "unknown_status"),
        ("subscription.trial_started", "trialing", {"next_billing_date": AGO},
         False, AGO, "unknown_status"),
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


def paid(seconds: float, *, amount: int | None = 900, **fields: Any) -> Fold[Any]:  # noqa: ANN401
    """A payment of sub_1 that succeeded then; without ``until`` it names no period."""
    until = fields.pop("until", None)
    identity = fields.pop("identity", "pay_1")
    status = fields.pop("status", "succeeded")
    period = {"subscription_id": "sub_1", "starts_at": at(seconds), "ends_at": until}
    content = {"subscription_id": "sub_1", "total_amount": amount, **fields}
    content |= {"service_periods": [period]} if until else {}
    kind = f"payment.{status}"
    return fold([entry(kind, status, seconds, position=1, identity=identity, **content)])[0]


def told(*events: tuple[str, str, float], **fields: Any) -> Fold[Any]:  # noqa: ANN401
    """Subscription sub_1 after these events, each with the same fields."""
    return fold([
        entry(f"subscription.{kind}", status, seconds, position=n, identity="sub_1", **fields)
        for n, (kind, status, seconds) in enumerate(events, 1)
    ])[0]  # fmt: skip


ACTIVE, HELD = ("active", "active", -9000), ("on_hold", "on_hold", -5000)
CANCELLED = ("cancelled", "cancelled", -1000)
ENDED = ("updated", "active", -5000)


@pytest.mark.parametrize(
    ("subscription", "payments", "entitled", "until", "rule"),
    [
        # a payment that succeeded since the status began prevails over it
        (told(ACTIVE, HELD), [paid(-4000, until=SOON)], True, SOON, "paid"),
        (told(ACTIVE, HELD), [paid(-6000, until=SOON)], False, None, "on_hold"),
        (told(ACTIVE, HELD), [paid(-4000, until=AGO)], False, None, "on_hold"),
        (told(ACTIVE, HELD), [paid(-4000, until=SOON, status="failed")], False, None, "on_hold"),
        (told(("updated", "pending", -100)), [paid(-4000, until=SOON)], True, SOON, "paid"),
        (told(("trial", "trialing", -100)), [paid(-4000, until=SOON)], True, SOON, "paid"),
        (told(ACTIVE, ("past_due", "past_due", -5000), past_due_ends_at=AGO),
         [paid(-4000, until=SOON)], True, SOON, "paid"),
        # who has paid is not asked for another payment method, and goes on until what was paid for
        (told(ACTIVE, ("past_due", "past_due", -5000), past_due_ends_at=at(60)),
         [paid(-4000, until=SOON)], True, SOON, "paid"),
        (told(ACTIVE, ("past_due", "past_due", -5000), past_due_ends_at=at(60)),
         [paid(-4000)], True, at(2_674_400), "paid_presumed"),
        (told(ACTIVE, ("past_due", "past_due", -5000), past_due_ends_at=at(60)),
         [paid(-6000, until=SOON)], True, at(60), "grace"),
        (told(ACTIVE, ("past_due", "past_due", -5000), past_due_ends_at=SOON),
         [paid(-4000, until=at(60))], True, SOON, "grace"),
        (told(ACTIVE, next_billing_date=AGO), [paid(-4000, until=SOON)], True, SOON, "paid"),
        (told(ACTIVE, next_billing_date=AGO), [paid(-4000)], True, None, "renewal_awaited"),
        (told(ACTIVE, ENDED, next_billing_date=AGO, cancel_at_next_billing_date=True),
         [paid(-4000, until=SOON)], True, SOON, "paid"),
        # but not over these
        (told(ACTIVE, ("paused", "paused", -5000)), [paid(-4000, until=SOON)], False, None, "paused"),
        (told(ACTIVE, ("expired", "expired", -5000)), [paid(-4000, until=SOON)],
         False, None, "expired"),
        (told(("failed", "failed", -5000)), [paid(-4000, until=SOON)], False, None, "failed"),
        # older payloads name no period
        (told(ACTIVE, HELD, payment_frequency_interval="Day", payment_frequency_count=1),
         [paid(-4000)], True, at(82_400), "paid_presumed"),
        (told(ACTIVE, HELD, payment_frequency_interval="Day", payment_frequency_count=1),
         [paid(-4000, amount=None)], True, at(82_400), "paid_presumed"),
        (told(ACTIVE, HELD), [paid(-4000, amount=0)], False, None, "on_hold"),
        (told(ACTIVE, HELD), [paid(-4000, is_update_payment_method=True)], False, None, "on_hold"),
        # what was given back is not paid
        (told(ACTIVE, HELD), [paid(-4000, until=SOON, refund_status="full")],
         False, None, "on_hold"),
        (told(ACTIVE, HELD), [paid(-4000, until=SOON, refund_status="partial")],
         True, SOON, "paid"),
        # a cancellation ends what was paid for, and opens nothing that was shut
        (told(ACTIVE, CANCELLED, next_billing_date=SOON), [], True, SOON, "paid_through"),
        (told(ACTIVE, CANCELLED, next_billing_date=AGO), [paid(-9000, until=SOON)],
         True, SOON, "paid_through"),
        (told(ACTIVE, CANCELLED, next_billing_date=SOON), [paid(-9000, until=at(60))],
         True, at(60), "paid_through"),
        (told(ACTIVE, CANCELLED, next_billing_date=SOON, previous_billing_date=at(-50)),
         [paid(-9000, until=at(-60))], True, SOON, "paid_through"),
        (told(ACTIVE, CANCELLED, next_billing_date=SOON),
         [paid(-9000, until=SOON, refund_status="full")], False, None, "cancelled"),
        (told(ACTIVE, HELD, CANCELLED, next_billing_date=SOON), [], False, None, "cancelled"),
        (told(ACTIVE, HELD, CANCELLED, next_billing_date=SOON), [paid(-9000, until=SOON)],
         False, None, "cancelled"),
        (told(ACTIVE, HELD, CANCELLED, next_billing_date=SOON), [paid(-4000, until=SOON)],
         True, SOON, "paid_through"),
        (told(ACTIVE, HELD, CANCELLED, next_billing_date=SOON), [paid(-900, until=SOON)],
         True, SOON, "paid"),
        (told(ACTIVE, ("paused", "paused", -5000), CANCELLED, next_billing_date=SOON), [],
         False, None, "cancelled"),
        (told(("updated", "pending", -5000), CANCELLED, next_billing_date=SOON), [],
         False, None, "cancelled"),
        (told(CANCELLED, next_billing_date=SOON), [paid(-9000, status="failed")],
         False, None, "cancelled"),
        # a change of plan failed within a period that was paid for
        (told(CANCELLED, next_billing_date=SOON),
         [paid(-9000, until=SOON), paid(-5000, status="failed", identity="pay_2")],
         True, SOON, "paid_through"),
        (told(CANCELLED, next_billing_date=SOON),
         [paid(-9000, until=at(-6000)), paid(-5000, status="failed", identity="pay_2")],
         False, None, "cancelled"),
        # a cancelled trial
        (told(ACTIVE, CANCELLED, next_billing_date=SOON, created_at=at(-9000), trial_period_days=7),
         [paid(-9000, amount=0, until=SOON)], True, SOON, "trial_through"),
    ],
)  # fmt: skip
def test_payments_decide_with_the_status(
    subscription: Fold[Any],
    payments: list[Fold[Any]],
    entitled: bool,
    until: datetime | None,
    rule: str,
) -> None:
    (because,) = access([subscription], NOON, payments=payments).because
    assert (because.entitled, because.until, because.rule) == (entitled, until, rule)


def test_refunds_and_lost_disputes_take_back_what_was_paid() -> None:
    held_back, payment = told(ACTIVE, HELD), paid(-4000, until=SOON)
    refund = held("refund.succeeded", "succeeded", identity="r", payment_id="pay_1", amount=900)
    part = held("refund.succeeded", "succeeded", identity="r", payment_id="pay_1", amount=899)
    lost = held("dispute.lost", "lost", identity="d", payment_id="pay_1", amount="900")
    won = held("dispute.won", "won", identity="d", payment_id="pay_1", amount="900")

    def entitled(policy: Policy | None = None, **others: Any) -> bool:  # noqa: ANN401
        return access([held_back], NOON, payments=[payment], policy=policy, **others).entitled

    assert entitled(refunds=[part])
    assert entitled(disputes=[won])
    assert not entitled(refunds=[refund])
    assert not entitled(disputes=[lost])
    few = held("dispute.lost", "lost", identity="e", payment_id="pay_1", amount="100")
    assert not entitled(disputes=[lost, few])
    assert not entitled(disputes=[few, lost])
    assert entitled(disputes=[few])
    assert entitled(Policy(refunded=True), refunds=[refund], disputes=[lost])


RUPEES, CENTS = {"amount": 100_000, "currency": "INR"}, {"amount": 1200, "currency": "USD"}


@pytest.mark.parametrize(
    ("kind", "back", "entitled"),
    [
        # of a payment of 1,000.00 INR
        ("refund", {"amount": None, "currency": "INR", "is_partial": False}, False),
        ("refund", {"amount": None, "currency": "INR", "is_partial": True}, True),
        ("refund", {"amount": None, "currency": None}, True),
        ("refund", {**CENTS, "is_partial": False}, False),
        ("refund", {**CENTS, "is_partial": True}, True),
        ("refund", {"amount": 200_000, "currency": "USD", "is_partial": True}, True),
        ("refund", {**RUPEES, "is_partial": True}, False),
        # where amounts can be compared, they decide
        ("refund", {"amount": 99_999, "currency": "INR", "is_partial": False}, True),
        ("dispute", {"amount": "1200", "currency": "USD"}, False),
        ("dispute", {"amount": "99999", "currency": "INR"}, True),
        ("dispute", {"amount": None, "currency": "INR"}, False),
    ],
)
def test_what_was_taken_back_is_compared_in_one_currency(
    kind: str, back: dict[str, Any], entitled: bool
) -> None:
    payment = paid(-4000, until=SOON, amount=100_000, currency="INR")
    status = {"refund": "succeeded", "dispute": "lost"}[kind]
    taken = held(f"{kind}.{status}", status, identity="b", payment_id="pay_1", **back)
    others: dict[str, Any] = {f"{kind}s": [taken]}
    answer = access([told(ACTIVE, HELD)], NOON, payments=[payment], **others)
    assert answer.entitled == entitled


def test_a_payment_for_a_subscription_that_nobody_told_of_entitles() -> None:
    answer = access([], NOON, payments=[paid(-4000, until=SOON)])
    assert (answer.entitled, answer.until) == (True, SOON)
    assert [(b.subscription_id, b.payment_id, b.rule) for b in answer.because] == [
        ("sub_1", "pay_1", "paid"),
    ]  # fmt: skip
    # but not the one who paid for the subscription of another customer
    assert not access([], NOON, payments=[paid(-4000, until=SOON)], elsewhere={"sub_1"}).entitled


def test_where_nothing_decides_the_reading_that_entitles_counts() -> None:
    unsure = fold([
        entry("subscription.updated", "active", -9000, position=1, next_billing_date=SOON),
        # sent a day later, so it may be older than the renewal or newer
        entry("subscription.updated", "on_hold", -8000, sent=78_000, position=3),
        entry("subscription.renewed", "active", -5000, position=2, next_billing_date=SOON),
    ])[0]  # fmt: skip
    assert unsure.status == "on_hold"
    (because,) = access([unsure], at(80_000)).because
    assert (because.status, because.rule, because.until) == ("active", "active", SOON)


def test_a_payment_that_a_reading_may_have_missed_counts() -> None:
    period = {"subscription_id": "sub_1", "starts_at": at(-4000), "ends_at": SOON}
    missed = fold([
        entry("payment.succeeded", "succeeded", -4000, position=1, identity="pay_1",
              subscription_id="sub_1", total_amount=900, service_periods=[period]),
        observed("payment", "processing", -3998, position=2, identity="pay_1",
                 subscription_id="sub_1", total_amount=900, service_periods=[]),
    ])[0]  # fmt: skip
    assert missed.status == "processing"
    (because,) = access([told(ACTIVE, HELD)], NOON, payments=[missed]).because
    assert (because.rule, because.until) == ("paid", SOON)


def test_nothing_is_taken_back_by_what_may_not_have_happened() -> None:
    fields: dict[str, Any] = {"identity": "r", "payment_id": "pay_1", "amount": 900}
    back = fold([
        entry("refund.failed", "failed", -4000, position=1, **fields),
        observed("refund", "succeeded", -3998, position=2, **fields),
    ])[0]  # fmt: skip
    assert back.status == "succeeded"
    payment = paid(-4000, until=SOON)
    assert access([told(ACTIVE, HELD)], NOON, payments=[payment], refunds=[back]).entitled


def test_nothing_is_known_of_this_customer() -> None:
    answer = access([], NOON)
    assert (answer.entitled, answer.because) == (False, ())


def test_a_grant_counts_unless_its_subscription_is_decided_on() -> None:
    one_time = held("entitlement_grant.delivered", "Delivered", identity="g_1")
    revoked = held("entitlement_grant.revoked", "Revoked", identity="g_2")
    follows = held(
        "entitlement_grant.delivered", "Delivered", identity="g_3", subscription_id="sub_1"
    )
    answer = access([], NOON, grants=[one_time, revoked])
    assert [(b.entitlement_grant_id, b.rule) for b in answer.because] == [
        ("g_1", "granted"), ("g_2", "revoked"),
    ]  # fmt: skip
    assert (answer.entitled, answer.until) == (True, None)
    assert not access([], NOON, grants=[revoked]).entitled
    assert access([], NOON, grants=[follows]).entitled
    assert not access([told(ACTIVE, HELD)], NOON, grants=[follows]).entitled


@pytest.mark.parametrize(("ends", "entitled"), [(SOON, True), (AGO, False)])
def test_the_end_of_a_key_ends_its_grant(ends: datetime, entitled: bool) -> None:
    key = {"key": "k", "expires_at": ends}
    grant = held("entitlement_grant.delivered", "Delivered", identity="g_1", license_key=key)
    (because,) = access([], NOON, grants=[grant]).because
    assert (because.entitled, because.until) == (entitled, ends)


def test_a_key_or_a_purchase_alone_is_said_and_entitles_where_the_book_says_so() -> None:
    key = held("license_key.created", "active", identity="l_1", key="k", expires_at=SOON)
    bought = held("payment.succeeded", "succeeded", identity="pay_9", total_amount=900)
    shut = access([], NOON, keys=[key], payments=[bought])
    assert [(b.rule, b.entitled) for b in shut.because] == [
        ("license_key", False), ("one_time_payment", False),
    ]  # fmt: skip
    assert access([], NOON, keys=[key], policy=Policy(license_keys=True)).until == SOON
    assert not access([], at(99_999), keys=[key], policy=Policy(license_keys=True)).entitled
    assert access([], NOON, payments=[bought], policy=Policy(one_time_payments=True)).entitled
    # who got the money back has no key: the provider disables it without an event
    back = paid(-4000, identity="pay_9", refund_status="full")
    sold = held("license_key.created", "active", identity="l_1", key="k", payment_id="pay_9")
    assert not access(
        [], NOON, keys=[sold], payments=[back], policy=Policy(license_keys=True)
    ).entitled
    # a grant tells what became of either
    grant = held(
        "entitlement_grant.revoked", "Revoked", identity="g", payment_id="pay_9",
        license_key={"key": "k"},
    )  # fmt: skip
    told_of = access([], NOON, keys=[key], payments=[bought], grants=[grant])
    assert [b.rule for b in told_of.because] == ["revoked"]


@pytest.mark.parametrize(
    ("policy", "kind", "status", "fields", "entitled", "until", "rule"),
    [
        (Policy(grace=False), "subscription.past_due", "past_due", {"past_due_ends_at": SOON},
         False, None, "past_due"),
        (Policy(paid_through=False), "subscription.cancelled", "cancelled",
         {"next_billing_date": SOON}, False, None, "cancelled"),
        (Policy(trial_through=False), "subscription.cancelled", "cancelled",
         {"next_billing_date": SOON, "created_at": at(-100_000), "trial_period_days": 7},
         False, None, "cancelled"),
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


def test_every_rule_is_in_the_table() -> None:
    named = {rule for rule, *_ in RULES}
    modules = (domain.access, domain.confirming, domain.paid, domain.policy)
    text = "".join(Path(m.__file__ or "").read_text() for m in modules)
    used = set(
        re.findall(
            r'(?:Decision\(|Proved\(|rule=|rule = |rule, keeps(?:, ends)? = |else )"(\w+)"', text
        )
    )
    assert used - {"cancelled"} == named - {"the status itself", "past_due"}
