"""Who is let in: histories in which the proof is in the book, and the answer."""

from datetime import datetime
from typing import Any

import pytest

from tests.domain.books import Book, day, iso, period


@pytest.fixture
def book() -> Book:
    return Book()


def test_1_a_payment_alone_entitles_for_its_period(book: Book) -> None:
    book.tell(
        "payment.succeeded", "succeeded", day(1), identity="pay_1", subscription_id="sub_1",
        total_amount=1900, service_periods=period("2026-12-01T00:00:00Z"),
    )  # fmt: skip
    answer = book.access(day(20))
    assert (answer.entitled, answer.until, answer.because[0].rule) == (
        True, day(1, month=12), "paid",
    )  # fmt: skip
    assert not book.access(day(2, month=12)).entitled


def test_2_who_paid_after_the_hold_is_let_in(book: Book) -> None:
    book.tell("subscription.active", "active", day(1, month=10))
    book.tell("subscription.on_hold", "on_hold", day(1))
    assert not book.access(day(19)).entitled
    book.tell(
        "payment.succeeded", "succeeded", day(20), identity="pay_1", subscription_id="sub_1",
        total_amount=1900, service_periods=period("2026-12-20T00:00:00Z"),
    )  # fmt: skip
    answer = book.access(day(25))
    assert (answer.entitled, answer.until) == (True, day(20, month=12))


def test_3_a_cancellation_opens_no_hold(book: Book) -> None:
    ahead = iso(1, 12)
    book.tell("subscription.on_hold", "on_hold", day(1), next_billing_date=ahead)
    book.tell("subscription.cancelled", "cancelled", day(2), next_billing_date=ahead)
    assert not book.access(day(3)).entitled


def test_4_a_cancellation_opens_nothing_that_was_never_paid(book: Book) -> None:
    book.tell("payment.failed", "failed", day(1), identity="pay_1", subscription_id="sub_1")
    book.tell("subscription.cancelled", "cancelled", day(2), next_billing_date=iso(1, 12))
    assert not book.access(day(3)).entitled


def test_5_a_cancellation_opens_nothing_that_was_refunded(book: Book) -> None:
    book.tell("subscription.active", "active", day(1), next_billing_date="2099-01-01T00:00:00Z")
    book.tell(
        "payment.succeeded", "succeeded", day(1), identity="pay_1", subscription_id="sub_1",
        total_amount=1900, refund_status="full", service_periods=period("2099-01-01T00:00:00Z"),
    )  # fmt: skip
    book.tell(
        "refund.succeeded", "succeeded", day(2), identity="r", payment_id="pay_1", amount=1900
    )
    book.tell(
        "subscription.cancelled", "cancelled", day(3), next_billing_date="2099-01-01T00:00:00Z"
    )
    assert not book.access(day(4)).entitled


def test_6_a_payment_counts_that_names_no_customer(book: Book) -> None:
    book.tell(
        "payment.succeeded", "succeeded", day(1), identity="pay_1", customer=None,
        subscription_id="sub_1", total_amount=1900, service_periods=period("2099-01-01T00:00:00Z"),
    )  # fmt: skip
    book.tell("subscription.active", "active", day(1), next_billing_date=iso(2, 11))
    book.tell("subscription.cancelled", "cancelled", day(2), next_billing_date=iso(2, 11))
    assert book.access(day(9)).entitled


def test_7_a_grant_counts_whose_subscription_is_not_in_the_book(book: Book) -> None:
    book.tell("entitlement_grant.delivered", "Delivered", day(1), subscription_id="sub_9")
    answer = book.access(day(2))
    assert (answer.entitled, answer.because[0].rule) == (True, "granted")


def test_21_an_unknown_beginning_entitles_until_it_is_billed(book: Book) -> None:
    book.tell("subscription.trial_started", "trialing", day(1), next_billing_date=iso(9, 11))
    answer = book.access(day(2))
    assert (answer.entitled, answer.because[0].rule) == (True, "unknown_status")
    assert not book.access(day(10)).entitled


def test_an_event_of_a_new_type_lets_nobody_in_who_is_pending(book: Book) -> None:
    book.tell("subscription.created", "pending", day(1), next_billing_date=iso(1, 12))
    answer = book.access(day(2))
    assert (answer.entitled, answer.state) == (False, "never")
    book.tell("subscription.cancelled", "cancelled", day(3), next_billing_date=iso(1, 12))
    assert not book.access(day(4)).entitled


@pytest.mark.parametrize("kind", ["subscription.updated", "subscription.created"])
def test_an_unknown_status_after_pending_entitles_until_it_is_billed(book: Book, kind: str) -> None:
    ahead = iso(9, 11)
    book.tell(kind, "pending", day(1), next_billing_date=ahead)
    book.tell("subscription.trial_started", "trialing", day(2), next_billing_date=ahead)
    answer = book.access(day(3))
    assert (answer.entitled, answer.because[0].rule) == (True, "unknown_status")
    assert not book.access(day(10)).entitled
    book.tell("subscription.cancelled", "cancelled", day(4), next_billing_date=ahead)
    assert [book.access(moment).entitled for moment in (day(5), day(10))] == [True, False]


def test_27_the_end_of_access_is_the_same_from_the_start(book: Book) -> None:
    book.tell("subscription.active", "active", day(27, month=10), next_billing_date=iso(27, 11))
    book.tell(
        "payment.succeeded", "succeeded", day(27, month=10), identity="pay_1",
        subscription_id="sub_1", total_amount=1900,
        service_periods=period("2026-11-27T00:00:00Z"),
    )  # fmt: skip
    book.tell("subscription.paused", "paused", day(1), next_billing_date=iso(27, 11))
    book.tell("subscription.unpaused", "active", day(15), next_billing_date=iso(11, 12))
    book.tell("subscription.cancelled", "cancelled", day(20), next_billing_date=iso(11, 12))
    ends = [book.access(moment).because[0].until for moment in (day(21), day(28))]
    assert ends == [day(27), day(27)]


def test_32_the_end_of_the_term_ends_access(book: Book) -> None:
    book.tell(
        "subscription.active", "active", day(1), next_billing_date=iso(5, 11), expires_at=iso(5, 11)
    )
    answer = book.access(day(6))
    assert (answer.entitled, answer.because[0].until) == (False, day(5))


def test_a_cancellation_opens_no_grace_that_is_over(book: Book) -> None:
    ahead = iso(1, 12)
    book.tell("subscription.active", "active", day(1), next_billing_date=ahead)
    book.tell("subscription.past_due", "past_due", day(5), past_due_ends_at=iso(8, 11))
    assert book.access(day(7)).entitled
    book.tell("subscription.cancelled", "cancelled", day(8), next_billing_date=ahead)
    assert not book.access(day(9)).entitled


def test_a_cancellation_within_the_grace_leaves_the_grace(book: Book) -> None:
    ahead = iso(1, 12)
    book.tell("subscription.active", "active", day(1), next_billing_date=ahead)
    book.tell("subscription.past_due", "past_due", day(5), past_due_ends_at=iso(8, 11))
    book.tell("subscription.cancelled", "cancelled", day(6), next_billing_date=ahead)
    ends = [book.access(moment).because[0].until for moment in (day(7), day(9))]
    assert ends == [day(8), day(8)]


def test_what_was_paid_for_outlasts_the_term(book: Book) -> None:
    ends = iso(15, 11)
    book.tell("subscription.active", "active", day(1), next_billing_date=ends)
    book.tell(
        "subscription.cancelled", "cancelled", day(2), next_billing_date=ends, expires_at=ends
    )
    book.tell(
        "payment.succeeded", "succeeded", day(9), identity="pay_1", subscription_id="sub_1",
        total_amount=1900, service_periods=period("2026-12-09T00:00:00Z", iso(9, 11)),
    )  # fmt: skip
    answer = book.access(day(16))
    assert (answer.entitled, answer.until) == (True, day(9, month=12))


def test_a_cancellation_keeps_the_access_of_an_unknown_beginning(book: Book) -> None:
    book.tell("subscription.trial_started", "trialing", day(1), next_billing_date=iso(9, 11))
    book.tell("subscription.cancelled", "cancelled", day(2), next_billing_date=iso(9, 11))
    assert book.access(day(3)).entitled
    assert not book.access(day(10)).entitled


def test_a_cancellation_after_two_readings_keeps_the_access_of_either(book: Book) -> None:
    book.tell("subscription.updated", "active", day(1))
    book.tell("subscription.updated", "on_hold", day(5), sent=day(5, 20))
    book.tell("subscription.renewed", "active", day(5, 10))
    book.tell("subscription.cancelled", "cancelled", day(10), next_billing_date=iso(1, 12))
    assert book.access(day(11)).entitled


def test_a_grant_in_two_readings_entitles(book: Book) -> None:
    book.tell("entitlement_grant.delivered", "Delivered", day(1))
    book.tell("entitlement_grant.created", "Revoked", day(5), sent=day(5, 20))
    book.tell("entitlement_grant.delivered", "Delivered", day(5, 10))
    assert book.access(day(6)).entitled


def test_a_cancellation_keeps_what_a_presumed_payment_gave(book: Book) -> None:
    over = iso(1, 11)
    book.tell("subscription.active", "active", day(1, month=10), next_billing_date=over)
    book.tell("subscription.on_hold", "on_hold", day(1), next_billing_date=over)
    book.tell(
        "payment.succeeded", "succeeded", day(10), identity="pay_1", subscription_id="sub_1",
        total_amount=1900,
    )  # fmt: skip
    before = book.access(day(11))
    book.tell("subscription.cancelled", "cancelled", day(12), next_billing_date=over)
    after = book.access(day(13))
    assert (before.entitled, before.until) == (True, day(10, month=12))
    assert (after.entitled, after.until) == (True, day(10, month=12))
    assert not book.access(day(11, month=12)).entitled


def test_a_cancellation_keeps_what_was_paid_before_anything_was_known(book: Book) -> None:
    over = iso(1, 11)
    book.tell(
        "payment.succeeded", "succeeded", day(9), identity="pay_1", subscription_id="sub_1",
        total_amount=1900,
    )  # fmt: skip
    book.tell("subscription.updated", "pending", day(10), next_billing_date=over)
    assert book.access(day(11)).entitled
    book.tell("subscription.cancelled", "cancelled", day(12), next_billing_date=over)
    assert book.access(day(13)).entitled


def test_a_trial_beyond_all_calendars_ends_when_it_is_billed(book: Book) -> None:
    terms: dict[str, Any] = {
        "trial_period_days": 10**9, "created_at": iso(1, 11), "next_billing_date": iso(1, 12),
    }  # fmt: skip
    book.tell("subscription.active", "active", day(1), **terms)
    book.tell("subscription.cancelled", "cancelled", day(3), **terms)
    answer = book.access(day(4))
    assert (answer.because[0].rule, answer.until) == ("trial_through", day(1, month=12))


def pay(book: Book, identity: str, at: datetime, amount: int = 1900, **fields: Any) -> None:  # noqa: ANN401
    """A payment that names no period."""
    book.tell(
        "payment.succeeded", "succeeded", at, identity=identity, subscription_id="sub_1",
        total_amount=amount, **fields,
    )  # fmt: skip


def test_a_new_payment_method_brings_back_nothing_that_was_refunded(book: Book) -> None:
    terms: dict[str, Any] = {"next_billing_date": iso(1, 12), "previous_billing_date": iso(1, 11)}
    book.tell("subscription.active", "active", day(1), **terms)
    pay(book, "pay_1", day(1), refund_status="full")
    pay(book, "pay_2", day(2), 0, is_update_payment_method=True)
    book.tell("subscription.cancelled", "cancelled", day(3), **terms)
    assert not book.access(day(4)).entitled


def test_a_new_payment_method_is_no_payment_after_one_that_failed(book: Book) -> None:
    book.tell("payment.failed", "failed", day(1), identity="pay_1", subscription_id="sub_1")
    pay(book, "pay_2", day(2), 0, is_update_payment_method=True)
    book.tell("subscription.cancelled", "cancelled", day(3), next_billing_date=iso(1, 12))
    assert not book.access(day(4)).entitled


def test_what_was_paid_without_a_period_outlasts_another_payment_that_was_refunded(
    book: Book,
) -> None:
    terms: dict[str, Any] = {
        "next_billing_date": "2027-11-01T00:00:00Z", "previous_billing_date": iso(1, 11),
        "payment_frequency_interval": "Year", "payment_frequency_count": 1,
    }  # fmt: skip
    book.tell("subscription.active", "active", day(1), **terms)
    pay(book, "pay_1", day(1))
    pay(book, "pay_2", day(9), 500, charge_type="plan_change", refund_status="full")
    book.tell("subscription.cancelled", "cancelled", day(10), **terms)
    answer = book.access(day(11))
    assert (answer.entitled, answer.until) == (True, day(1).replace(year=2027))


@pytest.mark.parametrize("periods", [{}, {"service_periods": period("2026-11-01T00:00:00Z")}])
def test_a_period_that_was_billed_later_outlasts_a_refund(
    book: Book, periods: dict[str, Any]
) -> None:
    began = day(1, month=10)
    pay(book, "pay_1", began, refund_status="full", **periods)
    book.tell("subscription.active", "active", began, next_billing_date=iso(1, 11))
    terms: dict[str, Any] = {"next_billing_date": iso(1, 12), "previous_billing_date": iso(1, 11)}
    book.tell("subscription.renewed", "active", day(1), **terms)
    book.tell("subscription.cancelled", "cancelled", day(3), **terms)
    answer = book.access(day(4))
    assert (answer.entitled, answer.until) == (True, day(1, month=12))


def test_the_payment_that_proves_is_named_and_not_a_later_one(book: Book) -> None:
    ends = "2026-12-01T00:00:00Z"
    pay(book, "pay_1", day(1), service_periods=period(ends))
    pay(book, "pay_2", day(2), 500, refund_status="full", service_periods=period(ends))
    pay(book, "pay_3", day(3), 500)
    (because,) = book.access(day(4)).because
    assert (because.payment_id, because.since, because.until) == (
        "pay_1", day(1), day(1, month=12),
    )  # fmt: skip


def test_a_presumed_period_does_not_outlast_the_term(book: Book) -> None:
    terms: dict[str, Any] = {"next_billing_date": iso(1, 11), "expires_at": iso(20, 11)}
    book.tell("subscription.active", "active", day(1, month=10), **terms)
    book.tell("subscription.on_hold", "on_hold", day(1), **terms)
    pay(book, "pay_1", day(5))
    book.tell("subscription.cancelled", "cancelled", day(6), **terms)
    answers = [book.access(moment) for moment in (day(7), day(21))]
    assert [(answer.entitled, answer.because[0].until) for answer in answers] == [
        (True, day(20)), (False, day(20)),
    ]  # fmt: skip


def test_who_paid_within_the_grace_is_told_of_one_end_after_a_cancellation(book: Book) -> None:
    over = iso(1, 11)
    book.tell("subscription.active", "active", day(1, month=10), next_billing_date=over)
    book.tell(
        "subscription.past_due", "past_due", day(1), next_billing_date=over,
        past_due_ends_at=iso(4, 11),
    )  # fmt: skip
    pay(book, "pay_1", day(2))
    book.tell("subscription.cancelled", "cancelled", day(3), next_billing_date=over)
    ends = [book.access(moment).until for moment in (day(3, 1), day(5))]
    assert ends == [day(2, month=12), day(2, month=12)]
