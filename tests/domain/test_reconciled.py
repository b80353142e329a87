"""Readings of the simulator's resources among its deliveries, whichever of these were lost."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from domain.events import Entry
from domain.fold import Fold, fold
from domain.reading import read
from domain.steps import Step
from tests.builders import observation
from tests.domain import readings
from tests.simulator import oracles
from tests.simulator.deliveries import Delivery
from tests.simulator.entitlement import entitled
from tests.simulator.history import History
from tests.simulator.observing import rendered
from tests.simulator.world import Resource

_UNREAD = ("credit",)
"""The simulator's ledger rows are streams of their own; ``test_observation`` reads those."""


_SILENT = ("license_key", "entitlement_grant")
"""These change without an event, also within the second in which they are made."""


def complaints(seed: int) -> Iterator[str]:
    """What is wrong once some deliveries were lost, and each resource was read at the end."""
    history, rng = History(seed), Random(seed)  # noqa: S311 - the same seed, the same history
    share = rng.choice((0.0, 0.3, 0.7, 1.0))
    kept = [one for one in history.recorded if rng.random() >= share]
    resources = [r for r in history.world.resources.values() if r.category not in _UNREAD]
    streams = _with_readings(history, kept, resources, rng)
    folds: list[tuple[str, Fold[Any]]] = []
    for resource in resources:
        if entries := streams[resource.stream]:
            folded, steps = fold(entries)
            folds.append((resource.category, folded))
            yield from _of_stream(resource, entries, folded, steps, rng)
            if history.complete and not share and resource.category not in _SILENT:
                yield from (f"alarm: {resource.stream} {one}" for one in _alarms(steps))
    now = history.end + timedelta(minutes=3)
    # of one that was cancelled, what came before may be lost: from paused it keeps nothing
    held = {r.fields.get("status") for r in resources if r.category == "subscription"}
    if (
        ((history.complete and not share) or "cancelled" not in held)
        and entitled(history.world, now)
        and not readings.access_of(folds, now).entitled
    ):
        yield f"denied: at {now}"


def _with_readings(
    history: History, kept: Sequence[Delivery], resources: Sequence[Resource], rng: Random
) -> dict[str, list[Entry]]:
    """What was delivered and read, by stream: each resource at some moments, and at the end."""
    streams: dict[str, list[Entry]] = defaultdict(list, readings.entries(kept))
    position = len(kept)
    for resource in resources:
        moments = [_moment(history, rng) for _ in range(rng.choice((0, 0, 1, 2)))]
        for moment in (*moments, history.end + timedelta(minutes=2)):
            position += 1
            found = _read(history, resource, moment, position, rng)
            streams[resource.stream] += [found] if found else []
    return streams


def _of_stream(
    resource: Resource, entries: list[Entry], folded: Fold[Any], steps: list[Step], rng: Random
) -> Iterator[str]:
    meant = readings.conclusion(folded, steps)
    if readings.conclusion(*readings.in_batches(rng, entries)) != meant:
        yield f"batches: {resource.stream}"
    rng.shuffle(entries)
    if readings.conclusion(*fold(readings.renumbered(entries))) != meant:
        yield f"order: {resource.stream}"
    status = oracles.status_of(resource.fields)
    if folded.status != status or folded.other is not None:
        yield f"status: {resource.stream} is {folded.status}, not {status}"
    fields = dict(resource.fields)
    # only a renewal names its payment
    fields.pop("payment_id", None)
    differing = readings.differences(resource.category, folded.state, fields)
    yield from (f"fields: {resource.stream} {difference}" for difference in differing)


def _alarms(steps: Sequence[Step]) -> list[str]:
    """The steps after the first that nothing explains, though nothing was lost."""
    begun = [step for step in steps if step.prior is not None]
    return readings.alarms(begun)


def _moment(history: History, rng: Random) -> datetime:
    """A moment of the past; often within the second of an event."""
    facts = history.world.facts
    at = rng.choice(facts).at if facts else history.end
    near = timedelta(seconds=rng.choice((0.0, 0.4, -0.4, 3.0, 4_000.0)))
    return at + near


def _read(
    history: History, resource: Resource, moment: datetime, position: int, rng: Random
) -> Entry | None:
    """The resource as its provider shows it at a moment, within a request that takes its time."""
    content = rendered(history.world, resource, moment)
    if content is None:
        return None
    before, after = rng.uniform(0, 1.5), rng.uniform(0, 0.5)
    stamp = (moment + timedelta(seconds=after)).replace(microsecond=0)
    event = observation(resource.category, content, stamp, position, took=before + after)
    return read(event, "bus_1")


def failures(seeds: range) -> list[str]:
    """The complaints about many histories, each with its seed."""
    return [f"seed {seed}: {one}" for seed in seeds for one in complaints(seed)]


def test_after_a_reading_the_book_agrees_with_the_provider() -> None:
    assert not failures(range(400))


@pytest.mark.long
def test_after_a_reading_the_book_agrees_with_the_provider_at_length() -> None:
    assert not failures(range(400, 30_000))
