"""Lists as CSV, for whoever sends ``Accept: text/csv``: all pages, one after the other.

The rows are those of the JSON pages, asked for in turn below the door: each filter holds, and each
page borrows a connection only while it is read. The next is read when the client has taken the
last, so any number of rows takes the memory of one page. Where a page cannot be read, the transfer
is cut off: what was read never looks complete.
"""

import csv
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.utils.scope.state import ScopeState
from msgspec import Struct

from domain.dispute import State as Dispute
from projections.catalog import STREAMS
from service.api.csv_cells import cell
from service.queries.answers import IndexedEvent
from service.queries.changes import Change
from service.queries.disputes import DueDispute
from service.queries.documents import COMPUTED
from service.queries.metrics import METRICS
from service.queries.search import Hit

_LONGEST_PAGE = "100"

Document = dict[str, Any]


def paths(kind: type[Struct]) -> list[str]:
    """The columns of a struct's fields: a struct within it has a column for each of its own."""
    found: list[str] = []
    for field in msgspec.structs.fields(kind):
        inner = [t for t in get_args(field.type) if isinstance(t, type) and issubclass(t, Struct)]
        names = [f".{name}" for name in inner[0].__struct_encode_fields__] if inner else [""]
        found += [f"{field.encode_name}{name}" for name in names]
    return found


def _of_resource(payload: type[Any], state: type[Any]) -> list[str]:
    first, *told = [name for name in paths(payload) if name not in {"status", *COMPUTED}]
    beside = [name for name in COMPUTED if name in state.__struct_fields__]
    beside += ["respond_by"] if state is Dispute else []
    return [first, "status", "status_since", *told, *beside, "event_position"]


COLUMNS: dict[str, Sequence[str]] = {
    f"list_{p.name}": _of_resource(p.aggregate.payload, p.aggregate.state)
    for p in STREAMS
    if p.aggregate is not None
} | {
    "list_customers": ("customer_id", "email", "name", "created_at", "event_position"),
    "list_events": paths(IndexedEvent),
    "get_customer_timeline": paths(IndexedEvent),
    "list_changes": paths(Change),
    "list_due_disputes": paths(DueDispute),
    "search": paths(Hit),
}
"""The columns of each list, by its ``operationId``."""

_WHOLE = {f"get_{name}_metric": paths(row) for name, row in METRICS.items()}
"""The columns of what knows no pages."""


class CsvAnswers(ASGIMiddleware):
    """Stands before the lists, behind the check of the key."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer as CSV where the caller prefers it and the route is a list."""
        if not any(name == b"accept" and b"text/" in value for name, value in scope["headers"]):
            await next_app(scope, receive, send)
            return
        asked = Request[Any, Any, Any](scope)
        operation = getattr(asked.route_handler, "operation_id", None) or ""
        columns = COLUMNS.get(operation) or _WHOLE.get(operation)
        preferred = asked.accept.best_match(["application/json", "text/csv"])
        if columns is None or preferred != "text/csv":
            await next_app(scope, receive, send)
            return
        pages = _Pages(next_app, asked.scope, whole=operation in _WHOLE)
        first = await pages.read({})
        if first is None:
            for message in pages.said:
                await send(message)
            return
        # `fields` thins the rows, as it does the JSON
        chosen = ",".join(asked.query_params.getall("fields", []))
        lines = _lines(chosen.split(",") if chosen else columns, first, pages)
        if asked.query_params.get("bom") == "true":
            lines = _marked(lines)
        name = asked.scope["path"].rstrip("/").rpartition("/")[2]
        headers = {
            "cache-control": "private, no-cache",
            "content-disposition": f'attachment; filename="{name}.csv"',
            "daybook-position": first["position"],
            "vary": "accept",
        }
        answer = ASGIStreamingResponse(iterator=lines, media_type="text/csv", headers=headers)
        await answer(scope, receive, send)


class _Pages:
    """The JSON pages of a list, asked for in turn; ``said`` is the last answer as it came."""

    def __init__(self, app: ASGIApp, scope: HTTPScope, *, whole: bool) -> None:
        self._app = app
        self._scope = scope
        self._asked = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        self._one = whole or any(name == "limit" for name, _ in self._asked)
        self.said: list[Message] = []

    async def read(self, place: Mapping[str, str]) -> Document | None:
        """The page at a place; None where it is refused."""
        # who names a limit wants one page of it
        moved = place if self._one else {"limit": _LONGEST_PAGE, **place}
        asked = [(name, value) for name, value in self._asked if name not in moved]
        self.said = []
        query = urlencode([*asked, *moved.items()]).encode()
        await self._app(self._inner(query), _nothing, self._hear)
        start, *rest = self.said
        if start["type"] != "http.response.start" or start["status"] != 200:  # noqa: PLR2004
            return None
        body = b"".join(m["body"] for m in rest if m["type"] == "http.response.body")
        page: Document = msgspec.json.decode(body)
        return page

    def following(self, page: Document) -> dict[str, str] | None:
        """Where the page after this one begins, if there is one to be read."""
        if self._one:
            return None
        if page.get("next_cursor") is not None:
            return {"cursor": page["next_cursor"]}
        if page.get("next", page["position"]) != page["position"]:
            return {"after": page["next"]}
        return None

    def _inner(self, query: bytes) -> Scope:
        plain = {b"accept", b"if-none-match"}
        headers = [(name, value) for name, value in self._scope["headers"] if name not in plain]
        inner: Any = {**self._scope, "query_string": query, "headers": headers, "state": {}}
        # the framework remembers there what it read of the request before
        outer = ScopeState.from_scope(self._scope)
        ScopeState.from_scope(inner).exception_handlers = outer.exception_handlers
        scope: Scope = inner
        return scope

    async def _hear(self, message: Message) -> None:
        self.said.append(message)


async def _nothing() -> Any:  # noqa: ANN401 - an ASGI message
    return {"type": "http.request", "body": b"", "more_body": False}


async def _lines(columns: Sequence[str], first: Document, pages: _Pages) -> AsyncIterator[str]:
    yield _written([columns])
    page = first
    while True:
        yield _written([cell(_at(row, path)) for path in columns] for row in page["data"])
        place = pages.following(page)
        if place is None:
            return
        read = await pages.read(place)
        if read is None:
            raise ConnectionAbortedError("a page could not be read: the CSV ends here")
        page = read


async def _marked(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """Behind a byte order mark, without which Excel takes UTF-8 for the platform's encoding."""
    yield "\ufeff"
    async for line in lines:
        yield line


def _at(row: Document, path: str) -> object:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _written(rows: Iterable[Sequence[object]]) -> str:
    written = StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
