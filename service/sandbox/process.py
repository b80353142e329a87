"""The running sandbox: its HTTP server and its timeline, until SIGINT or SIGTERM."""

import asyncio
import socket
from types import FrameType

import uvicorn

from service.http.protocol import IDLE_SECONDS, HttpProtocol
from service.sandbox.app import Sandbox

_GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    """Ends without raising the signal again: a sandbox that was told to stop has not failed."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the library's
        self.should_exit = True


def serve(sandbox: Sandbox, sock: socket.socket) -> None:
    """Serve until a signal; requests that are being answered end first.

    Raises:
        Exception: the error that ended the timeline; a world that stands still is useless.
    """
    asyncio.run(_serve(sandbox, sock))


async def _serve(sandbox: Sandbox, sock: socket.socket) -> None:
    config = uvicorn.Config(
        sandbox.app,
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # the REST API sets it by the sandbox's clock
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    timeline = asyncio.create_task(sandbox.timeline.run())
    timeline.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve(sockets=[sock])
    finally:
        timeline.cancel()
        await asyncio.gather(timeline, return_exceptions=True)
        await sandbox.client.aclose()
    if not timeline.cancelled() and (error := timeline.exception()) is not None:
        raise error
