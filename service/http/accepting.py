"""Accepts connections so that each worker has about as many as the others.

All workers wait at one socket, and the quickest gets the next connection. Clients keep
theirs open, so one worker could come to answer all of them while another one idles. A worker with
more connections than another one therefore leaves the next one to it for a moment. One that takes
nothing again and again, since it is frozen or gone, is waited for no more: clients would queue.
"""

import asyncio
import errno
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing import get_context
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import Any

import structlog

from service.telemetry.throttle import Throttle

_PATIENCE_SECONDS = 0.005
"""How long a connection is left to a worker with fewer, which may be busy, or gone."""

_LOOK_SECONDS = 0.001
"""How soon a worker that leaves a connection to others sees that they have as many now."""

_CHANCES = 4
"""How many connections in a row a worker may leave alone before nobody waits for it."""

_SLACK = 8
"""Others with fewer, but by no more than this part of them, get nothing left: that costs time."""

_ABSENT = 1 << 62
"""The number of a worker that accepts nothing: never fewer than another one has."""

_PAUSE_SECONDS = 1.0
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_log = structlog.get_logger(__name__)
_throttle = Throttle()


class OpenConnections:
    """How many connections each worker has open: memory that all of them share.

    Each writes its own numbers, machine words, so that no lock is needed.
    """

    def __init__(self, workers: int) -> None:
        context = get_context("spawn")
        self._open = context.RawArray("q", [_ABSENT] * workers)
        self._turns = context.RawArray("q", workers)

    def tell(self, worker: int, count: int) -> None:
        """Set how many a worker has, which accepts connections."""
        self._open[worker] = count

    def leave(self, worker: int) -> None:
        """Note that a worker accepts nothing."""
        self._open[worker] = _ABSENT

    def take(self, worker: int) -> None:
        """Note that a worker has accepted one, or begins to."""
        self._turns[worker] += 1

    def fewer(self, worker: int) -> dict[int, int]:
        """The workers that have clearly fewer than this one, and how often they have accepted."""
        own, turns = self._open[worker], self._turns
        counts = enumerate(self._open)
        return {other: turns[other] for other, n in counts if n + n // _SLACK < own}


class Counted(set[Any]):
    """The connections of a worker, which tells the others how many they are while it accepts."""

    def __init__(self, shared: OpenConnections, worker: int) -> None:
        super().__init__()
        self._shared, self.worker = shared, worker
        self._opening = 0
        self._accepts = False
        shared.leave(worker)

    def begin(self) -> None:
        """Tell the others from now on; this worker accepts."""
        self._accepts = True
        self._shared.take(self.worker)
        self._tell()

    def end(self) -> None:
        """Be waited for by nobody; this worker accepts no longer."""
        self._accepts = False
        self._shared.leave(self.worker)

    def accepted(self) -> None:
        """Count a connection that is not among them yet."""
        self._opening += 1
        self._shared.take(self.worker)
        self._tell()

    def opened(self) -> None:
        """Count it no more: it is among them, or gone."""
        self._opening -= 1
        self._tell()

    def add(self, connection: object) -> None:
        """Count one more."""
        super().add(connection)
        self._tell()

    def discard(self, connection: object) -> None:
        """Count one less."""
        super().discard(connection)
        self._tell()

    def fewer(self) -> dict[int, int]:
        """The workers that have clearly fewer, and how often they have accepted."""
        return self._shared.fewer(self.worker)

    def _tell(self) -> None:
        if self._accepts:
            self._shared.tell(self.worker, len(self) + self._opening)


class _Courtesy:
    """To whom a worker leaves connections: those with fewer, except who took none of the last."""

    def __init__(self, connections: Counted) -> None:
        self._connections = connections
        self._idle: dict[int, tuple[int, int]] = {}

    def others(self) -> dict[int, int]:
        """Those to whom the next connection is left, and how often they have accepted."""
        fewer = self._connections.fewer().items()
        return {x: turns for x, turns in fewer if self._idle.get(x) != (turns, _CHANCES)}

    def left_in_vain(self, others: Mapping[int, int]) -> None:
        """Note that a connection was left to these; who took none has one chance less."""
        for other, turns in others.items() & self._connections.fewer().items():
            before, times = self._idle.get(other, (turns, 0))
            self._idle[other] = (turns, times + 1 if before == turns else 1)


class Acceptor:
    """Accepts a worker's connections from when it is made until it is closed.

    ``protocol`` makes protocols that have uvicorn's ``shutdown``.
    """

    def __init__(self, sock: socket, protocol: Callable[[], Any], connections: Counted) -> None:
        self._sock, self._protocol, self._connections = sock, protocol, connections
        self._loop = asyncio.get_running_loop()
        self._courtesy = _Courtesy(connections)
        self._opening: set[asyncio.Task[None]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._closed = False
        sock.setblocking(False)
        connections.begin()
        self._loop.add_reader(sock, self._on_ready)

    def close(self) -> None:
        """Accept nothing more."""
        self._closed = True
        self._connections.end()
        self._loop.remove_reader(self._sock)
        if self._later is not None:
            self._later.cancel()

    async def wait_closed(self) -> None:
        """Wait for connections that are being opened."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _on_ready(self) -> None:
        if others := self._courtesy.others():
            self._loop.remove_reader(self._sock)
            self._leave(others, self._loop.time() + _PATIENCE_SECONDS)
        else:
            self._accept()

    def _leave(self, others: Mapping[int, int], until: float) -> None:
        """Leave a connection to these until then, or until they have as many."""
        if self._courtesy.others() and self._loop.time() < until:
            self._later = self._loop.call_later(_LOOK_SECONDS, self._leave, others, until)
            return
        self._loop.add_reader(self._sock, self._on_ready)
        if self._accept():
            self._courtesy.left_in_vain(others)

    def _pause(self) -> None:
        """Look for connections again in a while."""
        self._loop.remove_reader(self._sock)
        self._later = self._loop.call_later(
            _PAUSE_SECONDS, self._loop.add_reader, self._sock, self._on_ready
        )

    def _accept(self) -> bool:
        """Accept a connection, and return whether there was one."""
        try:
            accepted, _ = self._sock.accept()
        except OSError as error:
            # of other errors: another worker was quicker, or the client has gone
            if error.errno in _EXHAUSTED:
                _throttle.log("accept", partial(_log.error, "cannot accept", reason=str(error)))
                self._pause()
            return False
        accepted.setblocking(False)
        self._connections.accepted()
        task = self._loop.create_task(self._open(accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return True

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
            self._connections.opened()
