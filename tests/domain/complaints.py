"""What is wrong with the fold's answer to a history, by the truth that the simulator knows."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from domain.events import Entry
from domain.fold import Fold, fold
from domain.steps import Step
from tests.domain import readings
from tests.simulator import oracles
from tests.simulator.deliveries import Delivery, Rendering, latest_rendered, record
from tests.simulator.entitlement import entitled, has_bought
from tests.simulator.history import History

_SILENT = ("license_key", "payment")
"""The provider changes these without an event."""

_PINNED = timedelta(seconds=4)
"""A snapshot that was sent so soon after its event shows what was true then."""

_SECONDS, _RETRIES = timedelta(seconds=5), timedelta(hours=28)
"""What is within seconds of an event, and when its last retry has gone out."""

_DENYING = ("paused", "expired", "failed")


class Stream(NamedTuple):
    """A stream as it was recorded, understood and folded."""

    name: str
    category: str
    deliveries: list[Delivery]
    entries: list[Entry]
    folded: Fold[Any]
    steps: list[Step]


def complaints(history: History) -> Iterator[str]:
    """All that is wrong, each with the property that it breaks in front."""
    streams = [_stream(history, name, found) for name, found in _entries(history).items()]
    for stream in streams:
        yield from _order(history.rng, stream)
        if stream.category == "credit":
            yield from _credit(history, stream)
        elif history.complete:
            yield from _final(history, stream)
        else:
            yield from _followed(history, stream)
    if history.complete:
        yield from _past(history, streams)
        yield from _access(history, streams)
    elif streams:
        yield from _paid(history, streams)
    yield from _replayed(history, streams)


def _entries(history: History) -> dict[str, list[Entry]]:
    return readings.entries(history.recorded)


def _stream(history: History, name: str, entries: list[Entry]) -> Stream:
    category = name.partition("-")[0]
    folded, steps = fold(entries)
    deliveries = [history.recorded[entry.event.position - 1] for entry in entries]
    return Stream(name, category, deliveries, entries, folded, steps)


def _order(rng: Random, stream: Stream) -> Iterator[str]:
    """Neither the order of arrival nor batches change what is concluded."""
    meant = readings.conclusion(stream.folded, stream.steps)
    shuffled = [*stream.entries]
    rng.shuffle(shuffled)
    if readings.conclusion(*fold(readings.renumbered(shuffled))) != meant:
        yield f"order: {stream.name} depends on the order of arrival"
    if readings.conclusion(*readings.in_batches(rng, stream.entries)) != meant:
        yield f"batches: {stream.name} depends on batches"


def _credit(history: History, stream: Stream) -> Iterator[str]:
    """The last row's balance; gaps only where a row is missing."""
    names = {one.stream for one in stream.deliveries}
    rows = [row for row in history.world.of("credit") if row.stream in names]
    gaps = 0 if history.complete else oracles.breaks(rows)
    if gaps is None or oracles.is_circular(rows):
        return
    state = stream.folded.state
    seen = Decimal(state.balance), Decimal(state.overage or 0), state.gaps
    if seen != (*oracles.credit(rows), gaps):
        yield f"credit: balance, overage, gaps are {seen}, not {(*oracles.credit(rows), gaps)}"


def _final(history: History, stream: Stream) -> Iterator[str]:
    """On a complete history the end is the truth, and nobody is alarmed."""
    resource = history.world.resources[stream.name]
    newest = latest_rendered(stream.deliveries)
    truth = oracles.newest_row(history.world, stream.deliveries)
    status, seen = oracles.status_of(truth), stream.folded.status
    again = oracles.opens_again(history.world, stream.name)
    if stream.category not in _SILENT or oracles.tells_all(history.world, stream.deliveries):
        if seen != status:
            yield f"status: {stream.name} is {seen}, not {status}"
        elif stream.category not in _SILENT and not again:
            yield from _since(stream, oracles.since(resource, newest.version))
        yield from _fields(history, stream, truth)
    if not again:
        yield from (f"alarm: {stream.name} {alarm}" for alarm in readings.alarms(stream.steps))
    if readings.other(stream.folded) is not None:
        yield f"alarm: {stream.name} may also be {readings.other(stream.folded)}"


def _since(stream: Stream, truth: datetime) -> Iterator[str]:
    if abs(stream.folded.since - truth) > readings.SECONDS:
        yield f"since: {stream.name} is so since {stream.folded.since}, not {truth}"


def _fields(history: History, stream: Stream, truth: dict[str, Any]) -> Iterator[str]:
    meant = dict(truth)
    if stream.category == "subscription":
        meant["payment_id"] = oracles.last_renewal(history.world, stream.deliveries)
        if all(history.world.facts[one.fact].anonymous for one in stream.deliveries):
            meant["customer_id"] = None
    for difference in readings.differences(stream.category, stream.folded.state, meant):
        yield f"fields: {stream.name} {difference}"


def _past(history: History, streams: Sequence[Stream]) -> Iterator[str]:
    """The facts tell the past as it was; its amounts only what was rendered within seconds."""
    moments = [*_moments(history, 3)]
    ends = [end for end in oracles.month_ends(history.world) if oracles.settled(history.world, end)]
    late = history.rendering == Rendering.AT_EVERY_ATTEMPT
    for stream in streams:
        silent = stream.category in (*_SILENT, "credit", "refund")
        # a grant may be delivered as it is created, and later snapshots do not say so
        silent = silent or (late and stream.category == "entitlement_grant")
        if not silent and not oracles.opens_again(history.world, stream.name):
            for moment in moments:
                yield from _as_of(history, stream, moment)
        if stream.category == "subscription" and not late:
            for end in ends:
                yield from _revenue(history, stream, end)


def _as_of(history: History, stream: Stream, moment: datetime) -> Iterator[str]:
    folded = readings.past(stream.entries, moment)
    seen = None if folded is None else folded.status
    truth = oracles.status_at(history.world, stream.name, moment)
    if seen != truth:
        yield f"as of: {stream.name} was {seen} at {moment}, not {truth}"


def _revenue(history: History, stream: Stream, moment: datetime) -> Iterator[str]:
    truth = oracles.mrr(history.world, stream.name, moment)
    meant = {currency: round(amount) for currency, amount in truth.items()}
    seen = readings.revenue(stream.steps, moment)
    if seen != meant:
        yield f"revenue: {stream.name} brought {seen} at {moment}, not {meant}"


def _access(history: History, streams: Sequence[Stream]) -> Iterator[str]:
    """All who are entitled by the truth come in, and nobody else: in the end and in the past."""
    now = history.end + timedelta(days=history.rng.choice((0, 3, 20, 45)))
    yield from _entitled(history, now, [(one.category, one.folded) for one in streams])
    if history.rendering == Rendering.AT_EVERY_ATTEMPT:
        return
    for moment in _moments(history, 2):
        past = [(one.category, readings.past(one.entries, moment)) for one in streams]
        yield from _entitled(history, moment, [(name, one) for name, one in past if one])


def _entitled(
    history: History, moment: datetime, folds: Sequence[tuple[str, Fold[Any]]]
) -> Iterator[str]:
    truth, answer = entitled(history.world, moment), readings.access_of(folds, moment)
    if truth is not None and answer.entitled != truth:
        yield f"access: {answer.entitled} at {moment}, not {truth}"
    bought = has_bought(history.world, moment)
    if bought is not None and bought != (answer.state != "never"):
        yield f"state: {answer.state} at {moment}, bought {bought}"


def _followed(history: History, stream: Stream) -> Iterator[str]:
    """The newest snapshot is followed where it was sent at once, after all that says otherwise."""
    newest = latest_rendered(stream.deliveries)
    if stream.category in _SILENT or newest.sent_at - newest.timestamp > _PINNED:
        return
    status = oracles.status_of(oracles.newest_row(history.world, stream.deliveries))
    for one in stream.deliveries:
        elsewise = oracles.status_of(_row(history, one)) != status
        if elsewise and newest.timestamp - one.timestamp < 2 * readings.SECONDS:
            return
    if status not in {stream.folded.status, readings.other(stream.folded)}:
        yield f"followed: {stream.name} is {stream.folded.status}, not {status}"


def _paid(history: History, streams: Sequence[Stream]) -> Iterator[str]:
    """Nobody is denied for whom the book holds a payment for the moment."""
    moment = history.end + timedelta(days=history.rng.choice((0, 1, 7, 20)))
    folded = {one.name: one.folded for one in streams}
    if readings.access_of([(one.category, one.folded) for one in streams], moment).entitled:
        return
    for stream in streams:
        row = oracles.newest_row(history.world, stream.deliveries)
        paid = [one for one in stream.deliveries if one.type == "payment.succeeded"]
        if (
            stream.category != "payment"
            or not paid
            or not oracles.is_kept(history.world, stream.name)
        ):
            continue
        at = history.world.facts[paid[0].fact].at
        for period in row.get("service_periods", ()):
            name = f"subscription-{period['subscription_id']}"
            status = folded[name].status if name in folded else None
            since = folded[name].since if name in folded else None
            covers = period["starts_at"] <= moment < period["ends_at"]
            older = since is not None and at < since + readings.SECONDS
            if covers and status not in _DENYING and not older:
                yield f"paid: denied at {moment}, {status} since {since}, paid by {stream.name}"


def _replayed(history: History, streams: Sequence[Stream]) -> Iterator[str]:
    """A replay after everything restates nothing; it is followed where it shows to be newer."""
    if not streams:
        return
    stream = history.rng.choice(streams)
    moments = _asked(history, stream)
    before = _answers(stream, moments)
    numbers = [one.fact for one in stream.deliveries if history.can_replay(one.fact)]
    if not numbers:
        return
    number = history.rng.choice(numbers)
    known = [one for one in stream.deliveries if one.fact == number]
    replays = history.replay(number)
    history.recorded = record([*history.recorded, *replays])
    entries = _entries(history)[stream.name]
    if len(entries) == len(stream.entries) or stream.category == "credit":
        return
    again = _stream(history, stream.name, entries)
    if history.complete and _answers(again, moments) != before:
        yield f"restated: {stream.name} by the replay of fact {number}"
    elif history.complete:
        yield from _final(history, again)
    elif history.sender.renews:
        yield from _newest(history, again, replays[-1], known)


def _newest(
    history: History, stream: Stream, replay: Delivery, known: Sequence[Delivery]
) -> Iterator[str]:
    """With losses a replay of today is followed, where it differs from what was told before."""
    truth = _row(history, replay)
    status, seen = oracles.status_of(truth), stream.folded.status
    pinned = replay.timestamp != history.world.facts[replay.fact].at or "updated_at" in truth
    if any(_row(history, one) == truth for one in known):
        return
    others = [_row(history, one) for one in stream.deliveries if one is not replay]
    possible = {seen} if pinned else {seen, readings.other(stream.folded)}
    if status not in possible:
        yield f"replay: {stream.name} is {seen}, not {status}"
    elif seen == status and (
        pinned or (oracles.is_new(truth, others) and not _may_be_older(stream, replay))
    ):
        yield from (f"replay: {one}" for one in _fields(history, stream, truth))


def _may_be_older(stream: Stream, replay: Delivery) -> bool:
    """Whether nothing tells a replay from a retry, or where among what was sent late it belongs."""
    others = [one for one in stream.deliveries if one is not replay]
    at = next(one.timestamp for one in others if one.fact == replay.fact)
    near = [one for one in others if timedelta(0) < one.timestamp - at <= _SECONDS]
    late = [one for one in others if one.timestamp >= at and one.sent_at - one.timestamp > _SECONDS]
    return bool(late) or (bool(near) and replay.sent_at - at <= _RETRIES)


def _row(history: History, one: Delivery) -> dict[str, Any]:
    return history.world.resources[one.stream].versions[one.version].fields


def _asked(history: History, stream: Stream) -> list[datetime]:
    """Moments of the past, and the ends of closed months."""
    facts = [history.world.facts[one.fact].at for one in stream.deliveries]
    moments = [
        history.rng.choice(facts) + timedelta(seconds=history.rng.uniform(10, 10**5))
        for _ in range(2)
    ]
    moments += oracles.month_ends(history.world)
    return [moment for moment in moments if moment <= history.end]


def _answers(stream: Stream, moments: Sequence[datetime]) -> list[object]:
    """What is said of the past."""
    answers: list[object] = []
    for moment in moments:
        folded = readings.past(stream.entries, moment)
        answers.append(folded and (folded.status, folded.since))
        if stream.category == "subscription":
            answers.append(readings.revenue(stream.steps, moment))
    return answers


def _moments(history: History, count: int) -> Iterator[datetime]:
    """Moments of the past at which nothing is about to happen."""
    stamps = [fact.at for fact in history.world.facts]
    for _ in range(count):
        after = history.rng.choice((20, 600, 86_400, 864_000))
        moment = history.rng.choice(stamps) + timedelta(seconds=history.rng.uniform(11, after))
        if oracles.settled(history.world, moment):
            yield moment
