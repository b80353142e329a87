"""Accepts connections so that each worker has about as many as the others.

All workers wait at one socket, and the quickest gets the next connection. Clients keep
theirs open, so one worker could come to answer all of them while another one idles. A worker with
more connections than another one therefore leaves the next one to it for a moment.
"""

import asyncio
import errno
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import Any

import structlog

from service.telemetry.throttle import Throttle

_PATIENCE_SECONDS = 0.005
"""How long a connection is left to a worker with fewer, which may be busy, or gone."""

_PAUSE_SECONDS = 1.0
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_log = structlog.get_logger(__name__)
_throttle = Throttle()


class OpenConnections:
    """How many connections each worker has open: memory that all of them share.

    Each writes its own number, a machine word, so that no lock is needed.
    """

    def __init__(self, workers: int) -> None:
        self._counts = get_context("spawn").RawArray("q", workers)

    def tell(self, worker: int, count: int) -> None:
        """Set the number of one worker."""
        self._counts[worker] = count

    def has_more(self, worker: int) -> bool:
        """Whether a worker has more than another one."""
        return bool(self._counts[worker] > min(self._counts))


class Counted(set[Any]):
    """The connections of a worker, which tells the others how many they are."""

    def __init__(self, shared: OpenConnections, worker: int) -> None:
        super().__init__()
        self._shared, self.worker = shared, worker
        self._accepted = 0
        shared.tell(worker, 0)

    def expect(self, count: int) -> None:
        """Count a connection that is accepted, and not among them yet; -1 once it is."""
        self._accepted += count
        self._tell()

    def add(self, connection: object) -> None:
        """Count one more."""
        super().add(connection)
        self._tell()

    def discard(self, connection: object) -> None:
        """Count one less."""
        super().discard(connection)
        self._tell()

    @property
    def more_than_others(self) -> bool:
        """Whether another worker has fewer."""
        return self._shared.has_more(self.worker)

    def _tell(self) -> None:
        self._shared.tell(self.worker, len(self) + self._accepted)


class Acceptor:
    """Accepts a worker's connections from when it is made until it is closed.

    ``protocol`` makes protocols that have uvicorn's ``shutdown``.
    """

    def __init__(self, sock: socket, protocol: Callable[[], Any], connections: Counted) -> None:
        self._sock, self._protocol, self._connections = sock, protocol, connections
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._closed = False
        sock.setblocking(False)
        self._loop.add_reader(sock, self._on_ready)

    def close(self) -> None:
        """Accept nothing more."""
        self._closed = True
        self._loop.remove_reader(self._sock)
        if self._later is not None:
            self._later.cancel()

    async def wait_closed(self) -> None:
        """Wait for connections that are being opened."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _on_ready(self) -> None:
        if self._connections.more_than_others:
            self._pause(_PATIENCE_SECONDS, then=self._accept)
        else:
            self._accept()

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        """Stop to look for connections for a while."""
        self._loop.remove_reader(self._sock)
        self._later = self._loop.call_later(seconds, self._resume, then)

    def _resume(self, then: Callable[[], None]) -> None:
        self._loop.add_reader(self._sock, self._on_ready)
        then()

    def _accept(self) -> None:
        try:
            accepted, _ = self._sock.accept()
        except OSError as error:
            # of other errors: another worker was quicker, or the client has gone
            if error.errno in _EXHAUSTED:
                _throttle.log("accept", partial(_log.error, "cannot accept", reason=str(error)))
                self._pause(_PAUSE_SECONDS, then=self._on_ready)
            return
        accepted.setblocking(False)
        self._connections.expect(1)
        task = self._loop.create_task(self._open(accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket) -> None:
        try:
            accepted.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            _, protocol = await self._loop.connect_accepted_socket(self._protocol, accepted)
            if self._closed:
                # the server has told only those that it knew to end
                protocol.shutdown()
        except OSError:
            # the client has gone
            accepted.close()
        finally:
            self._connections.expect(-1)
