"""The webhook endpoint: receive, verify, record, then answer.

A bare ASGI application in front of the framework: routing, dependency injection and response
classes would cost a webhook more than its signature and its commit.
"""

import asyncio
from collections.abc import Iterable, Mapping
from operator import methodcaller
from typing import Any

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Schema,
)
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import Struct

from service.http.request_heads import announced, check_head
from service.http.routes import WEBHOOKS
from service.ingest.other_books import OtherBooks
from service.ingest.refusals import NO_BOOK, Refusals
from service.ingest.signature import KEPT_HEADERS, SIGNED_HEADERS, Signed, Verifier, signed_by
from service.ingest.unverified import Body, Unverified
from service.ingest.writer import Writer
from service.problems import Problem, refusal, send_problem, send_raw
from service.store.chain import Delivery
from service.telemetry.request_ids import with_request_id
from service.telemetry.sanitize import truncate

_BODY_SECONDS = 30
"""The provider's timeout for a whole delivery is 15 seconds."""

_MAX_SHOWN = 64

_HEADERS = {name.encode(): name for name in (*SIGNED_HEADERS, *KEPT_HEADERS, "content-length")}
_JSON = [(b"content-type", b"application/json")]
_STRING = OpenAPIType.STRING

_log = structlog.get_logger(__name__)


class BookEndpoint(Struct, frozen=True):
    """What verifies and records the webhooks of one book."""

    verifier: Verifier
    writer: Writer


class Acknowledgement(Struct, frozen=True):
    """The response to the sender: the event is on disk, at this position of the book.

    ``position`` is opaque; ``duplicate`` says that this delivery was recorded there before.
    """

    position: str
    duplicate: bool


class _GoneError(Exception):
    """The sender disconnected before its body was complete; nobody is left to answer."""


class Webhooks:
    """``POST /webhooks/{book}``; passes other requests on to ``api``."""

    def __init__(
        self,
        api: ASGIApp,
        endpoints: Mapping[str, BookEndpoint],
        max_body_bytes: int,
        refusals: Refusals,
    ) -> None:
        self._api = api
        self._endpoints = endpoints
        self._max_body_bytes = max_body_bytes
        self._refusals = refusals
        self._other_books = OtherBooks(endpoints)
        self._unverified = Unverified(max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith(WEBHOOKS):
            await self._api(scope, receive, send)
            return
        # a trailing slash is allowed
        book = scope["path"][len(WEBHOOKS) :].removesuffix("/")
        try:
            content = await self._record(book, scope, receive)
        except _GoneError:
            return
        except Problem as problem:
            send = with_request_id(scope, send)
            self._log_refusal(book, problem)
            self._count(book, problem, scope)
            await send_problem(send, problem)
            return
        except Exception:  # noqa: BLE001 - a defect is answered too, and the sender retries
            send = with_request_id(scope, send)
            _log.exception("unhandled exception")
            defect = Problem("internal-error", "The error is in this server's log.")
            self._count(book, defect, scope)
            await send_problem(send, defect)
            return
        await send_raw(send, 200, _JSON, content)

    def _log_refusal(self, book: str, problem: Problem) -> None:
        # without the name of an unknown book: strangers could flood the throttle with names
        known = {"book": book} if book in self._endpoints else {}
        _log.warning("webhook refused", **known, reason=problem.reason, detail=problem.detail)

    def _count(self, book: str, problem: Problem, scope: Scope) -> None:
        self._refusals.note(book if book in self._endpoints else NO_BOOK, problem.reason, scope)

    async def _record(self, book: str, scope: HTTPScope, receive: Receive) -> bytes:
        check_head(scope)
        endpoint = self._endpoints.get(book)
        if endpoint is None:
            raise Problem("unknown-book", f"There is no book {truncate(book, _MAX_SHOWN)!r}.")
        if scope["method"] != "POST":
            raise Problem(
                "method-not-allowed", "Send webhooks with POST.", headers={"allow": "POST"}
            )
        headers = _headers(scope["headers"])
        signed = signed_by(headers, endpoint.verifier.max_age)
        with self._unverified.body() as body:
            await self._receive(body, headers, receive)
            delivery = self._verify(book, signed, body.whole())
        receipt = await endpoint.writer.record(delivery)
        return msgspec.json.encode(Acknowledgement(str(receipt.place), receipt.duplicate))

    def _verify(self, book: str, signed: Signed, body: bytes) -> Delivery:
        try:
            return self._endpoints[book].verifier.verify(signed, body)
        except Problem as problem:
            verify = methodcaller("verify", signed, body)
            raise self._other_books.refusal(book, problem, verify) from None

    async def _receive(self, body: Body, headers: Mapping[str, str], receive: Receive) -> None:
        if announced(headers.get("content-length", "0").encode()) > self._max_body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                while True:
                    message: Any = await receive()
                    if message["type"] == "http.disconnect":
                        raise _GoneError
                    body.add(message["body"])
                    if body.size > self._max_body_bytes:
                        raise self._too_large()
                    if not message["more_body"]:
                        return
        except TimeoutError:
            text = f"The body did not arrive within {_BODY_SECONDS} seconds."
            raise Problem("request-timeout", text) from None

    def _too_large(self) -> Problem:
        return Problem(
            "body-too-large", f"The body exceeds the limit of {self._max_body_bytes} bytes."
        )


def _headers(raw_headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The signed and the stored headers, by name.

    Raises:
        Problem: if a signed header is repeated, since only one of them was signed.
    """
    headers: dict[str, str] = {}
    for raw, value in raw_headers:
        name = _HEADERS.get(raw)
        if name is None:
            continue
        if name in headers and name in SIGNED_HEADERS:
            raise refusal("repeated-header", f"The header {name} is repeated. Send it once.")
        headers[name] = value.decode("latin-1")
    return headers


DESCRIBED = PathItem(
    post=Operation(
        tags=["webhooks"],
        operation_id="receive_webhook",
        summary="Record a webhook",
        description=(
            "Record a signed webhook of the provider, verbatim, whatever it contains. Point the"
            " provider's endpoint here. The response is sent after the event is on disk."
        ),
        parameters=[
            Parameter(name="book", param_in="path", required=True, schema=Schema(type=_STRING)),
            *(
                Parameter(name=name, param_in="header", required=True, schema=Schema(type=_STRING))
                for name in SIGNED_HEADERS
            ),
        ],
        request_body=RequestBody(content={"application/json": OpenAPIMediaType(schema=Schema())}),
        responses={
            "200": OpenAPIResponse(
                description="The event is on disk.",
                content={
                    "application/json": OpenAPIMediaType(
                        schema=Schema(
                            type=OpenAPIType.OBJECT,
                            required=["position", "duplicate"],
                            properties={
                                "position": Schema(type=_STRING),
                                "duplicate": Schema(type=OpenAPIType.BOOLEAN),
                            },
                        )
                    )
                },
            ),
            **{
                str(status): Reference(ref=f"#/components/responses/{status}")
                for status in (400, 401, 404, 408, 413, 414, 431, 500, 503)
            },
        },
    )
)
"""The endpoint in the OpenAPI document; the framework does not know its route."""
