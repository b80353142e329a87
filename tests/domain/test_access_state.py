"""The state that a page shows: one for every rule, and never at odds with ``entitled``."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import entitlement_grant, license_key, subscription
from domain.access import Access, access
from domain.access_state import STATES, AccessState
from domain.fold import Fold, fold
from domain.machine import START
from domain.policy import RULES, Policy
from domain.reading import read
from tests.builders import NOON, at
from tests.domain.test_access import (
    ACTIVE,
    AGO,
    CANCELLED,
    HELD,
    SOON,
    held,
    paid,
    told,
)
from tests.histories import Told, histories

ENTITLING = {row.state for row in STATES if row.entitled}
PENDING = ("updated", "pending", -9000)


@pytest.mark.parametrize(
    ("subscription", "payments", "state"),
    [
        (told(ACTIVE, next_billing_date=SOON), [], "active"),
        # a webhook may be missing: the customer need not know
        (told(ACTIVE, next_billing_date=AGO), [], "active"),
        (told(("trial", "trialing", -100), next_billing_date=SOON), [], "active"),
        (told(ACTIVE, next_billing_date=SOON, cancel_at_next_billing_date=True), [], "ending"),
        (told(ACTIVE, ("past_due", "past_due", -5000), past_due_ends_at=SOON), [], "grace"),
        (told(ACTIVE, CANCELLED, next_billing_date=SOON), [], "ending"),
        (told(ACTIVE, CANCELLED, next_billing_date=SOON, created_at=at(-9000), trial_period_days=7),
         [paid(-9000, amount=0, until=SOON)], "ending"),
        # paid: the webhook that ends the hold is still to come
        (told(ACTIVE, HELD), [paid(-4000, until=SOON)], "active"),
        (told(ACTIVE, HELD), [paid(-4000)], "active"),
        (told(PENDING), [paid(-4000, until=SOON)], "active"),
        (told(ACTIVE, HELD, CANCELLED, next_billing_date=SOON), [paid(-900, until=SOON)], "ending"),
        # a payment is awaited: nobody sells a second subscription
        (told(ACTIVE, HELD), [], "on_hold"),
        (told(ACTIVE, HELD), [paid(-9000, until=AGO)], "on_hold"),
        (told(ACTIVE, ("past_due", "past_due", -5000), past_due_ends_at=AGO), [], "on_hold"),
        (told(ACTIVE, ("paused", "paused", -5000)), [paid(-4000, until=SOON)], "paused"),
        (told(ACTIVE, next_billing_date=AGO, cancel_at_next_billing_date=True), [], "lapsed"),
        (told(ACTIVE, next_billing_date=SOON, expires_at=AGO), [], "lapsed"),
        (told(ACTIVE, CANCELLED, next_billing_date=AGO), [], "lapsed"),
        (told(ACTIVE, ("expired", "expired", -5000)), [], "lapsed"),
        # what was before the book began is not known: it was bought, for all we know
        (told(CANCELLED, next_billing_date=AGO), [], "lapsed"),
        (told(("trial", "trialing", -100), next_billing_date=AGO), [], "lapsed"),
        (told(PENDING), [], "never"),
        (told(PENDING, ("failed", "failed", -5000)), [], "never"),
        (told(PENDING, CANCELLED, next_billing_date=SOON), [], "never"),
        # who has paid once is not told to buy as if for the first time
        (told(PENDING), [paid(-9000, until=AGO)], "lapsed"),
        (told(PENDING, ("failed", "failed", -5000)), [paid(-4000, until=SOON)], "lapsed"),
        (told(PENDING), [paid(-9000, until=SOON, refund_status="full")], "lapsed"),
        (told(PENDING), [paid(-9000, amount=0)], "never"),
        (told(PENDING), [paid(-9000, is_update_payment_method=True)], "never"),
        (told(PENDING), [paid(-9000, status="failed")], "never"),
    ],
)  # fmt: skip
def test_each_state(subscription: Fold[Any], payments: list[Fold[Any]], state: AccessState) -> None:
    answer = access([subscription], NOON, payments=payments)
    assert (answer.state, answer.entitled) == (state, state in ENTITLING)


@pytest.mark.parametrize(
    ("policy", "subscription", "state"),
    [
        (Policy(grace=False), told(ACTIVE, ("past_due", "past_due", -50), past_due_ends_at=SOON),
         "on_hold"),
        (Policy(renewal_allowance_days=0), told(ACTIVE, next_billing_date=AGO), "on_hold"),
        (Policy(paid_through=False), told(ACTIVE, CANCELLED, next_billing_date=SOON), "lapsed"),
    ],
)  # fmt: skip
def test_the_state_follows_the_policy(
    policy: Policy, subscription: Fold[Any], state: AccessState
) -> None:
    assert access([subscription], NOON, policy=policy).state == state


def test_nobody_has_bought_of_whom_nothing_is_known() -> None:
    assert access([], NOON).state == "never"


def test_a_purchase_without_access_has_lapsed() -> None:
    bought = held("payment.succeeded", "succeeded", identity="pay_9", total_amount=900)
    key = held("license_key.created", "active", identity="l_1", key="k", expires_at=AGO)
    revoked = held("entitlement_grant.revoked", "Revoked", identity="g_1")
    assert access([], NOON, payments=[bought]).state == "lapsed"
    assert access([], NOON, keys=[key]).state == "lapsed"
    assert access([], NOON, grants=[revoked]).state == "lapsed"
    assert (
        access([], NOON, payments=[bought], policy=Policy(one_time_payments=True)).state == "active"
    )
    # also a payment that gives nothing: it was given back
    back = paid(-4000, until=SOON, refund_status="full")
    answer = access([], NOON, payments=[back])
    assert (answer.state, answer.because) == ("lapsed", ())


def test_the_best_reason_leads_and_gives_the_state() -> None:
    ends = {"next_billing_date": SOON}
    folds = {
        "never": held("subscription.failed", "failed", identity="sub_7"),
        "lapsed": held("subscription.expired", "expired", identity="sub_6"),
        "paused": held("subscription.paused", "paused", identity="sub_5"),
        "on_hold": held("subscription.on_hold", "on_hold", identity="sub_4"),
        "ending": held("subscription.cancelled", "cancelled", identity="sub_3", **ends),
        "grace": held("subscription.past_due", "past_due", identity="sub_2"),
        "active": held("subscription.active", "active", identity="sub_1"),
    }  # fmt: skip
    assert {*folds} == {*get_args(AccessState)}
    known: list[Fold[Any]] = []
    for state, folded in folds.items():
        known.append(folded)
        answer = access(known, NOON)
        assert answer.state == answer.because[0].state == state
    assert [b.state for b in access(known, NOON).because] == [row.state for row in STATES]


def test_every_rule_has_its_state() -> None:
    """Each rule of the policy, and each status that may be a rule, once for each answer."""
    pairs = [(rule, row.entitled) for row in STATES for rule in row.rules]
    assert len(pairs) == len({*pairs})
    statuses = {
        status
        for aggregate in (subscription, entitlement_grant, license_key)
        for status in get_args(aggregate.Status)
    }
    # these are never rules: ``granted`` and ``license_key`` are
    statuses -= {"active", "delivered", START}
    expected = {(status, False) for status in statuses}
    for rule, entitled, *_ in RULES:
        if entitled.startswith("by"):
            expected |= {(rule, True), (rule, False)}
        elif rule != "the status itself":
            expected |= {(rule, entitled == "yes")}
    # what the provider did not confirm keeps the state that it had
    expected.remove(("unconfirmed", False))
    # without a date an unknown status lets nobody in
    assert {*pairs} == expected | {("unknown_status", False)}


MOMENTS = st.sampled_from([at(n) for n in (-86_400, 0, 40, 7_300, 86_400, 40 * 86_400)])
POLICIES = st.builds(
    Policy,
    grace=st.booleans(),
    paid_through=st.booleans(),
    refunded=st.booleans(),
    renewal_allowance_days=st.sampled_from([None, 0, 30]),
)
PAYMENTS = st.lists(
    st.builds(
        paid,
        st.sampled_from([-90_000.0, 1.0, 40.0, 9_000.0]),
        amount=st.sampled_from([0, 900]),
        until=st.sampled_from([None, at(60), at(8_000), at(50 * 86_400)]),
        identity=st.sampled_from(["pay_1", "pay_2"]),
        status=st.sampled_from(["succeeded", "failed"]),
    ),
    max_size=2,
)


TWO = st.tuples(histories("sub_1", lossless=False), histories("sub_2", lossless=False))


@given(TWO, PAYMENTS, MOMENTS, POLICIES)
def test_the_state_agrees_with_the_answer(
    some: tuple[Told, Told], payments: list[Fold[Any]], moment: Any, policy: Policy  # noqa: ANN401
) -> None:  # fmt: skip
    streams = [[read(event) for event in one.events] for one in some if one.events]
    folds = [fold(entries)[0] for entries in streams]
    answer = access(folds, moment, payments=payments, policy=policy)
    assert agrees(answer)
    if any(p.status == "succeeded" and p.state.total_amount for p in payments):
        assert answer.state != "never"
    if any(f.status in {"on_hold", "paused", "active", "past_due"} for f in folds):
        # a subscription that goes on is neither over nor unheard of
        assert answer.state != "never"


def agrees(answer: Access) -> bool:
    reasons = answer.because
    assert all(b.entitled == (b.state in ENTITLING) for b in reasons)
    if reasons and (answer.state, reasons[0].state) != ("lapsed", "never"):
        assert answer.state == reasons[0].state
    return answer.entitled == (answer.state in ENTITLING)
