"""A worker process: an HTTP server with the application."""

import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn

from service.http.accepting import Acceptor, Counted, OpenConnections
from service.http.protocol import IDLE_SECONDS, HttpProtocol
from service.processes.link import Link
from service.processes.tasks import exit_if_given_up
from service.queries.freshness import Freshness
from service.server.app import build
from service.settings import Settings

_GRACE_SECONDS = 20
_NOT_STARTED = 3
"""uvicorn's exit code for a server that could not start."""


class Server(uvicorn.Server):
    """Shares the connections with other workers, and stops only on SIGTERM from the parent.

    Then it ends the endless streams of changes.
    """

    def __init__(
        self, config: uvicorn.Config, connections: Counted, freshness: Freshness | None = None
    ) -> None:
        super().__init__(config)
        self.server_state.connections = connections
        self._connections = connections
        self._freshness = freshness

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, and accept connections from these sockets."""
        await super().startup(sockets=[])
        protocol = partial(
            HttpProtocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        accepting = [Acceptor(sock, protocol, self._connections) for sock in sockets or ()]
        # as much of asyncio's servers as uvicorn uses
        self.servers = cast("Any", accepting)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the library's
        """Stop on SIGTERM alone."""
        # a terminal sends SIGINT to every process; only the parent decides whether all stop
        if sig == signal.SIGTERM:
            if self._freshness is not None:
                self._freshness.close()
            self.should_exit = True


def work(  # noqa: PLR0913, PLR0917 - what the parent gives to each worker
    link: Link,
    settings: Settings,
    url: str,
    sock: socket.socket,
    connections: OpenConnections,
    number: int,
) -> None:
    """Serve until SIGTERM, and return when all accepted requests are answered."""
    freshness = Freshness()
    server = Server(
        uvicorn.Config(build(settings, url, link, freshness), **options(settings.trusted_proxies)),
        Counted(connections, number),
        freshness,
    )
    server.run(sockets=[sock])
    exit_if_given_up()
    if not server.started:
        sys.exit(_NOT_STARTED)


def options(trusted_proxies: Sequence[str] = ()) -> dict[str, Any]:
    """Uvicorn's configuration; the sender of a request is named by nobody but these proxies."""
    return {
        "loop": "uvloop",
        "http": HttpProtocol,
        # no route uses it; an upgrade request is answered over HTTP
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": list(trusted_proxies),
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": _GRACE_SECONDS,
    }
