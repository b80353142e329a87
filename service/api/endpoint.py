"""The request and the response of every route under ``/v1``.

A request gives the parameters that its route accepts, and a connection. A response carries the
document, its ``ETag``, and in ``Daybook-Position`` the position that it reflects.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from hashlib import blake2b
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.response.base import ASGIResponse
from msgspec import Struct, structs
from psycopg.rows import DictRow

from service.api.fields import check_names
from service.api.query import DocumentQuery, Q, Query, parameters, parse_query
from service.database.connections import QUESTIONS, Connection, pool_connection
from service.database.reader import Queryable
from service.http.services import services
from service.problems import Problem
from service.queries.answers import AccessAnswer, EventAnswer
from service.queries.jobs import JobAnswer
from service.queries.paging import reflected_by
from service.queries.reconcile import Run
from service.queries.replica import Replica
from service.queries.restores import locate, verify
from service.store.api_keys import Caller
from service.store.positions import Position, parse

Reauthenticate = Callable[[], Awaitable[Caller | None]]
"""Looks up the key of a request again: its caller, or None once the key is revoked."""

ApiRequest = Request[Caller, Reauthenticate, State]

POSITION = "daybook-position"
"""The header that says which position of the book an answer reflects."""

PRIMARY = {"primary": True}
"""What a route adds to its ``opt`` whose answer does not depend on positions alone."""

_STAMP = ("position",)
"""The fields of a response that say when it was made; its ETag does not cover them."""

D = TypeVar("D", dict[str, Any], AccessAnswer, EventAnswer, Run, JobAnswer)
T = TypeVar("T")
P = TypeVar("P", bound=Struct)

_WAIT_SECONDS = 5.0
_HEAD_SECONDS = 1.0

_ENCODER = msgspec.json.Encoder()
_EMPTY = b"{}"


def accepts(  # noqa: PLR0913 - all that a route declares
    query: type[Query],
    *,
    answer: str | None = None,
    scope: str = "read",
    stamp: tuple[str, ...] = _STAMP,
    entry: type[Struct] | None = None,
    known: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> dict[str, Any]:
    """What a route declares as its ``opt``.

    Args:
        query: its parameters.
        answer: the name of the answer's schema; the one of its annotation by default.
        scope: the one that the caller's key must have.
        stamp: the fields of its answer that say when it was made; the ETag does not cover them.
        entry: the struct that ``fields`` selects from; the one of its annotation by default.
        known: the fields that we know of an answer to which the provider may add others.
        columns: of the CSV, if it answers a list.
    """
    if "cursor" in parameters(query):
        # the cursor names the position too; a null one says that no page follows, and is covered
        stamp = ("next_cursor", *stamp)
    return {
        "query": query,
        "answer": answer,
        "scope": scope,
        "stamp": stamp,
        "entry": entry,
        "known": known,
        "columns": columns,
    }


async def read_query(request: ApiRequest, kind: type[Q]) -> Q:
    """Parse the query, and wait until the read models reflect its ``min_position``.

    Raises:
        Problem: ``invalid-parameter``; ``book-was-restored`` for a position of another history;
            ``behind`` where the read models do not reach ``min_position`` in time.
    """
    items = request.query_params.multi_items() if request.scope["query_string"] else ()
    query = parse_query(kind, items)
    if isinstance(query, DocumentQuery):
        check_names(request.route_handler, query.fields)
    return await settled(request, query)


async def settled(request: ApiRequest, query: Q) -> Q:
    """Wait until the read models reflect the ``min_position`` of a query that was parsed.

    Raises:
        Problem: as ``read_query``, but for ``invalid-parameter``.
    """
    request.state.replica = _replica(request, query)
    # short statements: they need not wait for the connections of long questions
    for position in query.positions:
        async with pipelined(request, login=True) as conn:
            await verify(conn, request.user.book, position)
    if query.min_position is not None:
        await _await_position(request, query.min_position, stale=query.stale == "ok")
    return query


def _replica(request: ApiRequest, query: Query) -> Replica | None:
    """The replica, if it has every position that a question names; else the primary is asked."""
    replica = services(request).replica
    if replica is None or request.route_handler.opt.get("primary"):
        return None
    given = [getattr(query, name) for name in query.__struct_fields__]
    numbers = [value.number for value in given if isinstance(value, Position)]
    numbers.append(reflected_by(getattr(query, "cursor", None) or ""))
    with suppress(ValueError):
        numbers.append(parse(request.path_params.get("event_position", "")).number)
    return replica if replica.has(request.user.book, max(numbers)) else None


def leave_replica(request: ApiRequest) -> bool:
    """Ask the primary from now on; whether the replica was asked before."""
    asked = request.state.get("replica") is not None
    request.state.replica = None
    return asked


def replica_failed(request: ApiRequest) -> bool:
    """Whether the replica has failed this question, which is asked at the primary from now on."""
    replica: Replica | None = request.state.get("replica")
    return replica is not None and not replica.up and leave_replica(request)


@asynccontextmanager
async def pooled(request: ApiRequest) -> AsyncIterator[Connection]:
    """A connection of the pool, for any question; to the replica where that can answer it."""
    primary = services(request).pool
    replica: Replica | None = request.state.get("replica")
    taken = replica.pooled(primary) if replica else pool_connection(primary, QUESTIONS)
    async with taken as conn:
        yield conn


def pipelined(
    request: ApiRequest, *, login: bool = False
) -> AbstractAsyncContextManager[Queryable]:
    """A pipelined connection, for questions that read a few rows: other requests share it.

    Short statements and those that a ``login`` waits for have a lane of their own. A question about
    the past must not use it, since it may fold any number of events.
    """
    provided = services(request)
    lane = provided.access if login else provided.lists
    replica: Replica | None = request.state.get("replica")
    return replica.connection(lane, login=login) if replica else lane.connection()


async def _await_position(request: ApiRequest, position: Position, *, stale: bool) -> None:
    """Wait until the read models reflect a position, as its webhook's answer gave it.

    The database is asked once: whether the position is of this history, and whether there is
    anything to wait for. What was heard before may be of the history that a restore has ended.
    """
    row, seen = await _locate(request, position)
    if not await _reflects(request, row, seen, position.number, _WAIT_SECONDS) and not stale:
        raise Problem("behind", f"Position {position} is not reflected yet.")


async def await_head(request: ApiRequest) -> int:
    """Wait, for at most a second, until the read models reflect all that the book has now.

    Returns:
        The number of the book's last position, which an answer from now on reflects if it was
        reached in time.
    """
    row, seen = await _locate(request, Position(0, None))
    await _reflects(request, row, seen, row["head"], _HEAD_SECONDS)
    return int(row["head"])


async def _locate(request: ApiRequest, position: Position) -> tuple[DictRow, int]:
    """The row of ``locate``, and how far the read models were known to be before it."""
    seen = services(request).freshness.last_known(request.user.book)
    async with pipelined(request, login=True) as conn:
        return await locate(conn, request.user.book, position), seen


async def _reflects(
    request: ApiRequest, row: DictRow, seen: int, number: int, seconds: float
) -> bool:
    """Whether the read models reflect a position by now, or in time."""
    tips, book = services(request).freshness, request.user.book
    reflected = row["checkpoint"] or 0
    if reflected >= number:
        return True
    tips.correct(book, seen, reflected)
    try:
        async with asyncio.timeout(seconds):
            await tips.wait_until_past(book, number - 1)
    except TimeoutError:
        return False
    return True


def select_fields(document: D, fields: Iterable[str] | None) -> D:
    """The document with only these fields and its position; all of it for None."""
    if fields is None:
        return document
    kept = {"position"}.union(fields)
    # a struct becomes a dict: both are the same JSON
    return {k: v for k, v in encoded_fields(document).items() if k in kept}  # type: ignore[return-value]


def select_page_fields(page: P, fields: Iterable[str] | None) -> P:
    """The page with only these fields in each entry of its ``data``; all of them for None."""
    if fields is None:
        return page
    kept = set(fields)
    rows: list[Any] = page.data  # type: ignore[attr-defined]
    data = [{k: v for k, v in encoded_fields(row).items() if k in kept} for row in rows]
    return structs.replace(page, data=data)


class ApiResponse(Response[T]):
    """Bytes or a document, with its ETag and position as headers; 304 for a matching ETag.

    The ``ETag`` is weak: it covers the content without the fields that the route declares as its
    stamp, such as the position that the answer reflects and the moment of the question. These are
    sent last. So after a restore of the database, too, 304 means that the content is the same. An
    answer to a POST has none: HTTP knows 304 only for what can be fetched.
    """

    def to_asgi_response(self, app: None, request: ApiRequest, **rest: Any) -> ASGIResponse:  # type: ignore[override]  # noqa: ANN401
        """Encode, hash and set the headers, as the framework asks for it."""
        hashed: bytes
        if isinstance(self.content, bytes):
            hashed = self.content
        else:
            document = encoded_fields(self.content)
            names = request.route_handler.opt.get("stamp", _STAMP)
            stamp = {n: document[n] for n in names if document.get(n) is not None}
            hashed = _ENCODER.encode({k: v for k, v in document.items() if k not in stamp})
            self.content = cast("T", _merge_objects(hashed, _ENCODER.encode(stamp)))
            if "position" in stamp:
                self.headers[POSITION] = stamp["position"]
        self.headers["vary"] = "accept, authorization"
        if request.method == "GET":
            self._tag(hashed, request.headers.get("if-none-match"))
        return super().to_asgi_response(app, request, **rest)

    def _tag(self, hashed: bytes, if_none_match: str | None) -> None:
        etag = f'W/"{blake2b(hashed, digest_size=12).hexdigest()}"'
        self.headers["etag"] = etag
        if _matches(if_none_match, etag):
            self.content, self.status_code = cast("T", b""), 304


def _merge_objects(first: bytes, second: bytes) -> bytes:
    """One JSON object of two."""
    if _EMPTY in {first, second}:
        return second if first == _EMPTY else first
    return first[:-1] + b"," + second[1:]


def _matches(if_none_match: str | None, etag: str) -> bool:
    if if_none_match is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in tags


def encoded_fields(document: Any) -> dict[str, Any]:  # noqa: ANN401
    """The fields of a struct under their JSON names."""
    if isinstance(document, dict):
        return document
    names = zip(document.__struct_encode_fields__, document.__struct_fields__, strict=True)
    return {encoded: getattr(document, name) for encoded, name in names}
