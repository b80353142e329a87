"""HTTP/1.1 with a limit, in bytes and in time, on all that a client can send or withhold.

The server's own protocol bounds neither: a head may grow without end, and half of one may stay open
for ever. Here each request has 64 KiB and 10 seconds for its head, and a worker has so many
connections and no more. What a client takes of its answers is watched in ``http_sending``.
"""

import resource
from asyncio import AbstractEventLoop, Transport
from functools import partial
from typing import Any, cast

import httptools
import structlog
from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from service.http.request_heads import announced
from service.http.sending import LINGER_SECONDS, SendingProtocol
from service.problems import Problem
from service.telemetry.throttle import Throttle

MAX_HEAD_BYTES = 64 << 10
"""Of a request line with its headers; and once more of what a chunked body has beside its data."""

HEAD_SECONDS = 10.0
BODY_SECONDS = 60.0
"""The door of the webhooks gives less, and answers for itself."""

IDLE_SECONDS = 75
"""Longer than the minute that proxies keep a connection for, so that it is they who close it."""

SHUTDOWN_SECONDS = 2.0
"""How long the rest of a request is awaited when the service ends."""

_CHUNK_FRAMING = 12
"""Bytes around a chunk's data, in hexadecimal digits and line ends."""

_RESERVED_FILES = 128


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1000 if files == resource.RLIM_INFINITY else max(16, min(1000, files - _RESERVED_FILES))


MAX_CONNECTIONS = _most_connections()
"""Open at once in a worker, where so many files may be open."""

_log = structlog.get_logger(__name__)
_throttle = Throttle()


class _RefusedError(Exception):
    """Ends the parser; the problem is answered."""


class HttpProtocol(SendingProtocol):
    """One connection. ``cycle`` is the request that came last, ``_running`` the one answered."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._running: RequestResponseCycle | None = None
        self._head_bytes = 0
        # bytes since the last request that were neither a whole head nor data of a body
        self._other_bytes = 0
        self._in_head = True
        self._begun = False
        self._problem: Problem | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, or refuse where too many connections are open."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        if len(self.connections) <= MAX_CONNECTIONS or self._make_room():
            self.deadline = self.loop.call_later(HEAD_SECONDS, self._late)
            return
        log = partial(_log.warning, "connections refused", open=MAX_CONNECTIONS)
        _throttle.log("connections", log)
        busy = Problem("busy", f"{MAX_CONNECTIONS} connections are open.")
        self.send_problem(busy)
        self.close()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and refuse what has come too far."""
        if self.hung_up:
            return
        self._unset_keepalive_if_required()
        self._other_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # the parser reads no further
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            broken = Problem("bad-request", "The request is not valid HTTP/1.1.")
            self._refuse(self._problem or broken)
            return
        if self.transport.is_closing():
            return
        if self._other_bytes > MAX_HEAD_BYTES:
            self._refuse(_too_large())
        elif self.deadline is None and (not self._in_head or self._begun or self._other_bytes):
            seconds = HEAD_SECONDS if self._in_head else BODY_SECONDS
            self.deadline = self.loop.call_later(seconds, self._late)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._begun = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Some of a request's target."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; what follows a chunked body is dropped, and never taken for a header."""
        if self._in_head:
            self._count_head(len(name) + len(value) + len(b": \r\n"))
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A whole head."""
        self._in_head = False
        self._other_bytes -= self._head_bytes
        self.cancel_deadline()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """A chunk begins: what frames it is no extension."""
        self._other_bytes -= _CHUNK_FRAMING

    def on_body(self, body: bytes) -> None:
        """Some data of a body."""
        self._other_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A whole request."""
        self._in_head, self._begun, self._other_bytes = True, False, 0
        self.cancel_deadline()
        super().on_message_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            # answered before it was here: only now is the connection idle
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def shutdown(self) -> None:
        """End: at once where nothing is under way, soon where the rest of a request is awaited."""
        super().shutdown()
        if not self._in_head and not self.cycle.response_complete:
            self.loop.call_later(SHUTDOWN_SECONDS, self._cut)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        # the types of ASGI applications differ between the server's own modules
        answering = cast("ASGI3Application", partial(self._answer, cycle, app))
        super()._start_asgi_task(cycle, answering)

    async def _answer(
        self,
        cycle: RequestResponseCycle,
        app: ASGI3Application,
        scope: Scope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        """Run the application; hang up where it answers before a large body has come."""
        hangs_up = False

        async def sending(message: ASGISendEvent) -> None:
            nonlocal hangs_up
            if message["type"] != "http.response.start" or not cycle.more_body or _is_small(scope):
                await send(message)
            else:
                # the header `connection: close`, without the close
                hangs_up, cycle.keep_alive = True, False
                await send(message)
                cycle.keep_alive = True
            if hangs_up and cycle.response_complete:
                self.hang_up()
            elif cycle.more_body and cycle.response_complete and not self.transport.is_closing():
                self.cancel_deadline()
                self.deadline = self.loop.call_later(LINGER_SECONDS, self.close)

        await app(scope, receive, sending if cycle.more_body else send)

    @property
    def _is_idle(self) -> bool:
        running = self._running
        return self._in_head and not self.hung_up and (running is None or running.response_complete)

    def _make_room(self) -> bool:
        """Close the connection that has waited longest for a request, if there is one."""
        idle = [
            one
            for one in self.connections
            if isinstance(one, HttpProtocol) and one is not self and one._is_idle  # noqa: SLF001
        ]
        if not idle:
            return False
        min(idle, key=lambda one: one.idle_since).close()
        return True

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > MAX_HEAD_BYTES:
            self._problem = _too_large()
            raise _RefusedError

    def _late(self) -> None:
        self.deadline = None
        if self.flow.read_paused:
            # it is we who do not read
            self.deadline = self.loop.call_later(HEAD_SECONDS, self._late)
        elif self._in_head and not self._begun and not self._other_bytes:
            self.close()
        else:
            part = "head" if self._in_head else "body"
            seconds = HEAD_SECONDS if self._in_head else BODY_SECONDS
            late = f"The {part} of the request was not here after {seconds:.0f} seconds."
            self._refuse(Problem("request-timeout", late))

    def _cut(self) -> None:
        if not self.hung_up and self.cycle.more_body and not self.cycle.response_started:
            self._refuse(Problem("shutting-down", "The service ends; the body was not here."))

    def _refuse(self, problem: Problem) -> None:
        """Answer a problem, if nothing else is being answered, and take nothing more."""
        running = self._running
        if running is not None and not running.response_complete:
            if running.response_started or running is not self.cycle or self._in_head:
                # its answer goes on, and is the last one
                self.hung_up, running.keep_alive = True, False
                self.flow.resume_reading()
                self.cancel_deadline()
                return
            running.disconnected = True
            running.message_event.set()
        self.send_problem(problem)
        self.hang_up()


def _is_small(scope: Scope) -> bool:
    """Whether the rest of a request is read through in a moment: the connection stays."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]  # type: ignore[typeddict-item]
    return len(lengths) == 1 and announced(lengths[0]) <= MAX_HEAD_BYTES


def _too_large() -> Problem:
    return Problem("head-too-large", f"The limit of a request's head is {MAX_HEAD_BYTES} bytes.")
