"""The specification of the fold, as properties; and its documentation, as examples."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.events import Entry, Event
from domain.fold import decode, encode, extend, fold
from domain.late import changes
from domain.past import Past
from domain.reading import read
from domain.steps import Step
from domain.story import sentence
from tests.builders import at, body, entry, event
from tests.histories import Told, histories, numbered


def steps_of(events: Sequence[Event]) -> list[Step]:
    return fold([read(e) for e in events])[1]


def essence(step: Step) -> tuple[object, ...]:
    """A step without what speaks of arrival."""
    e = step.entry.event
    return (
        e.webhook_id,
        e.body_sha256,
        step.before,
        step.after,
        step.verdict,
        step.newer,
        step.missing,
    )


@given(histories(lossless=False), st.data())
def test_no_order_of_arrival_changes_what_we_conclude(told: Told, data: st.DataObject) -> None:
    if not told.events:
        return
    first, steps = fold([read(e) for e in told.events])
    other = numbered(data.draw(st.permutations(told.events)))
    second, others = fold([read(e) for e in other])
    assert (first.status, first.since, first.state) == (second.status, second.since, second.state)
    assert first.verdicts == second.verdicts
    assert [essence(s) for s in steps] == [essence(s) for s in others]


@given(histories(lossless=False), st.data())
def test_no_cut_into_batches_changes_anything(told: Told, data: st.DataObject) -> None:
    if not told.events:
        return
    memo, done = None, []
    rest: list[Entry] = [read(e) for e in told.events]
    steps: dict[int, Step] = {}
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        batch, rest = rest[:size], rest[size:]
        extended = extend(decode("subscription", encode(memo)), batch) if memo else fold(batch)
        done.extend(batch)
        memo, stepped = extended or fold(done)
        steps |= {s.entry.event.position: s for s in stepped}
    whole, all_steps = fold([read(e) for e in told.events])
    assert memo == whole
    assert steps == {s.entry.event.position: s for s in all_steps}


@given(histories())
def test_a_complete_history_raises_no_false_alarm_and_ends_in_the_truth(told: Told) -> None:
    folded, steps = fold([read(e) for e in told.events])
    assert folded.status == told.status
    assert {step.verdict for step in steps} <= {"applied", "confirmed"}


@given(histories(), st.data())
def test_a_lost_event_that_comes_at_last_leaves_the_history_as_if_in_time(
    told: Told, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(told.events) - 1))
    late = numbered([*told.events[:index], *told.events[index + 1 :], told.events[index]])
    assert [essence(s) for s in steps_of(told.events)] == [essence(s) for s in steps_of(late)]


@given(histories(lossless=False))
def test_every_step_has_a_sentence(told: Told) -> None:
    for step in steps_of(told.events) if told.events else ():
        assert sentence(step).endswith(".")


def verdicts(*entries: Entry) -> list[tuple[str, str]]:
    return [(step.verdict, step.after) for step in fold(entries)[1]]


def test_a_renewal_that_fails_and_recovers() -> None:
    assert verdicts(
        entry("subscription.active", "active", 0, position=1),
        entry("subscription.renewed", "active", 0, position=2),
        entry("subscription.on_hold", "on_hold", 100, position=3),
        entry("subscription.active", "active", 200, position=4),
        entry("subscription.cancelled", "cancelled", 300, position=5),
    ) == [
        ("applied", "active"),
        ("confirmed", "active"),
        ("applied", "on_hold"),
        ("applied", "active"),
        ("applied", "cancelled"),
    ]


def test_a_payload_newer_than_its_event_is_marked_and_not_followed() -> None:
    # sent an hour later, when the subscription had recovered: the provider renders at delivery
    held = entry("subscription.on_hold", "active", 100, sent=3700, position=2)
    recovered = entry("subscription.active", "active", 200, position=3)
    steps = fold([entry("subscription.active", "active", 0, position=1), held, recovered])[1]
    assert [(s.verdict, s.after, s.newer) for s in steps] == [
        ("applied", "active", False),
        ("applied", "on_hold", True),
        ("applied", "active", False),
    ]


def test_a_snapshot_that_no_event_explains_is_followed_until_one_does() -> None:
    active = entry("subscription.active", "active", 0, position=1)
    updated = entry("subscription.updated", "paused", 100, sent=101, position=2)
    folded, steps = fold([active, updated])
    assert (folded.status, steps[1].verdict, steps[1].missing) == (
        "paused", "inferred", ("subscription.paused",),
    )  # fmt: skip
    paused = entry("subscription.paused", "paused", 100.5, sent=7000, position=3)
    # it comes last in the order, but it may explain what was inferred: the whole stream again
    assert extend(folded, [paused]) is None
    again = fold([active, updated, paused])[1]
    assert [(s.verdict, s.after, s.newer) for s in again] == [
        ("applied", "active", False),
        ("confirmed", "active", True),
        ("applied", "paused", False),
    ]


def test_a_terminal_status_that_moves_is_unexpected_and_followed() -> None:
    folded, steps = fold([
        entry("subscription.active", "active", 0, position=1),
        entry("subscription.expired", "expired", 100, position=2),
        entry("subscription.active", "active", 200, position=3),
    ])  # fmt: skip
    assert folded.status == "active"
    assert steps[-1].verdict == "unexpected"
    assert "Not expected while expired" in sentence(steps[-1])


def test_a_stream_that_begins_in_the_middle_is_inferred() -> None:
    folded, steps = fold([entry("dispute.won", "won", 0, position=1)])
    assert (folded.status, steps[0].verdict) == ("won", "inferred")
    assert steps[0].missing == ("dispute.opened", "dispute.challenged")


def test_an_unknown_type_is_kept_shown_and_its_status_followed() -> None:
    folded, steps = fold([
        entry("subscription.active", "active", 0, position=1),
        entry("subscription.frozen", "paused", 100, position=2),
    ])  # fmt: skip
    assert (folded.status, steps[1].verdict) == ("paused", "unknown")


def test_an_unknown_status_is_not_guessed_at() -> None:
    folded, steps = fold([
        entry("subscription.active", "active", 0, position=1),
        entry("subscription.updated", "hibernating", 100, position=2),
    ])  # fmt: skip
    assert (folded.status, steps[1].verdict) == ("active", "unknown")
    assert "hibernating" in sentence(steps[1])


def test_a_three_d_secure_challenge_is_no_alarm() -> None:
    processing = entry("payment.processing", "requires_customer_action", 0, position=1)
    folded, steps = fold([processing])
    assert (folded.status, steps[0].verdict) == ("requires_customer_action", "applied")


def test_a_revision_brings_a_snapshot_and_no_second_step() -> None:
    first = entry("dispute.opened", "opened", 0, position=1, webhook_id="m", amount="100")
    second = entry(
        "dispute.opened", "opened", 0, sent=60, position=2, webhook_id="m", revision=1, amount="90"
    )
    folded, steps = fold([first, second])
    assert [(s.verdict, s.revision) for s in steps] == [("applied", False), ("confirmed", True)]
    assert folded.state.amount == 90


@pytest.mark.parametrize(("order", "lates"), [((1, 2), [False, False]), ((2, 1), [True, False])])
def test_late_says_that_something_later_was_recorded_earlier(
    order: tuple[int, int], lates: list[bool]
) -> None:
    steps = fold([
        entry("subscription.active", "active", 0, position=order[0]),
        entry("subscription.on_hold", "on_hold", 9, position=order[1]),
    ])[1]  # fmt: skip
    assert [s.late for s in steps] == lates


def test_the_latest_snapshot_supplies_the_fields_but_an_absent_customer_is_not_lost() -> None:
    first = read(event(body("subscription.active", "active", product_id="pdt_1"), 1))
    second = entry(
        "subscription.renewed", "active", 9, position=2, customer=None, payment_id="pay_1"
    )
    state = fold([first, second])[0].state
    assert (state.customer_id, state.product_id, state.payment_id) == ("cus_1", "pdt_1", "pay_1")


def test_in_one_instant_nothing_is_late() -> None:
    steps = fold([
        entry("subscription.active", "active", 0, position=2),
        entry("subscription.renewed", "active", 0, position=1),
    ])[1]  # fmt: skip
    assert [s.late for s in steps] == [False, False]


def test_what_a_late_event_changed_is_said() -> None:
    entries = [
        entry("subscription.active", "active", 0, position=1),
        entry("subscription.updated", "paused", 100, position=2),
        entry("subscription.paused", "paused", 50, position=3),
    ]
    late = next(s for s in fold(entries)[1] if s.late)
    assert changes(entries, late) == (
        (
            "subscription.updated at position 2 is now confirmed, from paused to paused;"
            " it was inferred, from active to paused"
        ),
        "the status is paused since 3 May 2026 12:00 UTC; it was paused since 3 May 2026 12:01 UTC",
    )


def test_what_a_late_event_changed_is_said_in_words_and_in_the_seconds_that_differ() -> None:
    entries = [
        entry("subscription.active", "active", 0, position=1),
        entry("subscription.updated", "on_hold", 20, position=2),
        entry("subscription.on_hold", "on_hold", 10, position=3),
    ]
    late = next(s for s in fold(entries)[1] if s.late)
    assert changes(entries, late) == (
        (
            "subscription.updated at position 2 is now confirmed, from on hold to on hold;"
            " it was inferred, from active to on hold"
        ),
        (
            "the status is on hold since 3 May 2026 12:00:10 UTC;"
            " it was on hold since 3 May 2026 12:00:20 UTC"
        ),
    )


def test_a_late_event_without_effect_changed_nothing() -> None:
    entries = [
        entry("subscription.active", "active", 0, position=1),
        entry("subscription.renewed", "active", 100, position=2),
        entry("subscription.updated", "active", 50, position=3),
    ]
    late = next(s for s in fold(entries)[1] if s.late)
    assert changes(entries, late) == ()


@given(histories(lossless=False), st.data())
def test_as_of_a_moment_is_where_the_story_had_come_by_then(
    told: Told, data: st.DataObject
) -> None:
    if not told.events:
        return
    entries = [read(e) for e in told.events]
    steps = fold(entries)[1]
    moment = data.draw(st.sampled_from([e.occurred_at for e in entries]))
    then = Past(as_of=moment).folded(entries)
    until = [s for s in steps if s.at <= moment]
    shown = [s.shown for s in until if s.shown and s.shown.at <= moment]
    assert then
    if not shown:
        assert (then.status, then.state) == (until[-1].after, until[-1].state)
    assert sum(then.verdicts.values()) == len(until)
    assert Past(as_of=at(1_000_000)).folded(entries) == fold(entries)[0]


@given(histories(), st.data())
def test_as_of_a_moment_is_the_fold_up_to_it_where_no_payload_is_newer(
    told: Told, data: st.DataObject
) -> None:
    entries = [read(e) for e in told.events]
    # a newer one counts from as late as what follows lets it
    if any(step.newer or step.shown for step in fold(entries)[1]):
        return
    moment = data.draw(st.sampled_from([e.occurred_at for e in entries]))
    until = [e for e in entries if e.occurred_at <= moment]
    then = Past(as_of=moment).folded(entries)
    assert then
    assert replace(then, open_until=None) == replace(fold(until)[0], open_until=None)


def test_as_of_is_not_misled_by_a_payload_that_was_rendered_later() -> None:
    entries = [
        entry("subscription.active", "active", 0, position=1),
        entry("subscription.renewed", "cancelled", 60, sent=90_000, position=2),
        entry("subscription.cancelled", "cancelled", 36_000, position=3),
    ]
    then = Past(as_of=at(1_800)).folded(entries)
    assert then
    assert (then.status, then.since) == ("active", at(0))
