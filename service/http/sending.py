"""The sending half of a connection: stalled readers and a safe close.

Closing a connection while its client still sends resets it, and the client loses the response. So
the connection is half closed first, and for a moment its input is discarded. A client that reads
nothing of its response for 30 seconds is disconnected.
"""

import secrets
from asyncio import AbstractEventLoop, TimerHandle
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from service.problems import MEDIA_TYPE, Problem, render

STALL_SECONDS = 30.0
"""How long a client may read nothing of its response."""

LINGER_SECONDS = 2.0
"""How long the rest of an answered request is read and discarded."""


class SendingProtocol(HttpToolsProtocol):
    """``hung_up``: all input is ignored; ``deadline``: the timer of what is awaited."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.hung_up = False
        self.idle_since = 0.0
        self.deadline: TimerHandle | None = None
        self._stall: TimerHandle | None = None
        self._unsent = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        self.hung_up = True
        self.cancel_deadline()
        self._cancel_stall()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Note when the connection became idle."""
        self.idle_since = self.loop.time()
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_sending()

    def pause_writing(self) -> None:
        """Start the stall timer; the client reads too slowly."""
        super().pause_writing()
        self._watch_sending()

    def resume_writing(self) -> None:
        """Cancel the stall timer; the client has caught up."""
        super().resume_writing()
        self._cancel_stall()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection."""
        self.close()

    def send_problem(self, problem: Problem) -> None:
        """Answer without the application; the caller closes the connection then."""
        problem_headers, content = render(problem)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(content)),
            (b"connection", b"close"),
            (b"x-request-id", secrets.token_hex(16).encode()),
            *((k.encode(), v.encode("latin-1")) for k, v in problem_headers.items()),
        ]
        lines = [b"%b: %b\r\n" % header for header in headers]
        status = STATUS_LINE[problem.kind.status]
        self.transport.write(b"".join([status, *lines, b"\r\n", content]))

    def hang_up(self) -> None:
        """Half close; discard input until the client has its response and closes too."""
        self.hung_up = True
        self._unset_keepalive_if_required()
        self.cancel_deadline()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self.deadline = self.loop.call_later(LINGER_SECONDS, self.close)

    def close(self) -> None:
        """Close once the client has read everything, or has stalled."""
        self.hung_up = True
        if not self.transport.is_closing():
            self.transport.close()
        self._watch_sending()

    def _watch_sending(self) -> None:
        """Abort the connection unless the client reads something in time."""
        self._cancel_stall()
        self._unsent = self.transport.get_write_buffer_size()
        if self._unsent:
            self._stall = self.loop.call_later(STALL_SECONDS, self._check_sending)

    def _check_sending(self) -> None:
        self._stall = None
        if self.transport.get_write_buffer_size() < self._unsent:
            self._watch_sending()
        else:
            self.transport.abort()

    def cancel_deadline(self) -> None:
        """Stop waiting."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _cancel_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
