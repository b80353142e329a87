"""The provider's account of the merchant: resources, a clock, what is due, what happened."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

from service.sandbox.catalog import BUSINESS
from service.sandbox.happenings import Happening, ImpossibleError, Resource

KINDS = (
    "customer", "subscription", "payment", "refund", "dispute", "license_key",
    "license_key_instance", "entitlement_grant", "payout", "credit", "credit_balance",
    "abandoned_checkout", "dunning", "product", "entitlement", "credit_entitlement",
)  # fmt: skip

_TICK, _SLACK = timedelta(milliseconds=1), timedelta(seconds=1)


class Account:
    """Resources by kind and id, and a schedule of what is due.

    Chance is each customer's own, and what is due stands in one order of time: so a history does
    not depend on the steps in which the clock is moved.

    Attributes:
        now: the clock; only what is due moves it.
        resources: kind, id, and the resource as it is read by its id.
        by_hand: the subscriptions and payments that a command moved: chance leaves them alone.
        grace_ends: of each subscription that is past due; told by webhooks only.
    """

    def __init__(self, seed: int, begin: datetime) -> None:
        self.business_id = BUSINESS
        self.now = begin
        self.resources: dict[str, dict[str, Resource]] = {kind: {} for kind in KINDS}
        self.by_hand: set[str] = set()
        self.grace_ends: dict[str, datetime] = {}
        self.mark = ""
        self._seed = seed
        self._due: list[tuple[datetime, int, Callable[..., object], tuple[Any, ...]]] = []
        self._planned = 0
        self._happened: list[Happening] = []
        self._chances: dict[str, Random] = {}
        self._named: defaultdict[tuple[str, str], int] = defaultdict(int)

    def get(self, kind: str, identity: str) -> Resource:
        """A resource.

        Raises:
            ImpossibleError: if there is none.
        """
        try:
            return self.resources[kind][identity]
        except KeyError:
            raise ImpossibleError(f"There is no {kind} {identity!r} in this world.") from None

    def add(self, kind: str, identity: str, resource: Resource) -> Resource:
        """Keep a new resource."""
        self.resources[kind][identity] = resource
        return resource

    def name(self, prefix: str, owner: str) -> str:
        """The next identity of a kind for a customer, such as ``pay_000001_3``."""
        self._named[prefix, owner] += 1
        key = owner.partition("_")[2] or owner
        return f"{prefix}_{key}_{self.mark}{self._named[prefix, owner]}"

    def chance(self, owner: str) -> Random:
        """The customer's own source of chance."""
        if owner not in self._chances:
            self._chances[owner] = Random(f"{self._seed}/{owner}")  # noqa: S311 - no secret
        return self._chances[owner]

    def plan(self, at: datetime, call: Callable[..., object], *args: object) -> None:
        """Let ``call`` be made when the clock reaches ``at``."""
        self._planned += 1
        heappush(self._due, (at, self._planned, call, args))

    def later(
        self, owner: str, low: float, high: float, call: Callable[..., object], *args: object
    ) -> None:
        """Let ``call`` be made between so many hours from now, by the owner's chance."""
        seconds = self.chance(owner).uniform(low * 3600, high * 3600)
        self.plan(self.now + timedelta(seconds=seconds), call, *args)

    def happen(self, kind: str, identity: str, event: str, **extra: object) -> None:
        """Note an event of a resource at this moment."""
        self._happened.append(Happening(event, self.now, kind, identity, extra))

    def take(self) -> list[Happening]:
        """What happened since this was last asked."""
        happened, self._happened = self._happened, []
        return happened

    @property
    def next_at(self) -> datetime | None:
        """When the next thing is due."""
        return self._due[0][0] if self._due else None

    def advance(self, to: datetime) -> None:
        """Do all that is due until then, in order.

        Raises:
            ImpossibleError: if that lies in the past, by more than commands move the clock.
        """
        if to < self.now - _SLACK:
            raise ImpossibleError(
                f"The clock stands at {self.now:%Y-%m-%d %H:%M} and cannot go back."
            )
        while self._due and self._due[0][0] <= to:
            self.now, _, call, args = heappop(self._due)
            call(*args)
        self.now = max(self.now, to)

    def tick(self) -> None:
        """Let a millisecond pass, so that what follows is not of the same instant."""
        self.advance(self.now + _TICK)
