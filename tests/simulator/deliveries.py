"""How the provider tells what happened.

An event becomes a message of each endpoint; a message is sent in attempts until one is
acknowledged. The payload is rendered at the creation of the event, at the first dispatch of the
message, or at every attempt: the documentation leaves it open. A replay from the dashboard is a
dispatch of its own.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from random import Random
from typing import Any, NamedTuple

import msgspec

from tests.simulator.world import Fact, World

_WAITS = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
"""Seconds before each retry."""

_IDENTITIES = {
    "subscription": "subscription_id",
    "payment": "payment_id",
    "refund": "refund_id",
    "dispute": "dispute_id",
    "license_key": "id",
    "entitlement_grant": "id",
    "payout": "payout_id",
}
_TYPES = {
    "subscription": "Subscription",
    "payment": "Payment",
    "refund": "Refund",
    "dispute": "Dispute",
    "license_key": "LicenseKey",
    "entitlement_grant": "EntitlementGrant",
    "payout": "Payout",
    "credit": "CreditLedgerEntry",
}
_EMBEDS = ("subscription", "payment", "refund")


class Rendering(IntEnum):
    """When a payload is rendered."""

    AT_CREATION = 1
    AT_DISPATCH = 2
    AT_EVERY_ATTEMPT = 3


class Delivery(NamedTuple):
    """A request that was recorded, with what only the provider knows of it.

    ``fact`` is the number of its fact in the world, ``version`` of the row that it shows;
    ``rendered`` is when, ``attempted`` when it was really sent. ``sent_at`` is what it says of
    that: whole seconds by the sender's clock.
    """

    webhook_id: str
    sent_at: datetime
    body: bytes
    stream: str
    type: str
    timestamp: datetime
    fact: int
    version: int
    rendered: datetime
    attempted: datetime
    replay: bool = False


class Network(NamedTuple):
    """How badly deliveries go: chances that an attempt fails, and that a success is not noticed."""

    failure: float
    mistake: float
    loss: float
    skew: float


class Sender:
    """Sends the facts of a world."""

    def __init__(self, world: World, rendering: Rendering, network: Network) -> None:
        self.world = world
        self.rendering = rendering
        self.network = network
        self.rng: Random = world.rng
        # in the mode of creation a replay may send the old payload again, or a fresh one
        self.renews = rendering != Rendering.AT_CREATION or self.rng.random() < 0.5
        self.endpoints = 2 if self.rng.random() < 0.15 else 1

    def send_all(self) -> list[Delivery]:
        """Every recorded attempt for every fact and endpoint; a lost fact has none."""
        recorded: list[Delivery] = []
        for number in range(len(self.world.facts)):
            if self.rng.random() >= self.network.loss:
                for endpoint in range(self.endpoints):
                    recorded += self._send(number, f"msg_{number}_{endpoint}")
        return recorded

    def replay(
        self, number: int, at: datetime, *, original: Delivery | None = None, retried: bool = False
    ) -> list[Delivery]:
        """Send a fact again at a moment of the world.

        Args:
            number: of the fact.
            at: when somebody pressed the button.
            original: a recorded delivery of the fact; its webhook-id may be kept, and then its
                timestamp may not.
            retried: whether the replay has retries of its own.
        """
        webhook_id = f"msg_{number}_{at:%m%d%H%M%S%f}"
        stamp = self.world.facts[number].at
        if original is not None and self.rng.random() < 0.6:
            webhook_id = original.webhook_id
            if self.renews and self.rng.random() < 0.3:
                stamp = at
        return self._send(number, webhook_id, at, stamp, retried=retried)

    def _send(
        self,
        number: int,
        webhook_id: str,
        replayed: datetime | None = None,
        stamp: datetime | None = None,
        *,
        retried: bool = True,
    ) -> list[Delivery]:
        """The recorded attempts of one message; at least one."""
        fact = self.world.facts[number]
        created = replayed if replayed is not None and self.renews else fact.at
        at = (replayed or fact.at) + self._delay()
        dispatched = at
        recorded: list[Delivery] = []
        for wait in (*(_WAITS if retried else ()), None):
            arrives = self.rng.random() >= self.network.failure
            if arrives or (wait is None and not recorded):
                moment = {
                    Rendering.AT_CREATION: created,
                    Rendering.AT_DISPATCH: dispatched,
                    Rendering.AT_EVERY_ATTEMPT: at,
                }[self.rendering]
                recorded.append(
                    self._delivery(number, webhook_id, stamp or fact.at, moment, at, replayed)
                )
            if arrives and self.rng.random() >= self.network.mistake:
                break
            if wait is not None:
                at += timedelta(seconds=wait + self.rng.uniform(0, 1))
        return recorded

    def _delivery(  # noqa: PLR0913, PLR0917 - a delivery has as many sides
        self,
        number: int,
        webhook_id: str,
        stamp: datetime,
        rendered: datetime,
        at: datetime,
        replayed: datetime | None,
    ) -> Delivery:
        fact = self.world.facts[number]
        resource = self.world.resources[fact.stream]
        version = fact.version
        if rendered > fact.at:
            version = max(version, resource.number(rendered))
        sent = at + timedelta(seconds=self.rng.uniform(-1, 1) * self.network.skew)
        return Delivery(
            webhook_id=webhook_id,
            sent_at=sent.replace(microsecond=0),
            body=render(self.world, fact, version, rendered, stamp),
            stream=fact.stream,
            type=fact.type,
            timestamp=stamp,
            fact=number,
            version=version,
            rendered=rendered,
            attempted=at,
            replay=replayed is not None,
        )

    def _delay(self) -> timedelta:
        """From the event to the first dispatch: mostly at once, a few seconds at most."""
        most = self.rng.choice((0.05, 0.05, 0.4, 3))
        return timedelta(seconds=self.rng.uniform(0.001, most))


def render(world: World, fact: Fact, version: int, moment: datetime, stamp: datetime) -> bytes:
    """The body of a webhook, compact as the provider sends it."""
    resource = world.resources[fact.stream]
    data: dict[str, Any] = {"payload_type": _TYPES[resource.category]}
    if resource.category in _IDENTITIES:
        data[_IDENTITIES[resource.category]] = resource.id
    data |= resource.versions[version].fields
    data |= fact.extra
    if resource.category in _EMBEDS and not fact.anonymous:
        data["customer"] = {"customer_id": "cus_1", **(world.customer.row(moment) or {})}
    if resource.category == "entitlement_grant" and not world.capitals:
        data["status"] = data["status"].lower()
    return msgspec.json.encode(
        {"business_id": "bus_1", "type": fact.type, "timestamp": stamp, "data": data}
    )


def arrange(rng: Random, deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Some order of arrival: as sent, nearly so, or any."""
    how = rng.randrange(3)
    ordered = sorted(deliveries, key=lambda one: one.attempted)
    if how == 1:
        ordered.sort(key=lambda one: one.attempted + timedelta(seconds=rng.uniform(0, 600)))
    elif how == 2:
        rng.shuffle(ordered)
    return ordered


def record(arrivals: Iterable[Delivery]) -> list[Delivery]:
    """What the store keeps: a body that is equal to the one before it, of its id, is dropped."""
    latest: dict[str, bytes] = {}
    kept: list[Delivery] = []
    for one in arrivals:
        if latest.get(one.webhook_id) != one.body:
            latest[one.webhook_id] = one.body
            kept.append(one)
    return kept


def latest_rendered(deliveries: Sequence[Delivery]) -> Delivery:
    """The delivery whose snapshot is the newest."""
    return max(deliveries, key=lambda one: (one.rendered, one.version, one.fact))
