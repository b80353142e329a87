"""The fold, as the simulator's tests read it: the one place where the two meet."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from msgspec import structs

from domain import access as policy
from domain.events import ATTENTION, Entry, Event
from domain.fold import Fold, decode, encode, extend, fold
from domain.past import Past
from domain.reading import read
from domain.recurring import COUNTED, monthly
from domain.steps import Step
from tests.simulator.deliveries import Delivery

_RECORDED_AT = datetime.fromisoformat("2030-01-01T00:00:00Z")


def entries(recorded: Sequence[Delivery]) -> dict[str, list[Entry]]:
    """What was recorded, understood, by the provider's own name of the stream.

    The rows of a credit ledger are streams of their own there.
    """
    revisions: dict[str, int] = defaultdict(int)
    streams: dict[str, list[Entry]] = defaultdict(list)
    for position, one in enumerate(recorded, start=1):
        event = Event(
            position=position,
            webhook_id=one.webhook_id,
            sent_at=one.sent_at,
            recorded_at=_RECORDED_AT,
            body_sha256=sha256(one.body).digest(),
            body=one.body,
            revision=revisions[one.webhook_id],
        )
        revisions[one.webhook_id] += 1
        entry = read(event, "bus_1")
        name = entry.stream if one.type.startswith("credit") else one.stream
        assert name is not None, entry
        streams[name].append(entry)
    return dict(streams)


def in_batches(rng: Random, stream: Sequence[Entry]) -> tuple[Fold[Any], list[Step]]:
    """The stream folded batch by batch, as the projector does, in the order of recording."""
    rest = sorted(stream, key=lambda entry: entry.event.position)
    steps: dict[int, Step] = {}
    memo: Fold[Any] | None = None
    done: list[Entry] = []
    while rest:
        size = rng.randrange(1, len(rest) + 1)
        batch, rest = rest[:size], rest[size:]
        done += batch
        memo, stepped = (memo and extend(_stored(batch[0], memo), batch)) or fold(done)
        steps |= {step.entry.event.position: step for step in stepped}
    assert memo is not None
    whole = {step.entry.event.position for step in fold(stream)[1]}
    assert steps.keys() == whole
    return memo, [steps[position] for position in sorted(steps)]


def _stored(entry: Entry, memo: Fold[Any]) -> Fold[Any]:
    """The fold as it comes back from its column."""
    assert entry.aggregate is not None
    return decode(entry.aggregate.category, encode(memo))


def past(stream: Sequence[Entry], moment: datetime) -> Fold[Any] | None:
    """The stream as it was at a moment of the world."""
    return Past(as_of=moment).folded(stream)


def alarms(steps: Iterable[Step]) -> list[str]:
    """The steps of which a person should know."""
    return [
        f"{step.entry.type} at position {step.entry.event.position} is"
        f" {'undecided' if undecided(step) else step.verdict}: {step.before}, {step.implied},"
        f" {step.after}"
        for step in steps
        if step.verdict in ATTENTION or undecided(step)
    ]


def undecided(step: Step) -> bool:
    """Whether two readings of a step are possible."""
    return step.undecided


def other(folded: Fold[Any]) -> str | None:
    """The other reading of the status, where there is one."""
    return None if folded.other is None else folded.other.status


def conclusion(folded: Fold[Any], steps: Sequence[Step]) -> tuple[object, ...]:
    """What a fold concludes, without what speaks of arrival."""
    essence = sorted(
        (
            step.entry.event.webhook_id,
            step.entry.event.sent_at,
            step.entry.event.body_sha256,
            (step.before, step.after, step.verdict, step.newer, step.missing, undecided(step)),
        )
        for step in steps
    )
    return folded.status, folded.since, folded.state, folded.verdicts, other(folded), essence


def differences(category: str, state: Any, truth: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """The fields of a state that are not the truth's."""
    names = [n for n in state.__struct_fields__ if n in truth and n not in {"id", "license_key"}]
    seen = {name: getattr(state, name) for name in names}
    meant = {name: truth[name] for name in names}
    if category == "payment":
        periods = truth.get("service_periods", ())
        meant["subscription_ids"] = tuple(truth["subscription_ids"])
        meant |= {name: len(truth[name]) for name in ("refunds", "disputes") if name in seen}
        meant["periods"] = [(p["subscription_id"], p["ends_at"]) for p in periods]
        seen["periods"] = [(p.subscription_id, p.ends_at) for p in state.periods]
    if category == "dispute":
        meant["amount"] = int(truth["amount"])
    return [
        f"{name} is {seen[name]}, not {meant[name]}" for name in seen if seen[name] != meant[name]
    ]


def revenue(steps: Iterable[Step], moment: datetime) -> dict[str, int]:
    """Recurring revenue at a moment by currency: the sum of what each step moved."""
    sums: dict[str, int] = defaultdict(int)
    for step in steps:
        moved = [(step.at, step.before, step.after, step.prior, step.state)]
        shown = step.shown
        if shown is not None:
            moved.append((shown.at, shown.before, shown.after, shown.prior, shown.state))
        for at, before, after, prior, state in moved:
            if at <= moment:
                if before in COUNTED and prior is not None:
                    sums[prior.currency] -= monthly(prior)
                if after in COUNTED:
                    sums[state.currency] += monthly(state)
    return {currency: amount for currency, amount in sums.items() if amount}


def access_of(folds: Iterable[tuple[str, Fold[Any]]], moment: datetime) -> policy.Access:
    """What the policy answers."""
    named = {
        "payment": "payments",
        "refund": "refunds",
        "dispute": "disputes",
        "entitlement_grant": "grants",
        "license_key": "keys",
    }
    given: dict[str, Any] = defaultdict(list)
    for category, folded in folds:
        given[category].append(folded)
    more: dict[str, Any] = {n: given[category] for category, n in named.items()}
    return policy.access(given["subscription"], moment, **more)


SECONDS = timedelta(seconds=5)
"""How far the clocks of both sides may lie apart."""


def renumbered(stream: Sequence[Entry], business_id: str | None = "bus_1") -> list[Entry]:
    """The same entries, recorded in this order."""
    revisions: dict[str, int] = defaultdict(int)
    again: list[Entry] = []
    for position, entry in enumerate(stream, start=1):
        observed = entry.observed is not None
        revision = 0 if observed else revisions[entry.event.webhook_id]
        event = structs.replace(entry.event, position=position, revision=revision)
        revisions[event.webhook_id] += not observed
        again.append(read(event, business_id))
    return again
