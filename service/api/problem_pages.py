"""The framework's and the database's errors as problems, and the description of each type."""

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
    QueryCanceled: "a statement was cancelled",
    LockNotAvailable: "a statement waited for a lock that another transaction holds",
    ResponseTimeoutError: "there was no response",
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
    """One type of problem: its status and title, when it occurs, and what to do."""

    type: str
    status: int
    title: str
    meaning: str
    retry_after: int | None


@get(
    TYPE,
    operation_id="list_problem_types",
    summary="List all types of problems",
    description="Errors are RFC 9457 problem documents, and their `type` is one of these.",
    tags=["problems"],
)
async def list_problem_types() -> list[ProblemType]:
    """All types of problems."""
    return [_problem_type(kind) for kind in KINDS.values()]


@get(
    TYPE + "{problem:str}",
    operation_id="get_problem_type",
    summary="Get one type of problem",
    description="The `type` of a problem document is the path of this description.",
    tags=["problems"],
)
async def get_problem_type(problem: str) -> ProblemType:
    """One type of problem."""
    if problem not in KINDS:
        raise Problem("not-found", f"{problem!r} is not a type of problem. See /problems.")
    return _problem_type(KINDS[problem])


def _problem_type(kind: Kind) -> ProblemType:
    return ProblemType(TYPE + kind.name, kind.status, kind.title, kind.meaning, kind.retry_after)


PROBLEM_ROUTES = [list_problem_types, get_problem_type]


def answer(problem: Problem) -> Response[bytes]:
    """The response of the framework for a problem."""
    headers, content = render(problem)
    status = problem.kind.status
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def on_problem(_: Request[Any, Any, Any], error: Problem) -> Response[bytes]:
    """Answer one of our own errors."""
    return answer(error)


def unavailable(error: Exception) -> Problem:
    """The problem of a database that is unavailable or did not answer in time."""
    if isinstance(error, TOO_SLOW):
        return Problem("timeout", f"The database took too long: {_SLOW[type(error)]}.")
    if isinstance(error, PoolTimeout):
        busy = "No connection is free: the database is unavailable, or other queries are slow."
        return Problem("unavailable", busy)
    return Problem("unavailable", "Cannot connect to the database.")


def on_unavailable(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer while the database is unavailable; the process goes on and recovers."""
    return answer(unavailable(error))


def on_http_exception(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer the framework's errors: unknown paths, methods, parameters, bodies over the limit."""
    if isinstance(error, ValidationException):
        extra = error.extra if isinstance(error.extra, list) else []
        detail = "; ".join(
            f"{e.get('key', 'parameter')}: {e.get('message', 'invalid')}" for e in extra
        )
        return answer(Problem("invalid-parameter", detail or error.detail))
    name = _BY_STATUS.get(error.status_code)
    if name is None:
        name = "internal-error" if error.status_code >= 500 else "bad-request"  # noqa: PLR2004
    return answer(Problem(name, error.detail, error.headers))


def on_unbuilt(_: Request[Any, Any, Any], __: Exception) -> Response[bytes]:
    """Answer while there is no schema, or no read models of this version."""
    return answer(Problem("not-ready", "The read models are being built."))


def on_unstorable(_: Request[Any, Any, Any], __: Exception) -> Response[bytes]:
    """Reject values PostgreSQL cannot store, such as NUL characters or out-of-range numbers."""
    reason = (
        "A value is one that the database cannot store. Use text without NUL characters, and"
        " numbers within range."
    )
    return answer(Problem("invalid-parameter", reason))


def on_defect(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Log an unexpected error, and answer with the id of the request."""
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
"""The handler of each exception, for the framework."""
