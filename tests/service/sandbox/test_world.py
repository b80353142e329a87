"""The world is a witness: its facts obey our tables, and the provider's SDK accepts it."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from dodopayments import types
from dodopayments.types import credit_entitlements, entitlements
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from domain.catalog import AGGREGATES, BY_CATEGORY
from domain.events import Entry, read
from domain.fold import fold
from service.sandbox.simulation import body
from service.sandbox.world import Happening, ImpossibleError, World
from tests.builders import event
from tests.examples import examples

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = BEGIN + timedelta(days=365)
EVERY_TYPE = [name for aggregate in AGGREGATES for name in aggregate.lifecycle.events]
SILENT_ALSO = {"license_key", "refund", "abandoned_checkout", "dunning"}


def told(world: World, happening: Happening, number: int) -> Entry:
    """An event as it is understood, rendered and sent now."""
    recorded = event(body(world, happening), number, f"msg_{number}", world.now)
    entry = read(recorded)
    assert entry.unread == ()
    assert entry.stream
    return entry


def lived(world: World, until: datetime, number: int = 0) -> list[tuple[Happening, Entry]]:
    """What happens until then, each rendered at its own instant."""
    entries: list[tuple[Happening, Entry]] = []
    while world.next_at is not None and world.next_at <= until:
        for happening in world.advance(world.next_at):
            entries.append((happening, told(world, happening, number * 100 + len(entries) + 1)))
    world.advance(until)
    return entries


@pytest.mark.parametrize("seed", range(4))
def test_facts_obey_our_tables(seed: int) -> None:
    world = World(60, seed, begin=BEGIN)
    streams: defaultdict[str, list[Entry]] = defaultdict(list)
    of: dict[str, Happening] = {}
    for happening, entry in lived(world, YEAR):
        assert entry.stream
        streams[entry.stream].append(entry)
        of[entry.stream] = happening
    verdicts: set[str] = set()
    for name, entries in streams.items():
        folded, steps = fold(entries)
        verdicts |= {step.verdict for step in steps}
        kind, identity = of[name].kind, of[name].id
        resource = world.resources[kind][identity]
        status = resource.get("status", resource.get("dispute_status"))
        if status is not None:
            status = status.lower().removeprefix("dispute_")
            life = BY_CATEGORY[kind].lifecycle
            silent = kind in SILENT_ALSO and life.is_silent(folded.status, status)
            assert folded.status == status or silent, (name, folded.status, status)
    assert verdicts == {"applied", "confirmed"}


def test_no_credit_is_lost_in_a_ledger() -> None:
    world = World(80, 3, begin=BEGIN)
    streams: defaultdict[str, list[Entry]] = defaultdict(list)
    for happening, entry in lived(world, YEAR):
        if happening.type.startswith("credit."):
            assert entry.stream
            streams[entry.stream].append(entry)
    assert streams
    for entries in streams.values():
        state = fold(entries)[0].state
        balance = world.resources["credit_balance"][state.id]
        assert (state.gaps, state.balance, state.overage) == (
            0, balance["balance"], balance["overage"],
        )  # fmt: skip


@examples(15)
@given(st.lists(st.integers(0, 400), max_size=12), st.integers(0, 50))
def test_the_steps_of_the_clock_change_nothing(days: list[int], seed: int) -> None:
    end = BEGIN + timedelta(days=400)
    whole, stepped = World(12, seed, begin=BEGIN), World(12, seed, begin=BEGIN)
    happened = whole.advance(end)
    in_steps = [
        happening
        for day in sorted(days)
        for happening in stepped.advance(BEGIN + timedelta(days=day))
    ]
    in_steps += stepped.advance(end)
    assert in_steps == happened
    assert stepped.resources == whole.resources
    assert all(one.at <= other.at for one, other in pairwise(happened))


def test_the_same_customers_live_alike_in_a_larger_world() -> None:
    small, large = World(5, 1, begin=BEGIN), World(50, 1, begin=BEGIN)
    happened = [h for h in small.advance(YEAR) if h.kind != "payout"]
    assert set(map(repr, happened)) < set(map(repr, large.advance(YEAR)))


def test_every_common_event_happens_by_chance() -> None:
    world = World(400, 1, begin=BEGIN)
    happened = {happening.type for happening in world.advance(BEGIN + timedelta(days=500))}
    assert set(EVERY_TYPE) - happened <= {"dispute.cancelled", "payout.on_hold"}


Command = Callable[[Any], list[Happening]]

MODELS: dict[str, type[BaseModel]] = {
    "customer": types.Customer,
    "subscription": types.Subscription,
    "payment": types.Payment,
    "refund": types.Refund,
    "dispute": types.GetDispute,
    "license_key": types.LicenseKey,
    "license_key_instance": types.LicenseKeyInstance,
    "entitlement_grant": entitlements.EntitlementGrant,
    "payout": types.PayoutListResponse,
    "credit": credit_entitlements.CreditLedgerEntry,
    "credit_balance": credit_entitlements.CustomerCreditBalance,
    "product": types.Product,
    "entitlement": types.Entitlement,
    "credit_entitlement": types.CreditEntitlement,
}


@pytest.mark.parametrize("kind", MODELS)
def test_the_sdk_knows_every_field(kind: str) -> None:
    world = World(100, 2, begin=BEGIN)
    world.advance(BEGIN + timedelta(days=300))
    found = list(world.resources[kind].values())
    assert found
    for resource in found:
        model = MODELS[kind].model_validate_json(msgspec.json.encode(resource))
        assert not model.model_extra
        assert set(MODELS[kind].model_fields) - resource.keys() <= {
            "addons", "digital_product_delivery", "image", "license_key_activation_message",
            "license_key_activations_limit", "license_key_duration", "pricing_mode",
            "product_collection_id",
        }  # fmt: skip


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_any_event_can_be_made(name: str) -> None:
    world = World(0, 1, begin=BEGIN)
    for day in range(3):
        world.advance(BEGIN + timedelta(days=day))
        made = world.make(name, "cus_1")
        entry = told(world, made, 1)
        assert made.type == name
        assert timedelta(0) <= made.at - (BEGIN + timedelta(days=day)) < timedelta(seconds=1)
        assert not name.startswith("payout.") or entry.customer is None
        assert name.startswith("payout.") or entry.customer
        if entry.customer:
            assert entry.customer.customer_id == "cus_1"
        assert entry.aggregate
        if (targets := entry.aggregate.lifecycle.targets(name)) and entry.status:
            [silent] = {entry.aggregate.lifecycle.is_silent(t, entry.status) for t in targets} or [
                0
            ]
            assert silent or entry.status in targets
    assert world.make(name).type == name


UNDECLARED = {"payload_type", "brand_id", "customer", "payment_provider", "reason"}
"""What the examples of the provider carry and its SDK does not declare, all but one of disputes."""


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_the_sdk_knows_every_field_of_a_webhook(name: str) -> None:
    world = World(0, 1, begin=BEGIN)
    happening = world.make(name, "cus_1")
    words = name.replace(".", "_").split("_")
    model = getattr(types, f"{''.join(map(str.capitalize, words))}WebhookEvent")
    parsed = model.model_validate_json(body(world, happening))
    undeclared = set(parsed.data.model_extra)
    assert undeclared <= (UNDECLARED if happening.kind == "dispute" else {"payload_type"})
    assert parsed.data.model_fields_set == {*type(parsed.data).model_fields, *undeclared}
    assert (parsed.type, parsed.business_id) == (name, world.business_id)


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
