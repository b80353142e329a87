"""What stands before the REST API: the key, the rate limit, the sandbox's ``Date``, the faults."""

import asyncio
import hmac
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from service.sandbox.errors import ApiError
from service.sandbox.faults import Faults
from service.sandbox.messages import AnswerFaultRequest
from service.sandbox.rate_limit import RateLimit

CONTROL = "/sandbox/"
"""The prefix of the control routes, which need no key."""


class Gate:
    """Middleware of the REST API; the control routes pass it."""

    def __init__(
        self,
        app: ASGIApp,
        api_key: str,
        limit: RateLimit,
        faults: Faults,
        now: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._authorization = f"Bearer {api_key}".encode()
        self._limit = limit
        self._faults = faults
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        headers: dict[str, str] = {}

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                shown = {"date": format_datetime(self._now(), usegmt=True), **headers}
                raw = [(name.encode(), value.encode()) for name, value in shown.items()]
                message = {**message, "headers": [*message["headers"], *raw]}
            await send(message)

        try:
            self._check_key(scope)
            headers.update(self._limit.take())
            fault = self._faults.answer(scope["path"], self._now())
            if fault is not None:
                await self._suffer(fault)
        except ApiError as error:
            await _send_error(send_dated, error)
            return
        await self._app(scope, receive, send_dated)

    def _check_key(self, scope: HTTPScope) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, self._authorization):
            raise ApiError(401, "The API key is not valid. Send Authorization: Bearer and the key.")

    async def _suffer(self, fault: AnswerFaultRequest) -> None:
        await asyncio.sleep(fault.by.total_seconds())
        if fault.status is not None:
            headers = {"retry-after": "1"} if fault.status in {429, 503} else {}
            raise ApiError(fault.status, "The sandbox was told to answer so.", headers=headers)


async def _send_error(send: Send, error: ApiError) -> None:
    content = msgspec.json.encode(error.body)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(content)),
        **error.headers,
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": content, "more_body": False})
