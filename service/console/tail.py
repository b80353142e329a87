"""``/console/{book}/events/tail``: the events of the list as they are recorded, as SSE."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
from litestar import Response, get
from litestar.response import Stream
from litestar.response.sse import ServerSentEventMessage
from msgspec.structs import replace

from service.console.events import EventsQuery
from service.console.responses import HEADERS
from service.console.view import ConsoleRequest, View, view_of
from service.console.wording import minute, tone, untimed
from service.database.connections import UNAVAILABLE
from service.problems import Problem
from service.queries import events, paging
from service.store.api_keys import Scope
from service.store.positions import BEGINNING, Position, parse

_PAGE = 50
_HEARTBEAT_SECONDS = 5.0
_RETRY_SECONDS = 3.0

_SCOPE: Scope = "read"


class TailQuery(EventsQuery, frozen=True):
    """The filters of the list, and the position that the page has."""

    after: str = ""


@get("/{book:str}/events/tail")
async def tail(request: ConsoleRequest) -> Response[Any] | Stream:
    """For as long as the page is looked at, the session lasts and the service runs."""
    view = view_of(request, _SCOPE)
    query = view.query(TailQuery)
    after = _position(request.headers.get("last-event-id") or query.after)
    view.services.streams.check(view.holder.counted_as)
    return Stream(
        _counted(view, query, after),
        media_type="text/event-stream",
        headers={**HEADERS, "x-accel-buffering": "no"},
    )


async def _counted(view: View, query: TailQuery, after: Position) -> AsyncIterator[bytes]:
    with suppress(Problem), view.services.streams.opened(view.holder.counted_as):
        async for message in _messages(view, query, after):
            yield message


async def _messages(view: View, query: TailQuery, after: Position) -> AsyncIterator[bytes]:
    """One page of events at a time; it ends with the session or the service."""
    freshness, frame = view.services.freshness, view.frame()
    yield _message(retry=int(_RETRY_SECONDS * 1000))
    while not freshness.closed:
        try:
            if not await _is_open(view):
                return
            async with freshness.turns, view.pooled() as conn:
                found = await events.page(
                    conn, view.book,
                    {name: value or None for name, value in query.filters.items()}, after.number,
                    since=None, until=None, limit=_PAGE,
                    order=paging.order({}, ("position",), int, view.path),
                )  # fmt: skip
        except UNAVAILABLE:
            yield _message(comment="the database is away")
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        for event in found.data:
            row = {
                **msgspec.to_builtins(event),
                "what": untimed(event.what),
                "happened": minute(event.occurred_at),
                "tone": tone(event.verdict),
                "href": frame.href("events", event.event_position),
                "stream_href": frame.stream(event.stream) if event.stream else None,
            }
            place = str(event.event_position)
            yield _message(data=msgspec.json.encode(row), id=place)
            after = Position(int(place), None)
        if found.next_cursor is not None:
            continue
        # what did not match need not be looked at again
        seen = max(after.number, parse(found.position).number)
        after = Position(seen, None)
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARTBEAT_SECONDS):
                await freshness.wait_until_past(view.book, seen)
            continue
        yield _message(comment="nothing new")


async def _is_open(view: View) -> bool:
    """Whether the session still opens the book, with the scope that the tail needs."""
    session = await view.request.auth.again()
    holder = session.holders.get(view.book) if session is not None else None
    return holder is not None and _SCOPE in holder.scopes


def _position(given: str) -> Position:
    try:
        return replace(parse(given), link=None) if given else BEGINNING
    except ValueError:
        raise Problem("invalid-parameter", "after: not a position. Reload the page.") from None


def _message(
    *,
    data: bytes | None = None,
    id: str | None = None,  # noqa: A002 - the field's name
    retry: int | None = None,
    comment: str | None = None,
) -> bytes:
    return ServerSentEventMessage(data=data, id=id, retry=retry, comment=comment, sep="\n").encode()
