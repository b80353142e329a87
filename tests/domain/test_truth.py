"""What a delivery means: histories in which the proof is in the book, and the answer.

Each is told with the fields that matter. ``sent`` is when a delivery was sent, at once by default.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.access import Access, access
from domain.events import Entry
from domain.fold import Fold, extend, fold
from domain.past import fold_until
from domain.reading import read
from domain.recurring import monthly
from domain.steps import Step
from domain.story import sentence
from tests.builders import body, event

YEAR = 2026


def day(number: int, hour: float = 0, month: int = 11) -> datetime:
    """A moment of November, or of another month."""
    minutes = round(hour * 60)
    return datetime(YEAR, month, number, minutes // 60, minutes % 60, tzinfo=UTC)


def iso(number: int, month: int) -> str:
    return day(number, month=month).isoformat()


class Book:
    """The events of a book, in the order in which they were recorded."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._tellings: Counter[str] = Counter()

    def tell(  # noqa: PLR0913 - as many things can differ
        self,
        kind: str,
        status: str | None,
        at: datetime,
        *,
        sent: datetime | None = None,
        webhook_id: str | None = None,
        identity: str = "sub_1",
        **fields: Any,  # noqa: ANN401
    ) -> Entry:
        """Record one delivery."""
        position = len(self._entries) + 1
        name = webhook_id or f"msg_{position}"
        content = body(kind, status, at, identity, **fields)
        entry = read(event(content, position, name, sent or at, self._tellings[name]))
        self._tellings[name] += 1
        self._entries.append(entry)
        return entry

    def entries(self, category: str = "subscription") -> list[Entry]:
        return [e for e in self._entries if (e.stream or "").startswith(category)]

    def fold(self, category: str = "subscription") -> Fold[Any]:
        return fold(self.entries(category))[0]

    def steps(self, category: str = "subscription") -> list[Step]:
        return fold(self.entries(category))[1]

    def step(self, entry: Entry) -> Step:
        """The step that an entry took."""
        steps = fold(self.entries((entry.stream or "").partition("-")[0]))[1]
        return next(s for s in steps if s.entry.event.position == entry.event.position)

    def as_of(self, moment: datetime) -> Fold[Any]:
        folded = fold_until(self.entries(), moment)
        assert folded is not None
        return folded

    def access(self, at: datetime) -> Access:
        folds: dict[str, dict[str, list[Entry]]] = {}
        for entry in self._entries:
            category = (entry.stream or "").partition("-")[0]
            folds.setdefault(category, {}).setdefault(entry.stream or "", []).append(entry)
        folded = {c: [fold(s)[0] for s in streams.values()] for c, streams in folds.items()}
        return access(
            folded.get("subscription", []),
            at,
            payments=folded.get("payment", []),
            refunds=folded.get("refund", []),
            grants=folded.get("entitlement_grant", []),
        )


@pytest.fixture
def book() -> Book:
    return Book()


def period(ends: str, starts: str = "2026-10-01T00:00:00Z") -> list[dict[str, str]]:
    return [{"subscription_id": "sub_1", "starts_at": starts, "ends_at": ends}]


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


def test_21_an_unknown_beginning_entitles_until_it_is_billed(book: Book) -> None:
    book.tell("subscription.trial_started", "trialing", day(1), next_billing_date=iso(9, 11))
    answer = book.access(day(2))
    assert (answer.entitled, answer.because[0].rule) == (True, "unknown_status")
    assert not book.access(day(10)).entitled


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


def test_a_payload_of_the_past_is_not_said_to_be_explained(book: Book) -> None:
    book.tell("subscription.active", "active", day(1))
    book.tell("subscription.on_hold", "on_hold", day(2))
    late = book.tell("subscription.updated", "active", day(3), sent=day(3, 20))
    book.tell("subscription.cancelled", "cancelled", day(3, 10))
    assert book.fold().status == "cancelled"
    assert book.step(late).missing == ("subscription.active",)
    assert "as later events explain" not in sentence(book.step(late))
