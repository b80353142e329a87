"""Route names for metrics and traces, and the durations of requests."""

from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.telemetry import metrics

WEBHOOKS = "/webhooks/"
"""The prefix of every webhook's path; the book's name follows."""

_STREAM = (b"content-type", b"text/event-stream")


def route_of(scope: Scope) -> str:
    """The path template of a request; empty if it was refused before routing."""
    if scope["path"].startswith(WEBHOOKS):
        return f"{WEBHOOKS}{{book}}"
    return scope.get("path_template", "")


class RequestDurations:
    """Middleware that adds every HTTP request to the histogram of durations."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        status = 0
        streaming = False

        async def send_timed(message: Message) -> None:
            nonlocal status, streaming
            if message["type"] == "http.response.start":
                status = message["status"]
                streaming = _streams(message)
                if streaming:
                    # a stream lasts as long as its client reads: only the time to its start counts
                    _observe(scope, status, began)
            await send(message)

        try:
            await self._app(scope, receive, send_timed)
        finally:
            # without a status there was no response
            if status and not streaming:
                _observe(scope, status, began)


def _observe(scope: Scope, status: int, began: float) -> None:
    method: str = scope["method"]  # type: ignore[typeddict-item]
    metrics.observe_request(route_of(scope), method, status, perf_counter() - began)


def _streams(message: Message) -> bool:
    headers: list[tuple[bytes, bytes]] = message["headers"]  # type: ignore[typeddict-item,assignment]
    return any(n == _STREAM[0] and v.startswith(_STREAM[1]) for n, v in headers)
