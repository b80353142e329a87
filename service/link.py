"""A child process's link to its parent: heartbeats, new settings, and a plea to be replaced."""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection

import structlog

from service.orphans import GRACE_SECONDS
from service.scoreboard import Scoreboard
from service.settings import Settings

REPLACE = 75
"""The exit code of a process that asked to be replaced: the C library's EX_TEMPFAIL."""

_BEAT_SECONDS = 1.0

_log = structlog.get_logger(__name__)

Message = tuple[int, Settings]
"""Settings to follow, and their generation."""


class Link:
    """One child's link; the parent has the other end of the connection."""

    def __init__(self, scoreboard: Scoreboard, number: int, connection: Connection) -> None:
        self.scoreboard = scoreboard
        self._number = number
        self._connection = connection
        self.exit_code = 0

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

    def replace(self, reason: str) -> None:
        """End this process in good order, so that the parent starts another.

        What has begun is finished as on SIGTERM. Calling it again does nothing.
        """
        if self.exit_code == REPLACE:
            return
        self.exit_code = REPLACE
        _log.error("process asks to be replaced", reason=reason)
        # what is hopeless may not end in good order either
        timer = threading.Timer(GRACE_SECONDS, os._exit, (REPLACE,))
        timer.daemon = True
        timer.start()
        os.kill(os.getpid(), signal.SIGTERM)

    def exit(self) -> None:
        """Leave with the exit code that the parent should see."""
        sys.exit(self.exit_code)

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
