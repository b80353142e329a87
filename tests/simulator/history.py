"""A history: a world, how it was told, and what was recorded of it; all drawn from a seed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from tests.simulator.deliveries import (
    Delivery,
    Network,
    Rendering,
    Sender,
    arrange,
    record,
)
from tests.simulator.gifts import Grant
from tests.simulator.ledgers import Ledger, Payout
from tests.simulator.payments import Purchase
from tests.simulator.subscriptions import Subscription
from tests.simulator.world import World

_REPLAYED = 0.25


class History:
    """What a book holds, next to the truth.

    Attributes:
        complete: whether every fact was recorded at least once.
        recorded: the deliveries in the order of their positions.
        end: after everything that happened or was sent.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = Random(seed)  # noqa: S311 - the same seed, the same history
        self.world = World(self.rng)
        populate(self.world)
        self.rendering = Rendering(self.rng.randrange(1, 4))
        self.complete = self.rng.random() < 0.6
        network = Network(
            failure=self.rng.choice((0.0, 0.1, 0.5)),
            mistake=self.rng.choice((0.0, 0.05, 0.4)),
            loss=0.0 if self.complete else self.rng.choice((0.05, 0.2, 0.5)),
            skew=self.rng.choice((0.0, 0.0, 3.0)),
        )
        self.sender = Sender(self.world, self.rendering, network)
        deliveries = self.sender.send_all()
        if deliveries and self.rng.random() < _REPLAYED:
            deliveries += self._replays(deliveries)
        self.recorded = record(arrange(self.rng, deliveries))
        self.end = max([
            *(one.attempted for one in deliveries),
            *(fact.at for fact in self.world.facts),
        ]) + timedelta(minutes=1)  # fmt: skip

    def can_replay(self, number: int) -> bool:
        """Whether the dashboard still offers a fact, which it does for two weeks."""
        return self.end - self.world.facts[number].at < timedelta(days=13)

    def replay(self, number: int, *, retried: bool = False) -> list[Delivery]:
        """Replay a fact after everything else; it moves the end."""
        self.end += timedelta(seconds=self.rng.uniform(60, 40_000))
        original = next((one for one in self.recorded if one.fact == number), None)
        deliveries = self.sender.replay(number, self.end, original=original, retried=retried)
        self.end = max(one.attempted for one in deliveries) + timedelta(minutes=1)
        return deliveries

    def listing(self) -> Iterator[str]:
        """The history in lines, for people."""
        kind = "complete" if self.complete else "with losses"
        yield f"seed {self.seed}: {kind}, rendered {self.rendering.name.lower()}"
        recorded = {one.fact for one in self.recorded}
        for number, fact in sorted(enumerate(self.world.facts), key=lambda pair: pair[1].at):
            row = self.world.resources[fact.stream].versions[fact.version].fields
            lost = "" if number in recorded else "  LOST"
            what = f"{_moment(fact.at)} {fact.stream} {fact.type} {_brief(row)}"
            yield f"  fact {number}: {what}{lost}"
        for position, one in enumerate(self.recorded, start=1):
            row = self.world.resources[one.stream].versions[one.version].fields
            yield (
                f"  {position}: {one.stream} {one.type} at {_moment(one.timestamp)}"
                f" rendered {_moment(one.rendered)} sent {_moment(one.sent_at)}"
                f" {one.webhook_id}{' replay' * one.replay} {_brief(row)}"
            )

    def _replays(self, deliveries: list[Delivery]) -> list[Delivery]:
        """Replays of recorded facts, beyond their retries and within two weeks."""
        replays: list[Delivery] = []
        for _ in range(self.rng.randrange(1, 3)):
            original = self.rng.choice(deliveries)
            fact = self.world.facts[original.fact]
            at = fact.at + timedelta(hours=self.rng.uniform(29, 300))
            # of what changes silently, the order of two renderings shows only in their sending
            retried = fact.stream.partition("-")[0] not in {"license_key", "payment"}
            replays += self.sender.replay(original.fact, at, original=original, retried=retried)
        return replays


def populate(world: World) -> None:
    """Let one thing or several live in a world."""
    rng = world.rng
    steps = rng.choice((1, 2, 3, 4, 6, 9, 14))
    kind = rng.random()
    if kind < 0.62:
        Subscription(world).live(steps)
        if rng.random() < 0.15:
            Subscription(world).live(steps)
        if rng.random() < 0.05:
            Grant(world).live(steps)
    elif kind < 0.72:
        Purchase(world).live(steps)
    elif kind < 0.80:
        Grant(world).live(steps)
    elif kind < 0.88:
        Payout(world).live(steps)
    else:
        Ledger(world).live(steps)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond:06d}".rstrip("0").rstrip(".")


def _brief(row: dict[str, object]) -> str:
    """Status, and what else tells one row from another."""
    names = ("quantity", "recurring_pre_tax_amount", "refund_status", "balance_after")
    words = [str(row.get("status", row.get("dispute_status", "")))]
    words += [f"{name}={row[name]}" for name in names if row.get(name) is not None]
    return " ".join(words)
