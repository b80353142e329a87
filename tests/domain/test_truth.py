"""What a delivery means: histories in which the proof is in the book, and the answer.

Each is told with the fields that matter. ``sent`` is when a delivery was sent, at once by default.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.fold import extend, fold
from domain.recurring import monthly
from domain.story import sentence
from tests.domain.books import Book, day, iso


@pytest.fixture
def book() -> Book:
    return Book()


def test_8_a_replay_that_shows_the_end_is_followed(book: Book) -> None:
    book.tell("subscription.active", "active", day(1), webhook_id="m")
    book.tell("subscription.renewed", "active", day(2))
    book.tell("subscription.active", "expired", day(1), sent=day(20), webhook_id="m")
    folded = book.fold()
    assert (folded.status, folded.since) == ("expired", day(20))
    assert not book.access(day(21)).entitled
    assert book.as_of(day(15)).status == "active"


def test_9_a_late_payload_that_names_a_later_moment_is_followed(book: Book) -> None:
    book.tell("subscription.on_hold", "on_hold", day(1))
    late = book.tell(
        "subscription.updated", "active", day(31, 20, month=10), sent=day(2),
        previous_billing_date=day(1, 5).isoformat(), next_billing_date=iso(1, 12),
    )  # fmt: skip
    step = book.step(late)
    assert (step.verdict, step.missing) == ("inferred", ("subscription.active",))
    assert (book.fold().status, book.fold().since) == ("active", day(1, 5))
    assert book.access(day(3)).entitled
    assert "subscription.active seems to be missing." in sentence(step)


def test_10_updated_at_decides_alone(book: Book) -> None:
    book.tell("entitlement_grant.created", "Pending", day(1), updated_at=iso(1, 11))
    book.tell("entitlement_grant.delivered", "Delivered", day(1, 1), updated_at=iso(1, 11))
    book.tell("entitlement_grant.created", "Revoked", day(1), sent=day(6), updated_at=iso(5, 11))
    folded = book.fold("entitlement_grant")
    assert (folded.status, folded.since) == ("revoked", day(5))
    assert not book.access(day(7)).entitled


def test_11_of_two_tellings_of_one_instant_the_one_sent_later_counts(book: Book) -> None:
    book.tell("subscription.updated", "active", day(1), webhook_id="zz")
    book.tell("subscription.updated", "on_hold", day(1), sent=day(1, 1 / 60), webhook_id="aa")
    assert book.fold().status == "on_hold"


@pytest.mark.parametrize("hours", [0.05, 5])
def test_12_a_body_told_again_after_another_is_news(book: Book, hours: float) -> None:
    for number, status in enumerate(["active", "on_hold", "active"]):
        sent = day(1, number * hours)
        book.tell("subscription.active", status, day(1), sent=sent, webhook_id="m")
    assert book.fold().status == "active"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_14_a_list_that_grew_is_newer(book: Book, order: tuple[int, int]) -> None:
    tellings = [
        ("payment.succeeded", day(1, 0.5), None, None),
        ("payment.processing", day(1), day(2), "full"),
    ]
    for kind, at, sent, refunded in (tellings[n] for n in order):
        book.tell(kind, "succeeded", at, sent=sent, identity="pay_1", refund_status=refunded)
    assert book.fold("payment").state.refund_status == "full"
    assert {step.verdict for step in book.steps("payment")} == {"applied"}


def test_15_one_fact_under_two_ids_is_one_fact(book: Book) -> None:
    book.tell("entitlement_grant.created", "Delivered", day(1), webhook_id="a")
    book.tell("entitlement_grant.created", "Delivered", day(1), webhook_id="b")
    assert [s.verdict for s in book.steps("entitlement_grant")] == ["applied", "confirmed"]


@pytest.mark.parametrize("lost", [False, True])
def test_16_a_replay_restates_nothing(book: Book, *, lost: bool) -> None:
    terms: dict[str, Any] = {
        "payment_frequency_interval": "Month", "payment_frequency_count": 1,
        "next_billing_date": iso(27, 11),
    }  # fmt: skip
    october = day(27, month=10)
    book.tell(
        "subscription.renewed", "active", october, webhook_id="m", recurring_pre_tax_amount=1900,
        **terms,
    )  # fmt: skip
    if not lost:
        book.tell(
            "subscription.plan_changed", "active", day(10), recurring_pre_tax_amount=5000, **terms
        )
    book.tell(
        "subscription.renewed", "active", october, sent=day(11), webhook_id="m",
        recurring_pre_tax_amount=5000, cancel_at_next_billing_date=True, **terms,
    )  # fmt: skip
    then, now = book.as_of(day(1)), book.fold()
    assert (monthly(then.state), then.state.cancel_at_next_billing_date) == (1900, False)
    assert (monthly(now.state), now.state.cancel_at_next_billing_date) == (5000, True)
    assert {step.verdict for step in book.steps()} == {"applied", "confirmed"}


def test_20_a_stamp_of_the_far_future_does_not_win(book: Book) -> None:
    stamped = book.tell(
        "subscription.active", "active", datetime(2099, 1, 1, tzinfo=UTC), sent=day(1)
    )
    book.tell("subscription.expired", "expired", day(2))
    assert book.fold().status == "expired"
    assert stamped.unread == ("timestamp",)
    assert stamped.occurred_at == day(1)


def test_a_replay_under_its_id_that_names_a_new_moment_is_the_same_fact(book: Book) -> None:
    book.tell("subscription.active", "active", day(1))
    book.tell("subscription.on_hold", "on_hold", day(2), webhook_id="m")
    book.tell("subscription.active", "active", day(3))
    again = book.tell("subscription.on_hold", "active", day(10), webhook_id="m")
    assert (book.fold().status, book.fold().since) == ("active", day(3))
    assert book.step(again).verdict == "confirmed"


def test_a_replay_that_may_be_older_than_a_later_event_is_undecided(book: Book) -> None:
    book.tell("subscription.updated", "active", day(1))
    late = book.tell("subscription.updated", "on_hold", day(5), sent=day(5, 20))
    book.tell("subscription.renewed", "active", day(5, 10), next_billing_date=iso(5, 12))
    folded = book.fold()
    assert (folded.status, folded.other and folded.other.status) == ("on_hold", "active")
    assert book.step(late).undecided
    assert "then the status is still active" in sentence(book.step(late))
    assert book.access(day(10)).entitled
    # news that was sent at once settles it
    book.tell("subscription.updated", "on_hold", day(12))
    assert book.fold().other is None
    assert not book.access(day(13)).entitled


def test_an_inferred_status_that_no_known_event_explains_says_so(book: Book) -> None:
    book.tell("subscription.expired", "expired", day(1))
    odd = book.tell("subscription.updated", "pending", day(2))
    assert book.step(odd).missing == ()
    assert "No known event leads there." in sentence(book.step(odd))


def test_what_is_missing_is_what_the_payload_shows(book: Book) -> None:
    book.tell("subscription.active", "active", day(1))
    book.tell("subscription.paused", "paused", day(2))
    odd = book.tell("subscription.renewed", "active", day(3))
    assert book.step(odd).missing == ("subscription.unpaused",)


def test_a_replay_that_shows_what_nothing_explains_is_followed_and_undecided(book: Book) -> None:
    book.tell(
        "subscription.active", "active", day(1), webhook_id="w", next_billing_date=iso(15, 11)
    )
    book.tell("subscription.paused", "paused", day(2), next_billing_date=iso(15, 11))
    again = book.tell(
        "subscription.active", "active", day(1), sent=day(3), webhook_id="w",
        next_billing_date=iso(16, 11),
    )  # fmt: skip
    folded = book.fold()
    assert (folded.status, folded.other and folded.other.status) == ("active", "paused")
    assert book.step(again).missing == ("subscription.unpaused",)
    assert book.access(day(4)).entitled


def test_what_nothing_pins_is_not_overwritten_by_what_is_older(book: Book) -> None:
    book.tell("subscription.active", "active", day(1), recurring_pre_tax_amount=1900)
    for second, amount, sent in ((0.1, 900, 6), (0.2, 900, 6), (0.9, 4900, 2100)):
        kind = "on_hold" if second == 0.2 else "plan_changed"
        moment = day(2) + timedelta(seconds=second)
        book.tell(
            f"subscription.{kind}", "on_hold", moment, sent=day(2) + timedelta(seconds=sent),
            recurring_pre_tax_amount=amount,
        )  # fmt: skip
    assert book.fold().state.recurring_pre_tax_amount == 4900


def test_what_came_later_does_not_change_what_a_late_first_event_meant(book: Book) -> None:
    hold = book.tell(
        "subscription.on_hold", "on_hold", day(1), sent=day(1, 2),
        previous_billing_date=day(1, 1).isoformat(),
    )  # fmt: skip
    memo = fold([hold])[0]
    after = book.tell("subscription.updated", "on_hold", day(2))
    extended = extend(memo, [after])
    assert extended is not None
    assert extended[0] == book.fold()


def test_a_decided_dispute_that_is_opened_again_in_one_go_is_open(book: Book) -> None:
    for kind, number in (("opened", 1), ("won", 5), ("opened", 20)):
        book.tell(f"dispute.{kind}", kind, day(number), sent=day(25), identity="d", amount="100")
    folded = book.fold("dispute")
    assert (folded.status, folded.since) == ("opened", day(20))


def test_a_payload_of_the_past_is_not_said_to_be_explained(book: Book) -> None:
    book.tell("subscription.active", "active", day(1))
    book.tell("subscription.on_hold", "on_hold", day(2))
    late = book.tell("subscription.updated", "active", day(3), sent=day(3, 20))
    book.tell("subscription.cancelled", "cancelled", day(3, 10))
    assert book.fold().status == "cancelled"
    assert book.step(late).missing == ("subscription.active",)
    assert "as later events explain" not in sentence(book.step(late))
