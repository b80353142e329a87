"""The framework's and the database's errors as problems, alike for every door."""

import structlog
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from psycopg import DataError
from psycopg.errors import LockNotAvailable, QueryCanceled, UndefinedTable
from psycopg_pool import PoolTimeout

from service.database.connections import TOO_SLOW, UNAVAILABLE, ResponseTimeoutError
from service.problems import Problem

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


def problem_of(error: Exception) -> Problem:
    """The problem that answers an error; a defect is logged, and answered with the request's id."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return _of_framework(error)
        case DataError():
            return Problem(
                "invalid-parameter",
                "A value is one that the database cannot store. Use text without NUL characters,"
                " and numbers within range.",
            )
        case UndefinedTable():
            # there is no schema, or no read models of this version
            return Problem(
                "not-ready",
                "The read models that this question needs are being built, as after an upgrade. All"
                " that had been built before is answered meanwhile. GET /v1/projections shows how"
                " far they are; ask again then.",
            )
        case _ if isinstance(error, UNAVAILABLE):
            # the process goes on and recovers
            return unavailable(error)
    _log.error("unhandled exception", exc_info=error)
    return Problem("internal-error", "The error is in this server's log.")


def unavailable(error: Exception) -> Problem:
    """The problem of a database that is unavailable or did not answer in time."""
    if isinstance(error, TOO_SLOW):
        return Problem("timeout", f"The database took too long: {_SLOW[type(error)]}.")
    if isinstance(error, PoolTimeout):
        busy = "No connection is free: the database is unavailable, or other queries are slow."
        return Problem("unavailable", busy)
    return Problem("unavailable", "Cannot connect to the database.")


def _of_framework(error: HTTPException) -> Problem:
    """The problem of an unknown path, a method, a parameter, or a body over the limit."""
    if isinstance(error, ValidationException):
        extra = error.extra if isinstance(error.extra, list) else []
        detail = "; ".join(
            f"{e.get('key', 'parameter')}: {e.get('message', 'invalid')}" for e in extra
        )
        return Problem("invalid-parameter", detail or error.detail)
    if isinstance(error, NotFoundException):
        return Problem("not-found", "This service has no such path. /schema lists all of them.")
    name = _BY_STATUS.get(error.status_code)
    if name is None:
        name = "internal-error" if error.status_code >= 500 else "bad-request"  # noqa: PLR2004
    return Problem(name, error.detail, error.headers)
