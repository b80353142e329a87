"""Endpoints that only read the body, or only compute, behind the server that the service uses."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing import get_context
from typing import Any

import httpx
import uvicorn
from litestar import Litestar, Request, post
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from service.http.accepting import Counted, OpenConnections
from service.server.run import listen
from service.server.worker import Server, options

FRAMEWORK, BARE = "/framework", "/bare"

ARITHMETIC = "/arithmetic/"
"""Before how many hashes are computed for a request, in four pieces as between queries."""

_PIECES = 4


@post(FRAMEWORK, status_code=200)
async def read_body(request: Request[Any, Any, Any]) -> bytes:
    """What an endpoint of the framework costs at least."""
    await request.body()
    return b"{}"


_framework = Litestar([read_body], openapi_config=None, logging_config=None)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """What a request costs the server at least."""
    path = scope["path"] if scope["type"] == ScopeType.HTTP else ""
    if path != BARE and not path.startswith(ARITHMETIC):
        await _framework(scope, receive, send)
        return
    if path != BARE:
        await _compute(int(path.removeprefix(ARITHMETIC)))
    more = True
    while more:
        more = (await receive()).get("more_body", False)  # type: ignore[assignment]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}", "more_body": False})


async def _compute(hashes: int) -> None:
    for _ in range(_PIECES):
        for _ in range(hashes // _PIECES):
            sha256(bytes(64)).digest()
        await asyncio.sleep(0)


@contextmanager
def nothing(workers: int = 1) -> Iterator[int]:
    """Serve them in processes of their own; the port."""
    sock, context, counts = listen("127.0.0.1", 0), get_context("spawn"), OpenConnections(workers)
    processes = [
        context.Process(target=_serve, args=(sock, counts, number)) for number in range(workers)
    ]
    for process in processes:
        process.start()
    port = sock.getsockname()[1]
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            client.post(f"http://127.0.0.1:{port}{BARE}", content=b"{}", timeout=20)
        yield port
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        sock.close()


def _serve(sock: Any, connections: OpenConnections, number: int) -> None:  # noqa: ANN401
    server = Server(uvicorn.Config(application, **options()), Counted(connections, number))
    server.run(sockets=[sock])
