"""Signing in with an API key or a link, and out."""

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Template
from msgspec import Struct

from service.console import door, sessions
from service.console.responses import HEADERS, OWN, ROOT
from service.console.sessions import Session
from service.console.view import ConsoleRequest, frame_of
from service.database.connections import QUESTIONS, pool_connection
from service.http.services import services
from service.problems import Problem
from service.store.api_keys import Caller, digest, find_caller

_MAX_FORM_BYTES = 16 << 10
_BY_KEY = {"is_open": True, "by_key": True}


class SignInPage(Struct, frozen=True):
    """The form: where to go afterwards, and what was wrong with the key before."""

    next: str
    error: str = ""


class LinkPage(Struct, frozen=True):
    """A link that signs in once, before it is used."""

    token: str


class SignOutPage(Struct, frozen=True):
    """Whom the proxy still signs in, and where that ends, if it is configured."""

    person: str
    url: str | None


class KeyForm(Struct, frozen=True):
    """The form as it is sent."""

    key: str = ""
    next: str = ""


@get("/-/sign-in", opt=_BY_KEY)
async def show_sign_in(request: ConsoleRequest) -> Response[Any]:
    """The form for a key; signed in already, for a key of another book."""
    return _form(request, SignInPage(_local(request.query_params.get("next", ""))))


@post("/-/sign-in", opt=_BY_KEY, request_max_body_size=_MAX_FORM_BYTES)
async def sign_in(
    request: ConsoleRequest,
    data: Annotated[KeyForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[Any]:
    """Open a session by a key."""
    async with pool_connection(services(request).pool, QUESTIONS) as conn:
        caller = await find_caller(conn, digest(data.key.strip()))
    target = _local(data.next)
    if caller is None:
        wrong = SignInPage(target, "This key is not known, or was revoked.")
        return _form(request, wrong, status=401)
    return await _enter(request, caller, target)


@get("/-/link/{token:str}", opt=_BY_KEY)
async def show_link(token: str, request: ConsoleRequest) -> Response[Any]:
    """Ask before the link is used: a browser may fetch a page that nobody looks at."""
    context = {"page": LinkPage(token), "frame": frame_of(request)}
    return Template("link.html", context=context, media_type="text/html", headers=HEADERS)


@post("/-/link/{token:str}", opt=_BY_KEY, request_max_body_size=_MAX_FORM_BYTES)
async def use_link(token: str, request: ConsoleRequest) -> Response[Any]:
    """Open a session by a link, once."""
    async with pool_connection(services(request).pool, QUESTIONS) as conn:
        caller = await sessions.take_link(conn, token)
    if caller is None:
        wrong = "This link was used, has expired, or its key was revoked. Sign in with a key."
        return _form(request, SignInPage("", wrong), status=401)
    return await _enter(request, caller, "")


@post("/-/sign-out", opt={"is_open": True}, request_max_body_size=_MAX_FORM_BYTES)
async def sign_out(request: ConsoleRequest) -> Response[Any]:
    """End the session in the store and in the browser; a proxy's is ended there."""
    identity = request.auth.identity
    if identity:
        async with pool_connection(services(request).pool, QUESTIONS) as conn:
            await sessions.close(conn, identity)
    ended = door.cookie(request.headers, public_url(request), "")
    if request.user is not None and request.user.person:
        page = SignOutPage(request.user.person, request.auth.sign_out_url)
        context = {"page": page, "frame": frame_of(request)}
        return Template(
            "sign_out.html", context=context, media_type="text/html", headers=HEADERS,
            cookies=[ended],
        )  # fmt: skip
    location = {"location": f"{OWN}/sign-in"}
    return Response("", status_code=303, headers=HEADERS | location, cookies=[ended])


@get("/")
async def enter(request: ConsoleRequest) -> Response[Any]:
    """Lead to the first book of the session."""
    if request.user is None:
        raise Problem("unauthorized", "Sign in with an API key.")
    first = next(iter(request.user.holders))
    return Response("", status_code=303, headers={**HEADERS, "location": f"{ROOT}/{first}"})


def public_url(request: ConsoleRequest) -> str | None:
    """The configured origin of the console."""
    url: str | None = request.app.state.console_url
    return url


async def _enter(request: ConsoleRequest, caller: Caller, target: str) -> Response[Any]:
    known = isinstance(request.user, Session) and request.user.sha256 is not None
    before = request.auth.identity if known else None
    person = request.user.person if request.user is not None else ""
    async with pool_connection(services(request).pool, QUESTIONS) as conn:
        identity = await sessions.open_session(conn, caller, before, person)
    headers = {**HEADERS, "location": target or f"{ROOT}/{caller.book}"}
    kept = door.cookie(request.headers, public_url(request), identity)
    return Response("", status_code=303, headers=headers, cookies=[kept])


def _form(request: ConsoleRequest, page: SignInPage, status: int = 200) -> Response[Any]:
    context = {"page": page, "frame": frame_of(request)}
    return Template(
        "sign_in.html", context=context, media_type="text/html", headers=HEADERS,
        status_code=status,
    )  # fmt: skip


def _local(target: str) -> str:
    """A path of the console, or nothing: a link must not lead elsewhere after the sign-in."""
    is_local = target.startswith(f"{ROOT}/") and not target.startswith(f"{OWN}/")
    plain = target.isascii() and target.isprintable() and "\\" not in target and "//" not in target
    return target if is_local and plain else ""
