"""What the world does when it is commanded: pauses, refunds, plans, terms."""

import random
from collections import defaultdict
from datetime import timedelta

import msgspec
import pytest

from domain.events import Entry
from domain.fold import fold
from service.sandbox.world import ImpossibleError, World
from tests.service.sandbox.test_world import BEGIN, EVERY_TYPE, Command, lived, told


def test_a_trial_costs_nothing_until_it_ends() -> None:
    world = World(0, 1, begin=BEGIN)
    world.buy("cus_ada", "pdt_basic", trial_days=14)
    [free] = world.resources["payment"].values()
    assert free["total_amount"] == 0
    assert world.resources["subscription"]["sub_ada"]["trial_period_days"] == 14
    assert told_of(world, 13) == []
    assert told_of(world, 15) == ["payment.succeeded", "subscription.renewed"]
    assert [paid["total_amount"] for paid in world.resources["payment"].values()] == [0, 900]


def test_a_pause_lengthens_the_period() -> None:
    world = World(0, 1, begin=BEGIN)
    world.buy("cus_ada", "pdt_basic")
    told_of(world, 10)
    world.pause("sub_ada")
    assert told_of(world, 50) == []
    assert [h.type for h in world.unpause("sub_ada")] == ["subscription.unpaused"]
    assert told_of(world, 70) == []
    assert told_of(world, 72) == ["payment.succeeded", "subscription.renewed"]


def test_what_is_not_an_event_cannot_be_made() -> None:
    world = World(0, 1, begin=BEGIN)
    for name in ("customer.created", "subscription.gifted", "credit.gifted", "", "refund.pending"):
        with pytest.raises(ImpossibleError, match="not an event type"):
            world.make(name, "cus_1")


def test_a_rehearsal_of_a_failed_renewal() -> None:
    world = World(0, 1, begin=BEGIN)
    world.buy("cus_ada", "pdt_pro")
    assert world.resources["subscription"]["sub_ada"]["status"] == "active"
    assert world.fail_next_renewal("sub_ada", grace=True) == []
    assert status(world) == "active"
    events = told_of(world, 32)
    assert events == ["payment.failed", "subscription.past_due", "dunning.started"]
    held = told_of(world, 36)
    assert held == ["subscription.on_hold", "entitlement_grant.revoked"]
    assert [k["status"] for k in world.resources["license_key"].values()] == ["disabled"]
    assert told_of(world, 50) == []
    recovered = [h.type for h in world.recover("sub_ada")]
    assert recovered == [
        "subscription.update_payment_method", "payment.succeeded", "subscription.active",
        "dunning.recovered", "entitlement_grant.delivered",
    ]  # fmt: skip
    assert [h.type for h in world.cancel("sub_ada", at_period_end=True)] == ["subscription.updated"]
    ended = told_of(world, 90)
    assert ended == ["subscription.cancelled", "entitlement_grant.revoked"]
    with pytest.raises(
        ImpossibleError, match="sub_ada is cancelled; this needs one that is active"
    ):
        world.pause("sub_ada")


def told_of(world: World, day: int) -> list[str]:
    happened = world.advance(BEGIN + timedelta(days=day))
    return [happening.type for happening in happened if happening.kind != "payout"]


def status(world: World) -> str:
    found: str = world.resources["subscription"]["sub_ada"]["status"]
    return found


def test_money_is_asked_back() -> None:
    world = World(0, 1, begin=BEGIN)
    bought = world.buy("cus_ada", "pdt_lifetime")
    payment = next(h.id for h in bought if h.kind == "payment")
    assert [h.type for h in world.refund(payment, 900)] == ["refund.succeeded"]
    assert world.resources["payment"][payment]["refund_status"] == "partial"
    whole = [h.type for h in world.refund(payment)]
    assert whole == ["refund.succeeded", "entitlement_grant.revoked"]
    assert world.resources["payment"][payment]["refund_status"] == "full"
    with pytest.raises(ImpossibleError, match="0 of it can be refunded"):
        world.refund(payment)
    [opened] = world.open_dispute(payment)
    assert [h.type for h in world.move_dispute(opened.id, "challenged")] == ["dispute.challenged"]
    assert [h.type for h in world.move_dispute(opened.id, "won")] == ["dispute.won"]
    with pytest.raises(ImpossibleError, match="is won and cannot become lost"):
        world.move_dispute(opened.id, "lost")


def test_a_licence_key_is_disabled_in_silence() -> None:
    world = World(0, 1, begin=BEGIN)
    world.buy("cus_ada", "pdt_pro")
    [key] = world.resources["license_key"]
    assert world.disable_license_key(key) == []
    assert world.resources["license_key"][key]["status"] == "disabled"
    [grant] = world.resources["entitlement_grant"].values()
    assert grant["license_key"]["status"] == "disabled"


def test_a_plan_changes_at_once_or_with_the_next_period() -> None:
    world = World(0, 1, begin=BEGIN)
    world.buy("cus_ada", "pdt_basic")
    changed = [h.type for h in world.change_plan("sub_ada", "pdt_pro")]
    assert changed == [
        "payment.succeeded", "subscription.plan_changed", "license_key.created",
        "entitlement_grant.created",
    ]  # fmt: skip
    later = world.change_plan("sub_ada", "pdt_team", at_period_end=True)
    assert [h.type for h in later] == ["subscription.updated"]
    subscription = world.resources["subscription"]["sub_ada"]
    assert subscription["scheduled_change"]["product_id"] == "pdt_team"
    assert subscription["product_id"] == "pdt_pro"
    assert told_of(world, 32)[:5] == [
        "subscription.plan_changed", "entitlement_grant.revoked", "payment.succeeded",
        "subscription.renewed", "entitlement_grant.created",
    ]  # fmt: skip
    assert (subscription["product_id"], subscription["scheduled_change"]) == ("pdt_team", None)
    assert subscription["recurring_pre_tax_amount"] == 4900


def test_a_term_that_ended_unpaid_lasts_as_long_as_is_paid_then() -> None:
    world = World(0, 1, begin=BEGIN)
    world.buy("cus_ada", "pdt_basic")
    world.limit_term("sub_ada", 40)
    world.fail_next_renewal("sub_ada")
    told_of(world, 60)
    assert status(world) == "on_hold"
    world.recover("sub_ada")
    assert told_of(world, 80) == []
    assert told_of(world, 100) == ["subscription.expired"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (lambda w: w.pause("sub_nobody"), "There is no subscription 'sub_nobody'"),
        (lambda w: w.buy("cus_new", "pdt_nothing"), "There are: pdt_basic"),
        (lambda w: w.change_plan("sub_ada", "pdt_lifetime"), "not another product"),
        (lambda w: w.change_plan("sub_ada", "pdt_pro"), "not another product"),
        (lambda w: w.recover("sub_ada"), "is active; this needs one that is on_hold or past_due"),
        (lambda w: w.use_credits("sub_ada", 3), "has no credits: it is active, of pdt_pro"),
        (lambda w: w.move_grant("grant_ada_1", "gifted"), "not 'gifted'"),
        (
            lambda w: w.move_payout(next(iter(w.resources["payout"])), "paid"),
            "can become in_progress or on_hold",
        ),
        (lambda w: w.refund("pay_ada_1", -1), "1900 of it can be refunded, not -1"),
        (lambda w: w.disable_license_key("lic_nothing"), "There is no license_key"),
        (lambda w: w.advance(BEGIN - timedelta(days=1)), "cannot go back"),
    ],
)
def test_what_is_impossible_is_refused_and_changes_nothing(command: Command, reason: str) -> None:
    world = World(0, 1, begin=BEGIN)
    world.buy("cus_ada", "pdt_pro")
    world.enact("payout.created")
    before = msgspec.json.encode(world.resources)
    with pytest.raises(ImpossibleError, match=reason):
        command(world)
    assert msgspec.json.encode(world.resources) == before
    assert [h for h in world.advance(world.now) if h.kind != "payout"] == []


def test_whatever_is_commanded_the_facts_obey_our_tables() -> None:
    """A walk of commands over the live subscriptions of a world that goes on."""
    world, chance = World(10, 5, begin=BEGIN, arrivals=timedelta(days=5)), random.Random(5)  # noqa: S311
    streams: defaultdict[str, list[Entry]] = defaultdict(list)
    commands: list[Command] = [
        lambda s: world.fail_next_renewal(s, grace=bool(chance.randrange(2))), world.renew,
        world.recover, world.pause, world.unpause, world.keep, world.expire, world.cancel,
        lambda s: world.cancel(s, at_period_end=True), world.replace_payment_method,
        lambda s: world.change_plan(
            s, chance.choice(["pdt_team", "pdt_basic"]), at_period_end=bool(chance.randrange(2))
        ),
        lambda s: world.enact(chance.choice(EVERY_TYPE), f"cus_{s[4:]}"),
    ]  # fmt: skip
    refused = 0
    for number in range(1_500):
        entries = lived(world, world.now + timedelta(hours=chance.randrange(1, 100)), number)
        if subscriptions := list(world.resources["subscription"]):
            try:
                happened = chance.choice(commands)(chance.choice(subscriptions))
            except ImpossibleError:
                refused += 1
            else:
                entries += [
                    (h, told(world, h, number * 100 + 50 + n)) for n, h in enumerate(happened)
                ]
        for _, entry in entries:
            assert entry.stream
            streams[entry.stream].append(entry)
    assert 0 < refused < 1_200
    odd = [
        (name, step.entry.type, step.before, step.after, step.verdict)
        for name, entries in streams.items()
        for step in fold(entries)[1]
        if step.verdict not in {"applied", "confirmed"}
    ]
    assert odd == []
