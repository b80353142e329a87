"""Endpoints that only read the body, behind the server that the service uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import httpx
import uvicorn
from litestar import Litestar, Request, post
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from service.server.run import listen
from service.server.worker import options

FRAMEWORK, BARE = "/framework", "/bare"


@post(FRAMEWORK, status_code=200)
async def read_body(request: Request[Any, Any, Any]) -> bytes:
    """What an endpoint of the framework costs at least."""
    await request.body()
    return b"{}"


_framework = Litestar([read_body], openapi_config=None, logging_config=None)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """What a request costs the server at least."""
    if scope["type"] != ScopeType.HTTP or scope["path"] != BARE:
        await _framework(scope, receive, send)
        return
    more = True
    while more:
        more = (await receive()).get("more_body", False)  # type: ignore[assignment]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}", "more_body": False})


@contextmanager
def nothing() -> Iterator[int]:
    """Serve them in a process of their own; the port."""
    sock = listen("127.0.0.1", 0)
    process = get_context("spawn").Process(target=_serve, args=(sock,))
    process.start()
    port = sock.getsockname()[1]
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            client.post(f"http://127.0.0.1:{port}{BARE}", content=b"{}", timeout=20)
        yield port
    finally:
        process.terminate()
        process.join()
        sock.close()


def _serve(sock: Any) -> None:  # noqa: ANN401
    uvicorn.Server(uvicorn.Config(application, **options())).run(sockets=[sock])
