"""A child's link to its parent: sends heartbeats, receives new settings."""

import asyncio
import faulthandler
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection

from service.processes.scoreboard import Scoreboard
from service.settings import Settings

_BEAT_SECONDS = 1.0

Message = tuple[int, Settings]
"""A generation, and its settings."""


class Link:
    """The child's end of the connection."""

    def __init__(self, scoreboard: Scoreboard, number: int, connection: Connection) -> None:
        self.scoreboard = scoreboard
        self._number = number
        self._connection = connection

    def dump_stacks(self) -> None:
        """Send the stacks of all threads on SIGUSR1, even while Python code blocks."""
        faulthandler.register(signal.SIGUSR1, file=self._connection.fileno())

    @asynccontextmanager
    async def attached(
        self, reload: Callable[[Settings], None] | None = None
    ) -> AsyncIterator[None]:
        """Send heartbeats while this event loop runs; call ``reload`` in it for new settings."""
        if reload is not None:
            loop = asyncio.get_running_loop()
            receiver = threading.Thread(target=self._receive, args=(loop, reload), daemon=True)
            receiver.start()
        heartbeat = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            yield
        finally:
            heartbeat.cancel()

    async def _beat(self) -> None:
        while True:
            self.scoreboard.beat(self._number)
            await asyncio.sleep(_BEAT_SECONDS)

    def _receive(self, loop: asyncio.AbstractEventLoop, reload: Callable[[Settings], None]) -> None:
        try:
            while True:
                generation, settings = self._connection.recv()
                loop.call_soon_threadsafe(self._reload, generation, settings, reload)
        except (EOFError, OSError, RuntimeError):
            # the parent or the loop has ended, and this process will end soon
            return

    def _reload(
        self, generation: int, settings: Settings, reload: Callable[[Settings], None]
    ) -> None:
        reload(settings)
        # in the loop, after the change: no request uses older settings from now on
        self.scoreboard.follow(self._number, generation)
