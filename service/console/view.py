"""A page: a function that reads what is shown, and a template that shows it.

    @page("/customers/{customer_id:str}", template="customer.html", section="Customers")
    async def customer(view: View) -> CustomerPage:
        ...

The template extends ``base.html`` and finds what the function returns as ``page``, and the
surroundings as ``frame``. A page asks ``queries`` only, through the connections of ``View``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.response import Template
from msgspec import Struct
from msgspec.structs import replace

from domain.policy import Policy
from service.console import notices
from service.console.door import Entry
from service.console.frame import PAGES, BookLink, Frame
from service.console.responses import HEADERS, ROOT
from service.console.sessions import Holder, Session
from service.database.connections import QUESTIONS, Connection, pool_connection
from service.database.reader import Queryable
from service.http.services import Services, services
from service.problems import Problem
from service.settings import RESPONSE_DAYS, Book
from service.store.api_keys import Caller, Scope
from service.store.audit import Act
from service.telemetry import request_ids

ConsoleRequest = Request[Session | None, Entry, State]

Q = TypeVar("Q", bound=Struct)
P = TypeVar("P", bound=Struct)


class Leads(Exception):  # noqa: N818 - not an error
    """Raised by a page that is not shown: another one answers."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


class View:
    """A request for a page: whose it is, what it asks, and the connections to answer it."""

    def __init__(self, request: ConsoleRequest, holder: Holder) -> None:
        self.request = request
        self.holder = holder
        self.book = holder.book
        self.now = datetime.now(UTC)

    @property
    def caller(self) -> Caller:
        """The caller as the API knows it."""
        return self.holder.caller

    def act(self, reason: str | None) -> Act:
        """The holder, as the audit log names who does something, and why."""
        return self.holder.act(reason, request_ids.current())

    @property
    def services(self) -> Services:
        """What all requests of this process share."""
        return services(self.request)

    @property
    def configured(self) -> Book | None:
        """The configuration of the book; None if it was removed."""
        return self.services.books.get(self.book)

    @property
    def is_comparable(self) -> bool:
        """Whether the book can be compared with the provider: its API key is configured."""
        return self.configured is not None and self.configured.provider.api_key is not None

    @property
    def policy(self) -> Policy:
        """The book's access rules."""
        return self.configured.access.policy if self.configured else Policy()

    @property
    def response_days(self) -> int:
        """The days to answer a dispute."""
        return self.configured.dispute_response_days if self.configured else RESPONSE_DAYS

    @property
    def path(self) -> str:
        """The path that was asked for, which a cursor is bound to."""
        return str(self.request.scope["path"])

    def frame(self, section: str = "") -> Frame:
        """The surroundings of the page, which know the paths of all others."""
        return frame_of(self.request, section=section, now=self.now)

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope."""
        return scope in self.holder.scopes

    def name(self, parameter: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[parameter])

    def query(self, kind: type[Q]) -> Q:
        """The query's parameters; one that is empty, as a form sends it, was not given.

        Raises:
            Problem: ``invalid-parameter``.
        """
        given: dict[str, Any] = {}
        for name, value in self.request.query_params.multi_items():
            if value.strip():
                given.setdefault(name, value.strip())
        return converted(given, kind)

    @asynccontextmanager
    async def pooled(self) -> AsyncIterator[Connection]:
        """A connection for any question."""
        async with pool_connection(self.services.pool, QUESTIONS) as conn:
            yield conn

    def pipelined(self) -> AbstractAsyncContextManager[Queryable]:
        """A shared connection, for questions that read a few rows."""
        return self.services.lists.connection()


def converted(given: Mapping[str, Any], kind: type[Q]) -> Q:
    """The fields of a query or a form.

    Raises:
        Problem: ``invalid-parameter``.
    """
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("invalid-parameter", f"{error}.") from None


Read = Callable[[View], Awaitable[P]]


def page(
    path: str, *, template: str, section: str = "", scope: Scope = "read"
) -> Callable[[Read[P]], HTTPRouteHandler]:
    """Make a route of a function that reads what a page shows.

    Args:
        path: below the book.
        template: the file in ``templates/``.
        section: the entry of the navigation that the page belongs to.
        scope: the one that the key must have; a page may show more to a key with others.
    """

    def decorate(read: Read[P]) -> HTTPRouteHandler:
        async def handle(request: ConsoleRequest) -> Response[Any]:
            view = view_of(request, scope)
            try:
                content = await read(view)
            except Leads as leads:
                headers = {**HEADERS, "location": leads.location}
                return Response("", status_code=303, headers=headers)
            notice = notices.carried(request)
            shown = replace(view.frame(section), notice=notice)
            return Template(
                template, context={"page": content, "frame": shown}, media_type="text/html",
                headers=HEADERS, cookies=[notices.carry(request, None)] if notice else [],
            )  # fmt: skip

        if "{" not in path:
            PAGES[path.removeprefix("/")] = scope
        handle.__name__ = read.__name__
        return get(f"/{{book:str}}{path}")(handle)

    return decorate


def view_of(request: ConsoleRequest, scope: Scope) -> View:
    """The view of a request for a page of a book.

    Raises:
        Problem: ``not-found`` for a book that the session does not open; ``scope-missing``.
    """
    book = request.path_params["book"]
    holder = request.user.holders.get(book) if request.user else None
    if holder is None:
        detail = f"You are not signed in to a book {book!r}. Sign in with one of its keys."
        raise Problem("not-found", detail)
    if scope not in holder.scopes:
        has = ", ".join(holder.scopes)
        detail = f"This page needs a key with the scope {scope}; yours has {has}."
        raise Problem("scope-missing", detail, scope=scope)
    return View(request, holder)


def frame_of(request: ConsoleRequest, *, section: str = "", now: datetime | None = None) -> Frame:
    """The surroundings of a page; of no book, where the request names none that is open."""
    session = request.scope.get("user")
    holders = session.holders if isinstance(session, Session) else {}
    configured = services(request).books
    holder = holders.get(request.path_params.get("book", ""))

    def mode(book: str) -> str:
        return configured[book].mode if book in configured else ""

    return Frame(
        book=holder.book if holder else "",
        mode=mode(holder.book) if holder else "",
        books=tuple(
            BookLink(name, mode(name), f"{ROOT}/{name}", holder is not None and name == holder.book)
            for name in holders
        ),
        holder=holder,
        section=section,
        search=request.query_params.get("q", ""),
        now=now or datetime.now(UTC),
    )
