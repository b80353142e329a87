"""What happened: resources with their rows over time, and the facts that webhooks tell of.

The provider writes a row and emits events in one transaction. The events of a transaction form a
burst: their stamps are equal, or lie microseconds or milliseconds apart, in any order.
"""

import calendar
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Fields = dict[str, Any]


class Version(NamedTuple):
    """A row of the provider's database, from ``at`` until the next version."""

    at: datetime
    fields: Fields


class Fact(NamedTuple):
    """An event: what happened to which resource, and which version it brought.

    ``extra`` are the fields that only this event's payload has; ``anonymous`` payloads lack the
    customer.
    """

    stream: str
    type: str
    at: datetime
    version: int
    extra: Fields
    anonymous: bool


class Resource:
    """A subscription, a payment and so on: its versions, in the order of time."""

    def __init__(self, category: str, identity: str, **fields: Any) -> None:  # noqa: ANN401
        self.category = category
        self.id = identity
        self.stream = f"{category}-{identity}"
        self.fields: Fields = fields
        self.versions: list[Version] = []

    def change(self, at: datetime, **fields: Any) -> int:  # noqa: ANN401
        """Write the row; the number of the version is the answer."""
        self.fields = {**self.fields, **fields}
        self.versions.append(Version(at, self.fields))
        return len(self.versions) - 1

    def number(self, moment: datetime) -> int:
        """The version that is in force at a moment; -1 before the first."""
        return bisect_right(self.versions, moment, key=lambda version: version.at) - 1

    def row(self, moment: datetime) -> Fields | None:
        """The row at a moment; None before the first version."""
        number = self.number(moment)
        return self.versions[number].fields if number >= 0 else None


class Change(NamedTuple):
    """What a transaction does to one resource, and the events that it emits for it."""

    resource: Resource
    types: tuple[str, ...] = ()
    fields: Fields = {}  # noqa: RUF012 - nobody writes to it
    extra: Fields = {}  # noqa: RUF012


class World:
    """All that happened to one customer of a merchant, and to the merchant's payouts."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.resources: dict[str, Resource] = {}
        self.facts: list[Fact] = []
        self.customer = Resource("customer", "cus_1", email="ada@example.com", name="Ada")
        self.customer.change(BEGINNING)
        # some providers' events lack the customer now and then
        self.anonymous = rng.choice((0.0, 0.0, 0.0, 0.2))
        # older payloads have no service_periods
        self.periods = rng.random() < 0.8
        # how often subscription.updated comes along with another event
        self.chatter = rng.choice((0.0, 0.3, 1.0))
        self.capitals = rng.random() < 0.7

    def add(self, category: str, **fields: Any) -> Resource:  # noqa: ANN401
        """A new resource with an id of its own; its first version is still to be written."""
        resource = Resource(category, f"{category[:3]}_{len(self.resources) + 1}", **fields)
        self.resources[resource.stream] = resource
        return resource

    def of(self, category: str) -> list[Resource]:
        """All resources of a category."""
        return [one for one in self.resources.values() if one.category == category]

    def rename(self, at: datetime) -> None:
        """Let the customer change name or address."""
        field = self.rng.choice(("email", "name"))
        self.customer.change(at, **{field: f"{field}{self.rng.randrange(1000)}@example.com"})
        self.customer.versions.sort(key=lambda version: version.at)

    def facts_of(self, stream: str) -> list[Fact]:
        """The facts of a stream, in the order in which the world emitted them."""
        return [fact for fact in self.facts if fact.stream == stream]


class Life:
    """Whatever makes things happen in a world, with a clock of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.rng
        days, micro = self.rng.randrange(180), self.rng.randrange(86_400_000_000)
        self.now = BEGINNING + timedelta(days=days, microseconds=micro)

    def wait(self, shortest: float = 0, longest: float = 0) -> None:
        """Let a random time pass, of seconds; at least a microsecond."""
        self.now += timedelta(seconds=self.rng.uniform(shortest, longest)) + MICROSECOND

    def idle(self) -> None:
        """Let the time pass that people take: seconds to weeks."""
        shortest, longest = self.rng.choice(
            ((0.001, 2), (3, 60), (60, 7_200), (7_200, 86_400), (86_400, 864_000))
        )
        self.wait(shortest, longest)

    def soon(self, most: float = 0.005) -> datetime:
        """A moment shortly after now: the row's own clock runs a little after the event's."""
        return self.now + timedelta(seconds=self.rng.choice((0, self.rng.uniform(0, most))))

    def commit(self, *changes: Change) -> None:
        """Do everything at once, and emit the events; the clock stops at the last of them."""
        stamps = self._stamps(sum(len(change.types) for change in changes))
        latest = max([self.now, *stamps])
        for change in changes:
            version = change.resource.change(self.now, **change.fields)
            of_change = [stamps.pop() for _ in change.types]
            subscription = change.resource.category == "subscription"
            if not subscription:
                of_change.sort()
            for kind, at in zip(change.types, of_change, strict=True):
                anonymous = subscription and self.rng.random() < self.world.anonymous
                self.world.facts.append(
                    Fact(
                        change.resource.stream,
                        kind,
                        at,
                        version,
                        change.extra if kind == "subscription.renewed" else {},
                        anonymous,
                    )
                )
        self.now = latest

    def emit(self, resource: Resource, kind: str, version: int) -> None:
        """Emit one event at this instant."""
        self.world.facts.append(Fact(resource.stream, kind, self.now, version, {}, False))

    def _stamps(self, count: int) -> list[datetime]:
        """The stamps of a burst; popped from the end."""
        unit = self.rng.choice((0, 1, 700, 9_000))
        stamps = [
            self.now + int(number * unit * self.rng.uniform(0.4, 1)) * MICROSECOND
            for number in range(count)
        ]
        if self.rng.random() < 0.2:
            self.rng.shuffle(stamps)
        else:
            stamps.sort(reverse=True)
        return stamps


def add_interval(at: datetime, interval: str, count: int) -> datetime:
    """The same day ``count`` intervals later, or the month's last."""
    if interval in {"Day", "Week"}:
        return at + timedelta(days=count * (7 if interval == "Week" else 1))
    months = at.month - 1 + count * (12 if interval == "Year" else 1)
    year, month = at.year + months // 12, months % 12 + 1
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
