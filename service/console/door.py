"""The door of the console: whose request it is, and whether a page of ours sent it.

A browser sends the cookie along with requests that other sites make. So a request that changes
something must come from the console itself, which ``Sec-Fetch-Site`` or ``Origin`` tells.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Litestar, Request, Response
from litestar.datastructures import Cookie, Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from service.console import sessions
from service.console.responses import HEADERS, OWN
from service.console.sessions import NOBODY, Holder, Session
from service.console.sso.refusals import refusal
from service.console.sso.sign_on import sign_on_of
from service.database.connections import QUESTIONS, pool_connection
from service.http.services import services_of
from service.problems import Problem
from service.setting_checks import is_loopback

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_SECURE_COOKIE = "__Host-daybook-console"
_LOOPBACK_COOKIE = "daybook-console"

_AGAIN = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Daybook</title>'
    '<meta http-equiv="refresh" content="0"><p>One moment.</p></html>'
)
"""Asks for the same page once more: only now does the browser send a cookie that is strict."""


class Entry(Struct, frozen=True):
    """How a request entered.

    Attributes:
        identity: the id of its session, from its cookie.
        again: looks again at what it opens, by what is stored and configured then.
        sign_out_url: where one signs out of the proxy, if it is configured.
    """

    identity: str | None
    again: Callable[[], Awaitable[Session | None]]
    sign_out_url: str | None


class Door(ASGIMiddleware):
    """Middleware of the console's routes; ``scope["user"]`` is the ``Session``, or None.

    ``scope["auth"]`` is the ``Entry``. A route whose ``opt`` says ``is_open`` needs no session, and
    of one that ``is_static`` none is looked up; the others lead to the sign-in. One that is
    ``by_key`` exists where API keys open the console.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, public_url: str | None) -> None:
        # the framework copies this for each route, so it holds nothing that changes
        self._public_url = public_url

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let a request through, or lead it to the sign-in."""
        headers = Headers.from_scope(scope)
        method: str = scope["method"]  # type: ignore[typeddict-item]
        if method not in SAFE and not is_same_site(headers, self._public_url):
            raise Problem(
                "cross-site", "Open the page in the console, and send its form from there."
            )
        opt = scope["route_handler"].opt
        if opt.get("is_static"):
            # without a look-up: an error page needs them while the database is away
            await next_app(scope, receive, send)
            return
        sign_on = sign_on_of(scope["litestar_app"])
        if opt.get("by_key") and not sign_on.takes_keys:
            raise Problem("sign-on-refused", "API keys do not open this console.")
        identity = session_id(scope, self._public_url) if sign_on.takes_keys else None
        session, refused = await _look(scope, identity)
        scope["user"] = session
        scope["auth"] = Entry(identity, partial(_look_again, scope, identity), sign_on.sign_out_url)
        if session is None and not opt.get("is_open"):
            if refused is None and sign_on.takes_keys:
                await _lead_to_sign_in(scope, method, headers)(scope, receive, send)
                return
            raise refusal(refused)
        if session is not None and not opt.get("is_open"):
            allowance = services_of(scope["litestar_app"]).allowance
            allowance.spend(_holder(scope, session).counted_as, [])
        await next_app(scope, receive, send)


async def _look(
    scope: Scope, identity: str | None, *, used: bool = True
) -> tuple[Session | None, str | None]:
    """What the request opens, and why its assertion is refused, if it is."""
    app = scope["litestar_app"]
    by_key = await _find(app, identity, used=used) if identity else None
    signed_on = await sign_on_of(app).find(scope, services_of(app).books)
    if signed_on is None:
        return by_key, None
    if signed_on.refused:
        return by_key, signed_on.refused
    return (by_key or NOBODY).of(signed_on.person, signed_on.holders), None


async def _look_again(scope: Scope, identity: str | None) -> Session | None:
    # a page that is left open does not keep a session alive
    session, _ = await _look(scope, identity, used=False)
    return session


def _holder(scope: Scope, session: Session) -> Holder:
    """Whose limit a request counts for: of the book that is asked, else of the first."""
    asked = session.holders.get(scope["path_params"].get("book", ""))
    return asked or next(iter(session.holders.values()))


def is_same_site(headers: Mapping[str, str], public_url: str | None) -> bool:
    """Whether a page of this origin sent the request, or a person without any page."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    # a browser too old for that header
    origin = headers.get("origin")
    if origin is None:
        return False
    if public_url is not None:
        return origin == public_url
    return urlsplit(origin).netloc == headers.get("host", "")


def is_secure(headers: Mapping[str, str], public_url: str | None) -> bool:
    """Whether the cookie needs TLS: everywhere but on this machine's own addresses."""
    if public_url is not None:
        return public_url.startswith("https:")
    # a proxy may ask for a page by a loopback address that a browser has by TLS
    if headers.get("x-forwarded-proto") == "https":
        return True
    return not is_loopback(urlsplit(f"//{headers.get('host', '')}").hostname)


def session_id(scope: Scope, public_url: str | None) -> str | None:
    """The id that the request's cookie holds."""
    request = Request[Any, Any, Any](scope)
    secure = is_secure(request.headers, public_url)
    return request.cookies.get(_SECURE_COOKIE if secure else _LOOPBACK_COOKIE)


def cookie(headers: Mapping[str, str], public_url: str | None, identity: str) -> Cookie:
    """The cookie of a session; with an empty id, one that ends it in the browser."""
    secure = is_secure(headers, public_url)
    return Cookie(
        key=_SECURE_COOKIE if secure else _LOOPBACK_COOKIE,
        value=identity,
        path="/",
        max_age=None if identity else 0,
        secure=secure,
        httponly=True,
        samesite="strict",
    )


async def _find(app: Litestar, identity: str, *, used: bool) -> Session | None:
    provided = services_of(app)
    async with provided.access.connection() as conn:
        session, is_due = await sessions.find(conn, identity)
    if session is not None and is_due and used:
        async with pool_connection(provided.pool, QUESTIONS) as writing:
            await sessions.use(writing, session)
    return session


def _lead_to_sign_in(scope: Scope, method: str, headers: Mapping[str, str]) -> ASGIApp:
    if method in SAFE and headers.get("sec-fetch-site") == "cross-site":
        # a link in a mail: the browser has kept the cookie to itself
        response = Response(_AGAIN, media_type="text/html", headers=HEADERS)
    else:
        # as it was sent: a slash within an identifier stays encoded
        path = scope["raw_path"].decode("ascii", "replace")
        if query := scope["query_string"].decode("ascii", "replace"):
            path = f"{path}?{query}"
        after = f"?next={quote(path, safe='/')}" if method in SAFE else ""
        location = f"{OWN}/sign-in{after}"
        response = Response("", status_code=303, headers={**HEADERS, "location": location})
    return response.to_asgi_response(None, Request(scope))
