"""HTTP/1.1 with limits on everything a client can send or withhold.

uvicorn's own protocol has none: a head may grow without end, and half a head may stay open for
ever. Here a head may have 64 KiB and take 10 seconds, and a worker has a limited number of
connections. ``sending`` limits how slowly a client may read its responses.
"""

import resource
from asyncio import AbstractEventLoop, Transport
from collections.abc import Mapping
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
"""The limit for a request line with headers, and again for the framing of a chunked body."""

HEAD_SECONDS = 10.0
BODY_SECONDS = 60.0
"""The webhook endpoint has a shorter timeout of its own."""

IDLE_SECONDS = 75
"""Longer than the 60 seconds of most proxies, so that the proxy closes an idle connection."""

SHUTDOWN_SECONDS = 2.0
"""How long a shutdown waits for the rest of a request."""

_CHUNK_FRAMING = 12
"""The bytes around a chunk's data: hexadecimal digits and line ends."""

_RESERVED_FILES = 128


_PEER = "peer"


def peer_of(scope: Mapping[str, Any]) -> str | None:
    """The address at the other end of a request's connection, even if that is a proxy's."""
    peer: str | None = scope.get("state", {}).get(_PEER)
    return peer


def _max_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1000 if files == resource.RLIM_INFINITY else max(16, min(1000, files - _RESERVED_FILES))


MAX_CONNECTIONS = _max_connections()
"""Open connections of a worker, fewer if the limit on open files is low."""

_log = structlog.get_logger(__name__)
_throttle = Throttle()


class _RefusedError(Exception):
    """Stops the parser; the problem is answered."""


class HttpProtocol(SendingProtocol):
    """One connection; ``cycle`` is the last request received, ``_running`` the one in progress."""

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
        # bytes since the last request, without complete heads and data of bodies
        self._other_bytes = 0
        self._in_head = True
        self._started = False
        self._problem: Problem | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for a head, or refuse the connection if too many are open."""
        super().connection_made(transport)
        # before a proxy's header names another sender
        self.app_state = {**self.app_state, _PEER: self.client[0] if self.client else None}
        self.idle_since = self.loop.time()
        if len(self.connections) <= MAX_CONNECTIONS or self._make_room():
            self.deadline = self.loop.call_later(HEAD_SECONDS, self._time_out)
            return
        log = partial(_log.warning, "connections refused", open=MAX_CONNECTIONS)
        _throttle.log("connections", log)
        self.send_problem(Problem("busy", f"{MAX_CONNECTIONS} connections are open."))
        self.close()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and refuse a request beyond its limits."""
        if self.hung_up:
            return
        self._unset_keepalive_if_required()
        self._other_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # the parser stops here
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            invalid = Problem("bad-request", "The request is not valid HTTP/1.1.")
            self._refuse(self._problem or invalid)
            return
        if self.transport.is_closing():
            return
        if self._other_bytes > MAX_HEAD_BYTES:
            self._refuse(_too_large())
        elif self.deadline is None and (not self._in_head or self._started or self._other_bytes):
            seconds = HEAD_SECONDS if self._in_head else BODY_SECONDS
            self.deadline = self.loop.call_later(seconds, self._time_out)

    def on_message_begin(self) -> None:
        """Start a request with its first byte."""
        self._started = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count a part of the request target."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count and keep a header; drop trailers, so that none is taken for a header."""
        if self._in_head:
            self._count_head(len(name) + len(value) + len(b": \r\n"))
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application; its head is complete."""
        self._in_head = False
        self._other_bytes -= self._head_bytes
        self.cancel_deadline()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Discount the framing of a chunk."""
        self._other_bytes -= _CHUNK_FRAMING

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._other_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Finish a request; the next head may follow."""
        self._in_head, self._started, self._other_bytes = True, False, 0
        self.cancel_deadline()
        super().on_message_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            # answered before it was complete: only now is the connection idle
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def shutdown(self) -> None:
        """Close: at once when idle, after a moment while a request is incomplete."""
        super().shutdown()
        if not self._in_head and not self.cycle.response_complete:
            self.loop.call_later(SHUTDOWN_SECONDS, self._cut_off)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        # uvicorn's own modules disagree on the type of an ASGI application
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
        """Run the application; hang up if it answers before a large body is complete."""
        hangs_up = False

        async def send_or_hang_up(message: ASGISendEvent) -> None:
            nonlocal hangs_up
            if message["type"] != "http.response.start" or not cycle.more_body or _is_small(scope):
                await send(message)
            else:
                # send the header `connection: close`, but do not close yet
                hangs_up, cycle.keep_alive = True, False
                await send(message)
                cycle.keep_alive = True
            if hangs_up and cycle.response_complete:
                self.hang_up()
            elif cycle.more_body and cycle.response_complete and not self.transport.is_closing():
                self.cancel_deadline()
                self.deadline = self.loop.call_later(LINGER_SECONDS, self.close)

        await app(scope, receive, send_or_hang_up if cycle.more_body else send)

    @property
    def _is_idle(self) -> bool:
        running = self._running
        return self._in_head and not self.hung_up and (running is None or running.response_complete)

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest; return False if none is idle."""
        idle = [
            other
            for other in self.connections
            if isinstance(other, HttpProtocol) and other is not self and other._is_idle  # noqa: SLF001
        ]
        if not idle:
            return False
        min(idle, key=lambda other: other.idle_since).close()
        return True

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > MAX_HEAD_BYTES:
            self._problem = _too_large()
            raise _RefusedError

    def _time_out(self) -> None:
        self.deadline = None
        if self.flow.read_paused:
            # we are the ones who do not read
            self.deadline = self.loop.call_later(HEAD_SECONDS, self._time_out)
        elif self._in_head and not self._started and not self._other_bytes:
            self.close()
        else:
            part = "head" if self._in_head else "body"
            seconds = HEAD_SECONDS if self._in_head else BODY_SECONDS
            text = f"The {part} of the request did not arrive within {seconds:.0f} seconds."
            self._refuse(Problem("request-timeout", text))

    def _cut_off(self) -> None:
        if not self.hung_up and self.cycle.more_body and not self.cycle.response_started:
            self._refuse(
                Problem("shutting-down", "The service is stopping; the body is incomplete.")
            )

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem unless a response is in progress, and accept nothing more."""
        running = self._running
        if running is not None and not running.response_complete:
            if running.response_started or running is not self.cycle or self._in_head:
                # its response goes on, as the last one
                self.hung_up, running.keep_alive = True, False
                self.flow.resume_reading()
                self.cancel_deadline()
                return
            running.disconnected = True
            running.message_event.set()
        self.send_problem(problem)
        self.hang_up()


def _is_small(scope: Scope) -> bool:
    """Whether the rest of a request is small enough to read, so that the connection can stay."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]  # type: ignore[typeddict-item]
    return len(lengths) == 1 and announced(lengths[0]) <= MAX_HEAD_BYTES


def _too_large() -> Problem:
    return Problem("head-too-large", f"A request's head is limited to {MAX_HEAD_BYTES} bytes.")
