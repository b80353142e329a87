"""How every question under ``/v1`` is asked and answered: one way in, one way out.

In: the parameters that the route declares, and a connection. Out: what the answer tells, its
``ETag``, and in ``Daybook-Position`` the position that it reflects.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.response.base import ASGIResponse
from msgspec import Struct, structs

from service.api.parameter_kinds import MIN_POSITION, STALE
from service.api.parameters import QueryParameter, asked
from service.api.services import services
from service.database.connections import QUESTIONS, Connection, borrowed
from service.database.reader import Reading
from service.problems import Problem
from service.queries.answers import AccessAnswer, EventAnswer
from service.queries.restores import locate, verify
from service.store.api_keys import Caller
from service.store.positions import Position

CallerAgain = Callable[[], Awaitable[Caller | None]]
"""Whom the key of a request belongs to now: None where it was revoked meanwhile."""

Asking = Request[Caller, CallerAgain, State]

POSITION = "daybook-position"
"""The header that says which position of the book an answer reflects."""

_STAMP = ("position",)
"""The fields of an answer that say when it was made, and are not what it tells."""

D = TypeVar("D", dict[str, Any], AccessAnswer, EventAnswer)
P = TypeVar("P", bound=Struct)

_WAIT_SECONDS = 5.0
_MIN = "min_position"

_ENCODER = msgspec.json.Encoder()
_EMPTY = b"{}"


@asynccontextmanager
async def asking(request: Asking) -> AsyncIterator[tuple[Connection, dict[str, Any]]]:
    """A connection, and the parameters that the route declares, by name.

    Raises:
        Problem: ``invalid-parameter``; ``behind`` where the read models do not come to the position
            that is asked for.
    """
    given = await _given(request)
    async with borrowed(services(request).pool, QUESTIONS) as conn:
        yield conn, given


@asynccontextmanager
async def quickly(
    request: Asking, *, login: bool = False
) -> AsyncIterator[tuple[Reading, dict[str, Any]]]:
    """The same for what is answered from a few rows: it is sent beside other questions.

    A question that a ``login`` waits for has a lane of its own, unless it is about the past, which
    is folded from any number of events.
    """
    given = await _given(request)
    past = given.get("as_of") is not None or given.get("known_at") is not None
    own = services(request)
    lane = own.access if login and not past else own.lists
    async with lane.connection() as conn:
        yield conn, given


def taking(
    *parameters: QueryParameter,
    answer: str | None = None,
    scope: str = "read",
    stamp: tuple[str, ...] = _STAMP,
) -> dict[str, Any]:
    """What a route declares as its ``opt``.

    Args:
        parameters: those that it takes, and no others.
        answer: the name of the schema of its answer, where its annotation does not say it.
        scope: the one that its caller's key must have.
        stamp: the fields of its answer that say when it was made; the ETag does not cover them.
    """
    every = (MIN_POSITION, STALE)
    if any(parameter.name == "cursor" for parameter in parameters):
        # it names the position too; that there is none, and no page to come, is told
        stamp = ("next_cursor", *stamp)
    return {
        "parameters": (*parameters, *every), "answer": answer, "scope": scope, "stamp": stamp,
    }  # fmt: skip


async def _given(request: Asking) -> dict[str, Any]:
    """The parameters, when the read models reflect the position that they may ask for."""
    given = asked(request, parameters_of(request.route_handler.opt))
    for name, value in given.items():
        if isinstance(value, Position) and value.link is not None and name != _MIN:
            async with _quick(request) as conn:
                await verify(conn, request.user.book, value)
    await _reach(request, given[_MIN], stale=given["stale"] == "ok")
    return given


async def _reach(request: Asking, position: Position | None, *, stale: bool) -> None:
    """Wait until the read models reflect a position, as its webhook's answer gave it.

    The database is asked once: whether the position is of this history, and whether there is
    anything to wait for. What was heard before may be of the history that a restore has ended.
    """
    if position is None:
        return
    freshness, book = services(request).freshness, request.user.book
    believed = freshness.last_known(book)
    async with _quick(request) as conn:
        found = await locate(conn, book, position)
    reflected = found["checkpoint"] or 0
    if reflected >= position.number:
        return
    freshness.correct(book, believed, reflected)
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            await freshness.wait_until_past(book, position.number - 1)
    except TimeoutError:
        if not stale:
            raise Problem("behind", f"Position {position} is not reflected yet.") from None


def _quick(request: Asking) -> AbstractAsyncContextManager[Reading]:
    """Where a short statement is sent before the question itself."""
    return services(request).access.connection()


def parameters_of(opt: Mapping[str, Any]) -> tuple[QueryParameter, ...]:
    """The parameters that a route has declared; none where it has not."""
    declared: tuple[QueryParameter, ...] = opt.get("parameters", ())
    return declared


def thinned(document: D, fields: Iterable[str] | None) -> D:
    """The document with these fields only, and its position; all of it where none are asked for."""
    if fields is None:
        return document
    kept = {"position"}.union(fields)
    # a thinned struct is a dict: both become the same JSON
    return {k: v for k, v in _named(document).items() if k in kept}  # type: ignore[return-value]


def thinned_page(page: P, fields: Iterable[str] | None) -> P:
    """The page with these fields only in each entry of its ``data``."""
    if fields is None:
        return page
    kept = set(fields)
    data = [{k: v for k, v in _named(one).items() if k in kept} for one in page.data]  # type: ignore[attr-defined]
    return structs.replace(page, data=data)


class Answer(Response[Any]):
    """An answer as bytes or as a document with ``position``; 304 to whoever knows it.

    The ``ETag`` is weak: it covers what the answer tells, and neither the position that it
    reflects nor the moment at which it was asked, which its route names and which are sent last.
    So after a restore of the database too, 304 means that what was told is told again.
    """

    def to_asgi_response(self, app: None, request: Asking, **rest: Any) -> ASGIResponse:  # type: ignore[override]  # noqa: ANN401
        """What is sent, as the framework asks for it."""
        if isinstance(self.content, bytes):
            told = self.content
        else:
            document = _named(self.content)
            names = request.route_handler.opt.get("stamp", _STAMP)
            stamp = {n: document[n] for n in names if document.get(n) is not None}
            told = _ENCODER.encode({k: v for k, v in document.items() if k not in stamp})
            self.content = _joined(told, _ENCODER.encode(stamp))
            if "position" in stamp:
                self.headers[POSITION] = stamp["position"]
        tag = f'W/"{blake2b(told, digest_size=12).hexdigest()}"'
        self.headers |= {"etag": tag, "vary": "accept, authorization"}
        if _knows(request.headers.get("if-none-match"), tag):
            self.content, self.status_code = b"", 304
        return super().to_asgi_response(app, request, **rest)


def _joined(first: bytes, second: bytes) -> bytes:
    """One JSON object of two."""
    if _EMPTY in {first, second}:
        return second if first == _EMPTY else first
    return first[:-1] + b"," + second[1:]


def _knows(given: str | None, tag: str) -> bool:
    return given is not None and (
        given.strip() == "*"
        or tag.removeprefix("W/") in {one.strip().removeprefix("W/") for one in given.split(",")}
    )


def _named(one: Any) -> dict[str, Any]:  # noqa: ANN401
    if isinstance(one, dict):
        return one
    names = zip(one.__struct_encode_fields__, one.__struct_fields__, strict=True)
    return {encoded: getattr(one, name) for encoded, name in names}
