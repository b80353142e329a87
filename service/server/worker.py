"""A worker process: an HTTP server with the application."""

import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import uvicorn

from service.http.protocol import IDLE_SECONDS, HttpProtocol
from service.processes.link import Link
from service.processes.tasks import exit_if_given_up
from service.queries.freshness import Freshness
from service.server.app import build
from service.settings import Settings

_GRACE_SECONDS = 20
_NOT_STARTED = 3
"""uvicorn's exit code for a server that could not start."""


class _Server(uvicorn.Server):
    """Stops only on SIGTERM from its parent, and ends the endless streams of changes."""

    freshness: Freshness

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the library's
        # a terminal sends SIGINT to every process; only the parent decides whether all stop
        if sig == signal.SIGTERM:
            self.freshness.close()
            self.should_exit = True


def work(link: Link, settings: Settings, url: str, sock: socket.socket) -> None:
    """Serve until SIGTERM, and return when all accepted requests are answered."""
    freshness = Freshness()
    server = _Server(
        uvicorn.Config(build(settings, url, link, freshness), **options(settings.trusted_proxies))
    )
    server.freshness = freshness
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
