"""Generated webhooks of a merchant, for demos, load and tests.

The same seed and the same end generate the same bytes. The webhooks imitate the provider's: bursts
at one instant, bodies rendered at any time between event and delivery, both styles of cancelling
at the end of a period. With chaos they have faults: deliveries out of order, duplicated,
re-rendered or lost.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from heapq import heappop, heappush
from random import Random

import msgspec
from msgspec import Struct

from service.sandbox.world import Happening, World

_HISTORY = timedelta(days=365)

# with chaos: the shares that are lost, lost or late, and duplicated; the provider's retry delays
_LOST, _LATE, _TWICE = 0.01, 0.10, 0.05
_RETRIES = (5, 305, 2_105, 9_305)


class Simulated(Struct, frozen=True):
    """One delivery: its webhook-id, when it was sent, and its exact bytes."""

    webhook_id: str
    sent_at: datetime
    body: bytes


def line(delivery: Simulated) -> bytes:
    """One delivery as a line of JSON."""
    return msgspec.json.encode(
        {
            "webhook_id": delivery.webhook_id,
            "sent_at": delivery.sent_at,
            "body": delivery.body.decode(),
        }
    )


def body(world: World, happening: Happening) -> bytes:
    """The body of a webhook, rendered now."""
    return msgspec.json.encode({
        "business_id": world.business_id, "type": happening.type, "timestamp": happening.at,
        "data": world.data(happening),
    })  # fmt: skip


def simulate(
    customers: int, seed: int, *, until: datetime, chaos: bool = False
) -> Iterator[Simulated]:
    """The deliveries about a year that ends then, in the order of arrival."""
    world = World(customers, seed, begin=until - _HISTORY)
    carrier = _Carrier(world, seed, until, chaos=chaos)
    while world.next_at is not None and world.next_at <= until:
        yield from carrier.deliver(world.next_at)
        for happening in world.advance(world.next_at):
            carrier.take(happening)
    world.advance(until)
    yield from carrier.deliver(None)


class _Carrier:
    """Renders each event at some moment, and delivers it later."""

    def __init__(self, world: World, seed: int, until: datetime, *, chaos: bool) -> None:
        self._world, self._until, self._chaos = world, until, chaos
        self._chance = Random(f"{seed}/deliveries")  # noqa: S311 - not for secrets
        self._seed, self._count = seed, 0
        self._unrendered: list[tuple[datetime, int, datetime, str, Happening]] = []
        self._unsent: list[tuple[datetime, int, Simulated]] = []

    def take(self, happening: Happening) -> None:
        """Plan the deliveries of an event: one, or with chaos none or two."""
        chance = self._chance
        self._count += 1
        told = f"{self._seed}/{self._count}/{happening.type}/{happening.id}"
        webhook_id = f"msg_{sha256(told.encode()).hexdigest()[:27]}"
        sent_at = happening.at + timedelta(seconds=chance.choice((0, 1, 1, 2)))
        fate, delay = chance.random(), timedelta(seconds=chance.choice(_RETRIES))
        if self._chaos and fate < _LOST:
            return
        if self._chaos and fate < _LATE:
            sent_at += delay
        self._plan(happening, webhook_id, sent_at)
        if self._chaos and fate > 1 - _TWICE:
            self._plan(happening, webhook_id, sent_at + delay)

    def deliver(self, before: datetime | None) -> Iterator[Simulated]:
        """Render and send what is planned before a moment, all for None."""
        while self._unrendered and (before is None or self._unrendered[0][0] < before):
            _, number, sent_at, webhook_id, happening = heappop(self._unrendered)
            rendered = Simulated(webhook_id, sent_at, body(self._world, happening))
            heappush(self._unsent, (sent_at, number, rendered))
        while self._unsent and (before is None or self._unsent[0][0] < before):
            yield heappop(self._unsent)[2]

    def _plan(self, happening: Happening, webhook_id: str, sent_at: datetime) -> None:
        rendered_at = happening.at + (sent_at - happening.at) * self._chance.random()
        self._count += 1
        # what has not happened by the end is not shown
        due = min(rendered_at, self._until)
        heappush(self._unrendered, (due, self._count, sent_at, webhook_id, happening))
