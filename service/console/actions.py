"""An action: a form that changes something, who sent it and why, and a notice of what it did.

    @action("parked/retry", verb="Retry", scope="admin")
    async def retry_parked(view: View, form: Parked, act: Act) -> Done:
        ...
        return Done(f"{form.stream} is up to date.", "operations")

A template shows the form with the macro ``ui.action``, to keys with the scope only. The function
writes the audit row with ``act``, by the same function as the API. Afterwards a page is led to,
which shows the notice once, so a reload sends nothing again.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from service.console import notices
from service.console.frame import ACTIONS, Action
from service.console.notices import Notice
from service.console.responses import HEADERS
from service.console.view import ConsoleRequest, View, converted, view_of
from service.problems import Problem
from service.store.api_keys import Scope
from service.store.audit import Act

MAX_REASON = 500
"""In characters, as in the API."""

_MAX_FORM_BYTES = 16 << 10
_MAX_FIELDS = 50

F = TypeVar("F", bound=Struct)


class Done(Struct, frozen=True):
    """What an action did, and the page to show next, below the book.

    ``tone`` is ``good``, ``wait`` or ``bad``.
    """

    said: str
    path: str
    tone: str = "good"
    query: Mapping[str, str] = {}


Do = Callable[[View, F, Act], Awaitable[Done]]


def action(
    path: str, *, verb: str, scope: Scope = "admin", asks: str = "Why? The audit shows it"
) -> Callable[[Do[F]], HTTPRouteHandler]:
    """Make a route of a function that does what a form asks for.

    Args:
        path: below the book; a template names the action by it.
        verb: what the button says.
        scope: the one that the key must have.
        asks: what the field for the reason is called.
    """

    def decorate(do: Do[F]) -> HTTPRouteHandler:
        kind: type[F] = get_type_hints(do)["form"]

        async def handle(request: ConsoleRequest) -> Response[Any]:
            view = view_of(request, scope)
            given = await _given(request)
            reason = given.pop("reason", "").strip()
            if not 1 <= len(reason) <= MAX_REASON:
                detail = f"Say why, in 1 to {MAX_REASON} characters. Nothing was done."
                raise Problem("invalid-parameter", detail, parameter="reason")
            form = converted({**_about(given.pop("about", "{}")), **given}, kind)
            done = await do(view, form, view.act(reason))
            location = view.frame().href(*done.path.split("/"), **done.query)
            kept = notices.carry(request, Notice(done.said, done.tone))
            headers = {**HEADERS, "location": location}
            return Response("", status_code=303, headers=headers, cookies=[kept])

        ACTIONS[path] = Action(path, scope, verb, asks)
        handle.__name__ = do.__name__
        return post(f"/{{book:str}}/{path}", request_max_body_size=_MAX_FORM_BYTES)(handle)

    return decorate


async def _given(request: ConsoleRequest) -> dict[str, str]:
    try:
        sent = (await request.body()).decode("ascii")
        return dict(parse_qsl(sent, errors="strict", max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise _not_ours() from None


def _about(content: str) -> dict[str, Any]:
    """What the form is about, as JSON: a browser would change the line ends of a hidden field."""
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise _not_ours() from None


def _not_ours() -> Problem:
    return Problem("bad-request", "This is not what a form of the console sends.")
