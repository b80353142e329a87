import re
from types import SimpleNamespace

import pytest
from transitions import MachineError

from domain.catalog import AGGREGATES, Aggregate
from domain.machine import SILENT, START, Lifecycle, Row, compile_machine

EVERY = pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda a: a.category)


@EVERY
def test_the_lookup_agrees_with_the_library_on_every_pair(aggregate: Aggregate) -> None:
    life = aggregate.lifecycle
    states = [*life.statuses, START] if life.initial == START else list(life.statuses)
    machine = compile_machine(states, life.initial, life._rows)
    for event in life.events:
        for status in states:
            model = SimpleNamespace()
            machine.add_model(model, initial=status)
            try:
                model.trigger(event)
                fired = model.state
            except MachineError:
                fired = None
            machine.remove_model(model)
            assert life.step(status, event) == fired, (status, event)


@EVERY
def test_every_event_is_the_providers_and_of_its_category(aggregate: Aggregate) -> None:
    for event in aggregate.lifecycle.events:
        assert re.fullmatch(rf"{aggregate.category}\.[a-z_]+", event)


def test_all_48_event_types_of_the_provider_are_there() -> None:
    told = {event for aggregate in AGGREGATES for event in aggregate.lifecycle.events}
    assert len(told) == 48
    assert told == {
        "subscription.active", "subscription.renewed", "subscription.plan_changed",
        "subscription.past_due", "subscription.on_hold", "subscription.paused",
        "subscription.unpaused", "subscription.cancelled", "subscription.expired",
        "subscription.failed", "subscription.update_payment_method", "subscription.updated",
        "payment.processing", "payment.failed", "payment.cancelled", "payment.succeeded",
        "refund.failed", "refund.succeeded",
        "dispute.opened", "dispute.challenged", "dispute.accepted", "dispute.cancelled",
        "dispute.expired", "dispute.won", "dispute.lost",
        "license_key.created",
        "entitlement_grant.created", "entitlement_grant.delivered", "entitlement_grant.failed",
        "entitlement_grant.revoked",
        "payout.created", "payout.on_hold", "payout.in_progress", "payout.failed", "payout.success",
        "credit.added", "credit.deducted", "credit.expired", "credit.rolled_over",
        "credit.rollover_forfeited", "credit.overage_charged", "credit.overage_reset",
        "credit.manual_adjustment", "credit.balance_low",
        "abandoned_checkout.detected", "abandoned_checkout.recovered",
        "dunning.started", "dunning.recovered",
    }  # fmt: skip


def test_a_table_that_names_an_unknown_status_is_refused() -> None:
    with pytest.raises(ValueError, match="'gone'"):
        Lifecycle("x", ["here"], initial="here", rows=[("x.left", "here", "gone", "it left")])


def test_a_table_with_two_outcomes_is_refused() -> None:
    rows: list[Row] = [("x.moved", "a", "b", "it moved"), ("x.moved", ("a", "b"), "a", "so")]
    with pytest.raises(ValueError, match="two outcomes from 'a'"):
        Lifecycle("x", ["a", "b"], initial="a", rows=rows)


def test_a_table_with_an_unreachable_status_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\['b'\]"):
        Lifecycle("x", ["a", "b"], initial="a", rows=[("x.moved", "b", "a", "it moved")])


def test_a_table_that_does_not_allow_an_event_to_be_told_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'x.moved' is not allowed from \['b'\]"):
        Lifecycle("x", ["a", "b"], initial="a", rows=[("x.moved", "a", "b", "it moved")])


def test_what_is_missing_between_two_statuses_is_named() -> None:
    life = Lifecycle(
        "x", ["a", "b", "c"], initial=START,
        rows=[
            ("x.one", (START, "a"), "a", "one"),
            (SILENT, "a", "b", ""),
            ("x.two", ("b", "c"), "c", "two"),
        ],
    )  # fmt: skip
    assert life.missing(START, ["c"]) == ("x.one", "x.two")
    assert life.missing("a", ["b"]) == ()
    assert life.missing("c", ["a"]) == ()


@pytest.mark.parametrize("row", [("x.moved", "a", "a", ""), (SILENT, "a", "a", "it moved")])
def test_an_event_without_words_is_refused_and_so_are_words_without_an_event(row: Row) -> None:
    with pytest.raises(ValueError, match="words"):
        Lifecycle("x", ["a"], initial="a", rows=[row])


def test_a_group_is_drawn_as_one_state() -> None:
    rows: list[Row] = [
        (SILENT, ("a", "b"), "b", ""),
        (SILENT, ("a", "b"), "a", ""),
        ("x.ended", ("a", "b", "c"), "c", "it ended"),
    ]
    life = Lifecycle("x", ["a", "b", "c"], initial="a", rows=rows, group=("open", ["a", "b"]))
    assert life.mermaid().splitlines()[-5:] == [
        '    state "open: from each to each without an event" as open {',
        "        a", "        b", "    }",
        "    open --> c: ended",
    ]  # fmt: skip


def test_a_group_that_leads_out_in_two_ways_is_refused() -> None:
    rows: list[Row] = [(SILENT, "a", "b", ""), ("x.ended", ("b", "c"), "c", "it ended")]
    with pytest.raises(ValueError, match="'open' leads out in two ways"):
        Lifecycle("x", ["a", "b", "c"], initial="a", rows=rows, group=("open", ["a", "b"]))
