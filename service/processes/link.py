"""A child process's link to its parent: heartbeats one way, new settings the other."""

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
"""Settings to follow, and their generation."""


class Link:
    """One child's link; the parent has the other end of the connection."""

    def __init__(self, scoreboard: Scoreboard, number: int, connection: Connection) -> None:
        self.scoreboard = scoreboard
        self._number = number
        self._connection = connection

    def dump_stacks(self) -> None:
        """Answer SIGUSR1 with the stack of every thread, even while Python code blocks."""
        faulthandler.register(signal.SIGUSR1, file=self._connection.fileno())

    @asynccontextmanager
    async def attached(
        self, reload: Callable[[Settings], None] | None = None
    ) -> AsyncIterator[None]:
        """Beat while this event loop runs, and ``reload`` in it what the parent sends."""
        if reload is not None:
            loop = asyncio.get_running_loop()
            receiving = threading.Thread(target=self._receive, args=(loop, reload), daemon=True)
            receiving.start()
        beating = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            yield
        finally:
            beating.cancel()

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
            # the parent or the loop is gone, and this process will be soon
            return

    def _reload(
        self, generation: int, settings: Settings, reload: Callable[[Settings], None]
    ) -> None:
        reload(settings)
        # in the loop, behind the change: no request is judged by the older settings any more
        self.scoreboard.follow(self._number, generation)
