"""The sandbox's clock: a world that lags behind the present, and may catch up with it.

The clock runs at the pace of the real one. It can be moved forward, but not beyond the present:
otherwise receivers would be told of the future, which they rightly refuse.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from service.sandbox.deliveries import Deliveries
from service.sandbox.happenings import Happening, ImpossibleError
from service.sandbox.world import World
from service.spans import words

_TICK_SECONDS = 0.2
_MOVING = timedelta(seconds=2)


class Timeline:
    """Moves the world, and has the webhooks sent that fall due on the way."""

    def __init__(self, world: World, deliveries: Deliveries, client: httpx.AsyncClient) -> None:
        self.world = world
        self._deliveries = deliveries
        self._client = client
        self._lag = max(timedelta(0), datetime.now(UTC) - world.now)
        self._wake = asyncio.Event()

    @property
    def now(self) -> datetime:
        """The time that the world shows."""
        return self.world.now

    @property
    def target(self) -> datetime:
        """The time to which the world is being moved."""
        return max(self.world.now, datetime.now(UTC) - self._lag)

    @property
    def lag(self) -> timedelta:
        """How far the clock can still be moved."""
        return self._lag

    @property
    def settled(self) -> bool:
        """Whether the world shows the time of the clock, and every webhook due was sent."""
        return self.target - self.now < _MOVING and not self._deliveries.due(self.now)

    def advance(self, by: timedelta) -> datetime:
        """Move the clock; returns the time to which the world is then moved.

        Raises:
            ImpossibleError: if that lies after the present.
        """
        if by < timedelta(0):
            raise ImpossibleError("The sandbox's clock cannot be moved back.")
        if by > self._lag:
            raise ImpossibleError(
                f"The sandbox's clock is {words(self._lag)} behind the present, and cannot be"
                f" moved beyond it by {words(by - self._lag)}. Start a sandbox that is further"
                " behind, with --behind."
            )
        self._lag -= by
        self._wake.set()
        return self.target

    def act(self, action: Callable[[World], list[Happening]]) -> list[Happening]:
        """Let something happen in the world now; its webhooks are sent at once."""
        happenings = action(self.world)
        self._deliveries.post(happenings, self.world.now)
        self._wake.set()
        return happenings

    async def run(self) -> None:
        """Keep the world at the time of the clock, until cancelled."""
        while True:
            await self._catch_up()
            try:
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _catch_up(self) -> None:
        """Go from event to event, so that each webhook shows the world of its moment."""
        world, deliveries = self.world, self._deliveries
        while True:
            steps = (self.target, world.next_at, deliveries.next_at)
            step = max(world.now, min(step for step in steps if step is not None))
            deliveries.post(world.advance(step), step)
            await deliveries.send_due(world, step, self._client)
            if step >= self.target - timedelta(seconds=_TICK_SECONDS):
                return
            # the REST API answers between two events
            await asyncio.sleep(0)
