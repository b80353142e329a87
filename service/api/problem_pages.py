"""Problems as the framework answers them, and the pages that their types lead to."""

from collections.abc import Callable
from typing import Any

import structlog
from litestar import Request, Response, get
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Struct
from psycopg import DataError
from psycopg.errors import LockNotAvailable, QueryCanceled, UndefinedTable
from psycopg_pool import PoolTimeout

from service.database.connections import TOO_SLOW, UNAVAILABLE, ResponseTimeoutError
from service.problems import KINDS, MEDIA_TYPE, TYPE, Kind, Problem, render

_SLOW: dict[type[Exception], str] = {
    QueryCanceled: "a statement was cut off",
    LockNotAvailable: "it waited for a lock that another transaction holds",
    ResponseTimeoutError: "it did not answer at all",
}

_BY_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    414: "target-too-long",
}

_log = structlog.get_logger(__name__)


class ProblemType(Struct, frozen=True):
    """One type of problem: its status and title, when it is answered, and what to do."""

    type: str
    status: int
    title: str
    meaning: str
    retry_after: int | None


@get(
    TYPE,
    operation_id="list_problem_types",
    summary="Every type of problem that is answered",
    description="Errors are RFC 9457 problem documents, and their `type` is one of these.",
    tags=["problems"],
)
async def list_problem_types() -> list[ProblemType]:
    """The whole table."""
    return [_told(kind) for kind in KINDS.values()]


@get(
    TYPE + "{problem:str}",
    operation_id="get_problem_type",
    summary="What a type of problem means",
    description="Where the `type` of a problem document leads.",
    tags=["problems"],
)
async def get_problem_type(problem: str) -> ProblemType:
    """One row of the table."""
    if problem not in KINDS:
        raise Problem("not-found", f"{problem!r} is not a type of problem. See /problems.")
    return _told(KINDS[problem])


def _told(kind: Kind) -> ProblemType:
    return ProblemType(TYPE + kind.name, kind.status, kind.title, kind.meaning, kind.retry_after)


PROBLEM_ROUTES = [list_problem_types, get_problem_type]


def answer(problem: Problem) -> Response[bytes]:
    """The problem document as the framework sends it."""
    headers, content = render(problem)
    status = problem.kind.status
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def on_problem(_: Request[Any, Any, Any], error: Problem) -> Response[bytes]:
    """Our own errors."""
    return answer(error)


def unavailable(error: Exception) -> Problem:
    """The database is away, or did not answer in time."""
    if isinstance(error, TOO_SLOW):
        return Problem("timeout", f"The database took too long: {_SLOW[type(error)]}.")
    if isinstance(error, PoolTimeout):
        busy = "No connection is free: the database is away, or questions before this one are slow."
        return Problem("unavailable", busy)
    return Problem("unavailable", "The database cannot be reached at the moment.")


def on_unavailable(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The database is away; the process stays and recovers."""
    return answer(unavailable(error))


def on_http_exception(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework's errors: unknown paths, methods, parameters, bodies over the limit."""
    if isinstance(error, ValidationException):
        extra = error.extra if isinstance(error.extra, list) else []
        said = "; ".join(
            f"{e.get('key', 'parameter')}: {e.get('message', 'invalid')}" for e in extra
        )
        return answer(Problem("invalid-parameter", said or error.detail))
    name = _BY_STATUS.get(error.status_code)
    if name is None:
        name = "internal-error" if error.status_code >= 500 else "bad-request"  # noqa: PLR2004
    return answer(Problem(name, error.detail, error.headers))


def on_unbuilt(_: Request[Any, Any, Any], __: Exception) -> Response[bytes]:
    """No schema yet, or no read models of this version."""
    return answer(Problem("not-ready", "The read models are being built."))


def on_unstorable(_: Request[Any, Any, Any], __: Exception) -> Response[bytes]:
    """Rejects values PostgreSQL cannot store, such as NUL characters or out-of-range numbers."""
    return answer(Problem("invalid-parameter", "A value holds what nothing recorded can hold."))


def on_defect(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What nobody expected: the log has it, the answer has the request's id."""
    _log.error("unhandled exception", exc_info=error)
    return answer(Problem("internal-error", "The error is in this server's log."))


HANDLERS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    Problem: on_problem,
    HTTPException: on_http_exception,
    DataError: on_unstorable,
    UndefinedTable: on_unbuilt,
    Exception: on_defect,
    **dict.fromkeys(UNAVAILABLE, on_unavailable),
}
"""How each exception is answered, as the framework takes it."""
