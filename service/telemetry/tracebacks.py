"""Formats errors with enough detail to fix the cause, and without personal data."""

import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

from service.telemetry.sanitize import truncate

if TYPE_CHECKING:
    import psycopg

_LONGEST = 16_384


def format_error(error: BaseException) -> str:
    """Format an error with its traceback, for the log and for ``read.parked``.

    Errors of PostgreSQL are reduced to primary message and SQLSTATE, because their other fields
    quote rows. The error objects themselves are changed.
    """
    # where the driver is not loaded, no error is its
    if driver := sys.modules.get("psycopg"):
        for link in error_chain(error):
            if isinstance(link, driver.Error):
                _reduce(link, quotes=isinstance(link, driver.DataError))
    text = "".join(traceback.format_exception(error)).replace("\0", "")
    # the end names the error
    return truncate(text, _LONGEST, tail=_LONGEST * 3 // 4)


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that its traceback shows: causes, contexts and members of groups."""
    return _walk(error, set())


def _walk(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for inner in (error.__cause__, error.__context__, *members):
        yield from _walk(inner, seen)


def _reduce(error: "psycopg.Error", *, quotes: bool) -> None:
    if quotes:
        # the primary message quotes the value that the column cannot hold
        error.args = (f"SQLSTATE {error.sqlstate}",)
    elif error.diag.message_primary is not None:
        error.args = (f"{error.diag.message_primary} (SQLSTATE {error.sqlstate})",)
