"""Who asks: an API key in ``Authorization: Bearer`` opens the book that it belongs to.

In this order: 401 without a key, whatever is asked; 404 where there is nothing below ``/v1``; 403
where the key's scopes do not suffice. So a stranger learns nothing of what there is.
"""

from collections.abc import Iterable
from functools import partial

import structlog
from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Receive, Scope, Send
from litestar.utils.path import normalize_path
from psycopg.errors import UndefinedTable

from service.database.connections import UNAVAILABLE
from service.http.errors import unavailable
from service.http.limits import Allowance, Headers
from service.http.services import services_of
from service.problems import Problem, send_problem
from service.store.api_keys import Caller, CallerCache

PATH = "/v1"

_log = structlog.get_logger(__name__)


class Gate:
    """Stands before the framework, whose routing would tell strangers which paths there are."""

    def __init__(self, app: Litestar, keyring: CallerCache, allowance: Allowance) -> None:
        self._app = app
        self._keyring = keyring
        self._allowance = allowance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it.

        ``scope["user"]`` is its caller, and ``scope["auth"]`` a ``Reauthenticate``.
        """
        if scope["type"] != ScopeType.HTTP or not _below(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers: Headers = []
        adding = partial(_send_with, headers, send)
        try:
            reauthenticate = partial(
                self._keyring.caller, services_of(self._app).access, _key(scope["headers"])
            )
            caller = _known(await reauthenticate())
            self._allowance.spend(caller.id, headers)
        except Problem as problem:
            await send_problem(adding, problem)
        except UNAVAILABLE as error:
            await send_problem(adding, unavailable(error))
        except UndefinedTable:
            await send_problem(adding, Problem("not-ready", "The database has no schema yet."))
        except Exception:  # noqa: BLE001 - a defect is answered too
            _log.exception("unhandled exception")
            defect = Problem("internal-error", "The error is in this server's log.")
            await send_problem(adding, defect)
        else:
            scope["user"], scope["auth"] = caller, reauthenticate
            await self._app(scope, receive, adding)


async def scoped(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]
    """Let a caller through whose key has the scope that a route's ``opt`` names, else ``read``.

    Raises:
        Problem: ``scope-missing``; ``unauthorized`` where a request came past the gate.
    """
    caller = connection.scope.get("user")
    if not isinstance(caller, Caller):
        raise Problem("unauthorized", "Send 'Authorization: Bearer' and an API key.")
    needed = handler.opt.get("scope", "read")
    if needed not in caller.scopes:
        has = ", ".join(caller.scopes)
        raise Problem("scope-missing", f"This needs {needed}; the key has {has}.", scope=needed)


def _key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    given = dict(headers).get(b"authorization", b"").decode("latin-1")
    scheme, _, key = given.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Problem("unauthorized", "Send 'Authorization: Bearer' and an API key.")
    return key.strip()


def _known(caller: Caller | None) -> Caller:
    if caller is None:
        raise Problem("unauthorized", "This API key is not known, or was revoked.")
    return caller


def _below(path: str) -> bool:
    # as the framework understands it: //v1/events is /v1/events to it
    return f"{normalize_path(path)}/".startswith(f"{PATH}/")


async def _send_with(headers: Headers, send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], *headers]
    await send(message)
