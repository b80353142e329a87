"""How long requests take, as a histogram by route, method and class of status."""

from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.http.routes import route_of
from service.telemetry import metrics

_STREAM = (b"content-type", b"text/event-stream")


class RequestDurations:
    """Times every HTTP request to an application, webhooks included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, as ASGI wants it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        status = 0
        streaming = False

        async def sending(message: Message) -> None:
            nonlocal status, streaming
            if message["type"] == "http.response.start":
                status = message["status"]
                streaming = _streams(message)
                if streaming:
                    # it lasts for as long as its reader likes
                    _answered(scope, status, began)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            # without a status nobody was answered
            if status and not streaming:
                _answered(scope, status, began)


def _answered(scope: Scope, status: int, began: float) -> None:
    method: str = scope["method"]  # type: ignore[typeddict-item]
    metrics.observe_request(route_of(scope), method, status, perf_counter() - began)


def _streams(message: Message) -> bool:
    headers: list[tuple[bytes, bytes]] = message["headers"]  # type: ignore[typeddict-item,assignment]
    return any(n == _STREAM[0] and v.startswith(_STREAM[1]) for n, v in headers)
