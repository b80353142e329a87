"""The door in: raw bytes and headers to ``ingest``, the outcome as a status. Nothing else.

It stands before the framework, as a bare ASGI application: routing, dependency injection and
response classes would cost a webhook more than its signature and its commit do.
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
    RequestBody,
    Schema,
)
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import Struct

from service.http.request_heads import check_head
from service.http.routes import WEBHOOKS
from service.ingest.other_books import OtherBooks
from service.ingest.refusals import NO_BOOK, Refusals
from service.ingest.signature import KEPT_HEADERS, SIGNED_HEADERS, Signed, Verifier, signed_by
from service.ingest.unverified import Body, Unverified
from service.ingest.writer import Writer
from service.problems import Problem, refused, send_problem, send_raw
from service.store.events import Delivery
from service.telemetry.request_ids import identified
from service.telemetry.sanitize import cut

_BODY_SECONDS = 30
"""The provider gives a whole delivery 15 seconds."""

_SHOWN = 64

_WANTED = {name.encode(): name for name in (*SIGNED_HEADERS, *KEPT_HEADERS, "content-length")}
_JSON = [(b"content-type", b"application/json")]
_STRING = OpenAPIType.STRING

_log = structlog.get_logger(__name__)


class BookEndpoint(Struct, frozen=True):
    """What verifies and records the webhooks of one book."""

    verifier: Verifier
    writer: Writer


class Acknowledgement(Struct, frozen=True):
    """What the sender is told: the event is on disk, at this position of the book.

    ``position`` is opaque; ``duplicate`` says that the same delivery was recorded before, there.
    """

    position: str
    duplicate: bool


class _GoneError(Exception):
    """The sender hung up before its body was here; there is nobody to answer."""


class Webhooks:
    """``POST /webhooks/{book}``; everything else is the other application's."""

    def __init__(
        self,
        otherwise: ASGIApp,
        endpoints: Mapping[str, BookEndpoint],
        max_body_bytes: int,
        refusals: Refusals,
    ) -> None:
        self._otherwise = otherwise
        self._endpoints = endpoints
        self._max_body_bytes = max_body_bytes
        self._refusals = refusals
        self._other_books = OtherBooks(endpoints)
        self._unverified = Unverified(max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI wants it."""
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith(WEBHOOKS):
            await self._otherwise(scope, receive, send)
            return
        # with a slash at the end it is the same door
        book = scope["path"][len(WEBHOOKS) :].removesuffix("/")
        try:
            content = await self._record(book, scope, receive)
        except _GoneError:
            return
        except Problem as problem:
            send = identified(scope, send)
            self._say(book, problem)
            self._note(book, problem, scope)
            await send_problem(send, problem)
            return
        except Exception:  # noqa: BLE001 - a defect is answered too, and the sender tries again
            send = identified(scope, send)
            _log.exception("unhandled exception")
            defect = Problem("internal-error", "The error is in this server's log.")
            self._note(book, defect, scope)
            await send_problem(send, defect)
            return
        await send_raw(send, 200, _JSON, content)

    def _say(self, book: str, problem: Problem) -> None:
        # a book that there is not is no kind of its own, or a stranger would make kinds without end
        known = {"book": book} if book in self._endpoints else {}
        _log.warning("webhook refused", **known, reason=problem.reason, detail=problem.detail)

    def _note(self, book: str, problem: Problem, scope: Scope) -> None:
        self._refusals.note(book if book in self._endpoints else NO_BOOK, problem.reason, scope)

    async def _record(self, book: str, scope: HTTPScope, receive: Receive) -> bytes:
        check_head(scope)
        endpoint = self._endpoints.get(book)
        if endpoint is None:
            raise Problem("unknown-book", f"No book is called {cut(book, _SHOWN)!r}.")
        if scope["method"] != "POST":
            raise Problem("method-not-allowed", "Webhooks are sent with POST.")
        headers = _headers(scope["headers"])
        signed = signed_by(headers)
        with self._unverified.body() as body:
            await self._receive(body, headers, receive)
            delivery = self._verified(book, signed, body.whole())
        receipt = await endpoint.writer.record(delivery)
        return msgspec.json.encode(Acknowledgement(str(receipt.place), receipt.duplicate))

    def _verified(self, book: str, signed: Signed, body: bytes) -> Delivery:
        try:
            return self._endpoints[book].verifier.verify(signed, body)
        except Problem as problem:
            verify = methodcaller("verify", signed, body)
            raise self._other_books.refusal(book, problem, verify) from None

    async def _receive(self, body: Body, headers: Mapping[str, str], receive: Receive) -> None:
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._max_body_bytes:
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
            late = f"The body was not here after {_BODY_SECONDS} seconds."
            raise Problem("request-timeout", late) from None

    def _too_large(self) -> Problem:
        return Problem("body-too-large", f"The limit is {self._max_body_bytes} bytes.")


def _headers(sent: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers that matter, by name.

    Raises:
        Problem: if a signed one came twice: which of them was signed?
    """
    headers: dict[str, str] = {}
    for raw, value in sent:
        name = _WANTED.get(raw)
        if name is None:
            continue
        if name in headers and name in SIGNED_HEADERS:
            raise refused("repeated-header", f"The header {name} came more than once.")
        headers[name] = value.decode("latin-1")
    return headers


DESCRIBED = PathItem(
    post=Operation(
        tags=["webhooks"],
        operation_id="receive_webhook",
        summary="Record a webhook",
        description=(
            "Record a signed webhook of the provider, verbatim, whatever it contains. Point the"
            " provider's endpoint here. The answer comes after the event is on disk."
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
                description="It is on disk.",
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
        },
    )
)
"""The door as the OpenAPI document shows it; the framework does not know it."""
