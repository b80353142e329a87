"""Observations in the fold: snapshots without a fact, whole or partial."""

from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import access
from domain.catalog import BY_CATEGORY, Aggregate
from domain.events import Entry
from domain.fold import extend, fold
from domain.observation import Asked
from domain.past import Past
from domain.reading import read, snapshot
from domain.rendering import is_late
from domain.story import sentence
from tests.builders import NOON, at, entry, observation, observed
from tests.domain import readings
from tests.entries import EVERY, IDENTITY, events
from tests.examples import examples

DAY = 86_400
NEXT = at(20 * DAY)


def test_the_first_reading_begins_a_stream_and_says_so() -> None:
    folded, (step,) = fold([observed("subscription", "active", 0, next_billing_date=NEXT)])
    assert (folded.status, step.verdict, step.missing) == ("active", "inferred", ())
    assert folded.since == at(-0.2)
    assert sentence(step) == (
        "3 May 2026 11:59: subscription x_1 was read at the provider, now active."
        " Nothing about it was recorded before."
    )


def test_a_reading_that_agrees_is_confirmed() -> None:
    told = entry("subscription.active", "active", 0, position=1)
    _, steps = fold([told, observed("subscription", "active", 60, position=2)])
    assert [step.verdict for step in steps] == ["applied", "confirmed"]
    assert sentence(steps[1]) == (
        "3 May 2026 12:00: subscription x_1 was read at the provider, still active."
    )


def test_a_reading_that_differs_is_followed_and_names_what_is_missing() -> None:
    told = entry("subscription.active", "active", 0, position=1)
    folded, steps = fold([told, observed("subscription", "paused", 60, position=2)])
    assert (folded.status, steps[1].verdict) == ("paused", "inferred")
    assert steps[1].missing == ("subscription.paused",)
    assert "No event announced that." in sentence(steps[1])


def test_a_late_webhook_that_happened_before_a_reading_explains_it() -> None:
    reading = observed("subscription", "on_hold", 60, position=2, listed=True)
    first = entry("subscription.active", "active", 0, position=1)
    late = entry("subscription.on_hold", "on_hold", 30, position=3, sent=30)
    folded, steps = fold([first, reading, late])
    assert [step.entry.event.position for step in steps] == [1, 3, 2]
    assert [step.verdict for step in steps] == ["applied", "applied", "confirmed"]
    assert folded.since == at(30)
    assert steps[1].late


def test_a_webhook_after_a_reading_moves_on() -> None:
    reading = observed("subscription", "on_hold", 60)
    told = entry("subscription.active", "active", 90, position=2)
    assert fold([reading, told])[0].status == "active"


@pytest.mark.parametrize("seen", ["active", "cancelled"])
def test_an_event_while_the_answer_was_under_way_needs_no_explanation(seen: str) -> None:
    """Whether the resource was rendered before or after it."""
    told = entry("subscription.active", "active", 0, position=1)
    # the answer came between 59 and 61 seconds after noon
    reading = observed("subscription", seen, 60, position=2, took=1.0)
    cancelled = entry("subscription.cancelled", "cancelled", 60.3, position=3)
    for order in ([told, reading, cancelled], [told, cancelled, reading]):
        folded, steps = fold(order)
        assert folded.status == "cancelled"
        assert [step.verdict for step in steps] == ["applied", "confirmed", "applied"]
        assert folded.since == at(60.3)


def test_a_resource_that_comes_back_is_followed_back() -> None:
    readings_ = [
        observed("license_key", status, seconds, position=n)
        for n, (status, seconds) in enumerate(
            [("active", 0), ("disabled", 60), ("active", 120)], start=1
        )
    ]
    folded, steps = fold(readings_)
    assert [step.after for step in steps] == ["active", "disabled", "active"]
    assert [step.verdict for step in steps] == ["inferred", "applied", "applied"]
    assert folded.since == at(119.8)


def test_a_status_counts_from_the_moment_that_the_provider_names() -> None:
    begun = at(-5 * DAY)
    reading = observed("subscription", "cancelled", 0, cancelled_at=begun, created_at=at(-90 * DAY))
    folded, _ = fold([reading])
    assert (folded.since, folded.not_before) == (begun, at(-90 * DAY))
    assert Past(as_of=at(60)).folded([reading]) == folded


def test_a_moment_before_what_is_known_is_not_believed() -> None:
    told = entry("subscription.active", "active", 0, position=1)
    reading = observed("subscription", "cancelled", 60, position=2, cancelled_at=at(-60))
    assert fold([told, reading])[0].since == at(59.8)


def test_an_old_payment_read_today_does_not_open_a_door() -> None:
    """It counts from when it was made; a presumed period does not begin at the reading."""
    subscription, _ = fold([
        observed("subscription", "on_hold", 0, created_at=at(-400 * DAY),
                 payment_frequency_interval="Month", payment_frequency_count=1)
    ])  # fmt: skip
    old: dict[str, Any] = {"subscription_id": "x_1", "total_amount": 900, "currency": "EUR"}
    payment, _ = fold(
        [observed("payment", "succeeded", 0, identity="pay_1", created_at=at(-200 * DAY), **old)]
    )
    assert not access([subscription], at(60), payments=[payment]).entitled
    newer, _ = fold(
        [observed("payment", "succeeded", 0, identity="pay_1", created_at=at(-10 * DAY), **old)]
    )
    assert access([subscription], at(60), payments=[newer]).entitled


def test_who_cancelled_keeps_what_was_paid_when_only_readings_tell_of_it() -> None:
    subscription, _ = fold([
        observed("subscription", "cancelled", 0, created_at=at(-60 * DAY), cancelled_at=at(-DAY),
                 next_billing_date=NEXT, previous_billing_date=at(-10 * DAY))
    ])  # fmt: skip
    answer = access([subscription], at(60))
    assert (answer.entitled, answer.until) == (True, NEXT)


def test_a_row_of_a_list_takes_nothing_away() -> None:
    whole = entry("subscription.active", "active", 0, position=1, expires_at=NEXT, quantity=2)
    row = observed("subscription", "active", 60, position=2, listed=True, quantity=3)
    folded, _ = fold([whole, row])
    assert (folded.state.expires_at, folded.state.quantity) == (NEXT, 3)
    assert folded.supplies.position == 1
    assert folded.supplies.overlaid
    again, _ = fold([whole, observed("subscription", "active", 60, position=2, quantity=3)])
    assert again.state.expires_at is None
    assert again.supplies.position == 2


def test_a_row_that_names_a_null_says_that_there_is_none() -> None:
    whole = entry("subscription.active", "active", 0, position=1, cancelled_at=NEXT)
    row = observed("subscription", "active", 60, position=2, listed=True, cancelled_at=None)
    assert fold([whole, row])[0].state.cancelled_at is None


@EVERY
def test_a_row_with_nothing_but_an_identity_changes_nothing(aggregate: Aggregate) -> None:
    content = msgspec.json.encode(IDENTITY.get(aggregate.category, {"id": "i"}))
    row = read(observation(aggregate.category, content, at(9000), 99, listed=True))

    @examples(12)
    @given(events(aggregate))
    def check(entries: list[Entry]) -> None:
        before, after = fold(entries)[0], fold([*entries, row])[0]
        assert after.state == before.state
        # what was sent late may count from a moment that the row makes a past one
        if not any(map(is_late, entries)):
            assert after.status in {before.status, row.status}
            assert after.supplies.position == before.supplies.position

    check()


def test_a_whole_resource_is_no_row_of_a_list() -> None:
    reading = observed("refund", "succeeded", 0, amount=100, currency="EUR")
    assert reading.observed is not None
    assert reading.observed.lacks == ()


def test_the_customer_who_was_read_is_known() -> None:
    content = b'{"customer_id":"cus_9","email":"ada@example.com","name":"Ada","phone_number":null}'
    found = read(observation("customer", content, NOON))
    assert (found.stream, found.verdict) == (None, "confirmed")
    assert found.customer is not None
    assert (found.customer.customer_id, found.customer.email) == ("cus_9", "ada@example.com")


@pytest.mark.parametrize(
    ("category", "content", "verdict"),
    [
        ("subscription", b"{", "unreadable"),
        ("subscription", b"[]", "unreadable"),
        ("subscription", b"{}", "unreadable"),
        ("subscription", b'{"subscription_id":7}', "unreadable"),
        ("customer", b"{}", "unreadable"),
        ("novelty", b'{"id":"n"}', "unknown"),
        ("payment", b'{"payment_id":"p","business_id":"bus_2","status":"succeeded"}', "foreign"),
    ],
)
def test_what_cannot_be_understood_is_kept(category: str, content: bytes, verdict: str) -> None:
    found = read(observation(category, content, NOON), "bus_1")
    assert (found.verdict, found.stream) == (verdict, None)


def test_a_status_that_is_not_known_is_shown_and_not_guessed_at() -> None:
    told = entry("subscription.active", "active", 0, position=1)
    folded, steps = fold([told, observed("subscription", "frozen", 60, position=2)])
    assert (folded.status, steps[1].verdict) == ("active", "unknown")


def test_a_row_of_a_ledger_stands_by_its_own_time_and_counts_once() -> None:
    row: dict[str, Any] = {
        "customer_id": "c", "credit_entitlement_id": "e", "id": "l1", "created_at": at(0),
        "balance_before": "0", "balance_after": "10",
    }  # fmt: skip
    content = msgspec.json.encode(row)
    read_later = read(observation("credit", content, at(5 * DAY), 2))
    told = entry("credit.added", None, 0, position=1, customer=None, **row)
    for entries in ([told, read_later], [read_later]):
        folded, _ = fold(entries)
        assert (folded.status, folded.state.balance, folded.state.gaps) == ("open", "10", 0)
        assert folded.last[0] == at(0)


def test_without_a_date_our_own_clock_counts() -> None:
    asked = Asked("payment", "/payments/p", at(1.5), at(2.25))
    assert (asked.rendered_after, asked.sent_at) == (at(1.5), at(2))
    dated = Asked("payment", "/payments/p", at(1.5), at(2.25), date=at(-60))
    assert (dated.rendered_after, dated.sent_at) == (at(-60.75), at(-60))


def test_a_snapshot_is_the_body_of_an_observation() -> None:
    assert bytes(snapshot(b'{"subscription_id":"s","type":"x"}')["subscription_id"]) == b'"s"'
    assert bytes(snapshot(b'{"type":"x","data":{"id":"d"}}')["id"]) == b'"d"'


@EVERY
@examples(12)
@given(data=st.data())
def test_no_order_of_arrival_and_no_batch_changes_the_fold(
    aggregate: Aggregate, data: st.DataObject
) -> None:
    """Of deliveries and observations alike."""
    entries = data.draw(events(aggregate))
    for number in range(data.draw(st.integers(1, 3))):
        status = data.draw(st.sampled_from([*aggregate.lifecycle.statuses, "strange"]))
        name = "dispute_status" if aggregate.category == "dispute" else "status"
        content = IDENTITY.get(aggregate.category, {"id": "i"}) | {name: status}
        stamp = at(data.draw(st.sampled_from([0, 1, 3, 60, 4001, 9000])))
        listed, took = data.draw(st.booleans()), data.draw(st.sampled_from([0.1, 2.0, 30.0]))
        event = observation(
            aggregate.category, msgspec.json.encode(content), stamp, 20 + number,
            listed=listed, took=took,
        )  # fmt: skip
        entries.append(read(event))
    entries = readings.renumbered(entries, None)
    meant = readings.conclusion(*fold(entries))
    shuffled = data.draw(st.permutations(entries))
    assert readings.conclusion(*fold(readings.renumbered(shuffled, None))) == meant
    rng = Random(data.draw(st.integers(0, 1000)))  # noqa: S311 - the same seed, the same batches
    assert readings.conclusion(*readings.in_batches(rng, entries)) == meant


def test_a_reading_extends_a_fold() -> None:
    memo, _ = fold([entry("subscription.active", "active", 0, position=1)])
    later = observed("subscription", "on_hold", 60, position=2)
    extended = extend(memo, [later])
    assert extended is not None
    assert extended[0].open_until == at(60) + timedelta(seconds=5)


def test_the_table_of_beginnings_names_fields_and_statuses() -> None:
    for aggregate in BY_CATEGORY.values():
        for status in aggregate.lifecycle.statuses:
            content = msgspec.json.encode(IDENTITY.get(aggregate.category, {"id": "i"}))
            payload = aggregate.decoder.decode(content)
            assert aggregate.began(status, payload) is None


def test_a_reading_of_an_unknown_status_leaves_no_trace_of_batches() -> None:
    entries = [
        entry("subscription.active", "active", 0, position=1),
        observed("subscription", "on_hold", 3, position=2),
        observed("subscription", "strange", 100, position=3),
        observed("subscription", "paused", 200, position=4),
    ]
    whole, _ = fold(entries)
    further = extend(fold(entries[:3])[0], entries[3:])
    assert further is not None
    assert further[0] == whole
