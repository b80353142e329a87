"""Following a book: its changes as pages, and the same as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Annotated, Self

import msgspec
from litestar import get
from litestar.params import HeaderParameter
from litestar.response import Stream
from litestar.response.sse import ServerSentEventMessage
from msgspec.structs import replace

from domain.catalog import BY_CATEGORY
from service.api.endpoint import (
    PRIMARY,
    ApiRequest,
    Reauthenticate,
    accepts,
    pooled,
    read_query,
    select_page_fields,
)
from service.api.lists import list_route
from service.api.parameters import choices, parse_position, position
from service.api.query import DocumentQuery, LimitedQuery
from service.database.connections import QUESTIONS, UNAVAILABLE, Connection, Pool, pool_connection
from service.http.limits import OpenStreams
from service.http.services import services
from service.problems import Problem
from service.queries import changes as change_reads
from service.queries import resources
from service.queries.changes import Change, Changes
from service.queries.freshness import Freshness
from service.queries.restores import verify
from service.store.positions import BEGINNING, Position, parse

_PAGE = 100
_HEARTBEAT_SECONDS = 15.0
_RETRY_SECONDS = 2.0
_Kind = Annotated[
    Sequence[str], choices("Only changes of these kinds of resources.", BY_CATEGORY)
]  # fmt: skip


class ChangesQuery(LimitedQuery, frozen=True, kw_only=True):
    """The parameters of the list of changes."""

    after: Annotated[
        Position, position("A position, or the `next` of the page before.")
    ] = BEGINNING  # fmt: skip
    kind: _Kind = ()

    def following(self, page: Changes) -> Self | None:
        """The query of the page after this one; None where there is nothing more for now."""
        return None if page.next == page.position else replace(self, after=parse(page.next))


class StreamQuery(DocumentQuery, frozen=True, kw_only=True):
    """The parameters of the stream of changes."""

    after: Annotated[Position | None, position("A position; `0` is the beginning.")] = None
    kind: _Kind = ()


@list_route(
    "/changes",
    connection=pooled,
    operation_id="list_changes",
    summary="List the changes after a position, in the order in which they were recorded",
    description="Ask again with `after` set to `next`, and you miss nothing. Each change has the"
    " position of the event that caused it and the resource's current `status`. A late event may"
    " change the meaning of earlier ones; it is a change at its own position.",
    tags=["changes"],
)
async def list_changes(request: ApiRequest, conn: Connection, query: ChangesQuery) -> Changes:
    """A page of changes; an empty one says where to go on too."""
    book = request.user.book
    page, _ = await change_reads.changes(
        conn, book, query.after, kinds=query.kind, limit=query.limit
    )
    return page


@get(
    "/changes/stream",
    operation_id="stream_changes",
    summary="Stream the changes as server-sent events",
    description="Each event's `id` is a position and its `data` a change, as in the list. The"
    " stream continues after `Last-Event-ID`, or after `after`; without either it starts with the"
    f" next change. After {_HEARTBEAT_SECONDS:.0f} seconds without a change it sends a comment, so"
    " that a client notices a lost connection. It ends when the key is revoked, or when the client"
    " reads nothing for half a minute. A key may have 8 streams open per worker.",
    tags=["changes"],
    media_type="text/event-stream",
    # what notifies a stream is the primary's progress
    opt=accepts(StreamQuery, entry=Change) | PRIMARY,
)
async def stream_changes(
    request: ApiRequest,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(
            name="Last-Event-ID",
            description="The last `id` received; takes precedence over `after`.",
        ),
    ] = None,
) -> Stream:
    """For as long as the client listens and the service runs."""
    provided, book = services(request), request.user.book
    query = await read_query(request, StreamQuery)
    begin = query.after
    async with pooled(request) as conn:
        if last_event_id:
            begin = parse_position("Last-Event-ID", last_event_id)
            await verify(conn, book, begin)
        if begin is None:
            begin = await resources.position(conn, book)
        # a position that is wrong is refused while there is a status to say so with
        await change_reads.changes(conn, book, begin, kinds=query.kind, limit=1)
    changes = _stream(
        provided.pool, provided.freshness, request.auth, begin, query.kind, query.fields
    )
    provided.streams.check(request.user.id)
    return Stream(
        _counted(provided.streams, request.user.id, changes),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _counted(
    streams: OpenStreams, key_id: str, changes: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """A stream that counts for as long as it is read."""
    # several may have found room at once: those beyond the limit end at once, and may come back
    with suppress(Problem), streams.opened(key_id):
        async for some in changes:
            yield some


async def _stream(  # noqa: PLR0913, PLR0917 - what is asked, and whom to ask
    pool: Pool,
    tips: Freshness,
    reauthenticate: Reauthenticate,
    position: Position,
    kinds: Sequence[str],
    fields: Sequence[str] | None = None,
) -> AsyncIterator[bytes]:
    """One page at a time: the next is read when the client has taken the last.

    It ends when the service does, and when the key no longer opens: a client that comes back is
    told so.
    """
    # a bare number cannot serve as an id: with it, a client would not notice a restore
    begun = str(position) if position.link is not None else None
    yield _message(retry=int(_RETRY_SECONDS * 1000), id=begun)
    while not tips.closed:
        try:
            async with tips.turns:
                caller = await reauthenticate()
                if caller is None:
                    return
                seen = tips.last_known(caller.book)
                async with pool_connection(pool, QUESTIONS) as conn:
                    page, places = await change_reads.changes(
                        conn, caller.book, position, kinds=kinds, limit=_PAGE
                    )
        except UNAVAILABLE:
            yield _message(comment="the database is away")
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        except Problem:
            # the database was restored: a client that returns with the position gets 409
            return
        if page.data:
            shown = select_page_fields(page, fields).data
            yield b"".join(
                _message(id=str(place), data=msgspec.json.encode(one))
                for place, one in zip(places, shown, strict=True)
            )
        position, reflected = parse(page.next), parse(page.position)
        if position.number < reflected.number:
            continue
        tips.correct(caller.book, seen, reflected.number)
        try:
            async with asyncio.timeout(_HEARTBEAT_SECONDS):
                await tips.wait_until_past(caller.book, position.number)
        except TimeoutError:
            # the place too: where nothing of these kinds happens, a reconnection must not go back
            yield _message(comment="nothing new", id=str(position))


def _message(
    *,
    data: bytes | None = None,
    id: str | None = None,  # noqa: A002 - the field's name
    retry: int | None = None,
    comment: str | None = None,
) -> bytes:
    return ServerSentEventMessage(data=data, id=id, retry=retry, comment=comment, sep="\n").encode()


CHANGE_ROUTES = [list_changes, stream_changes]
