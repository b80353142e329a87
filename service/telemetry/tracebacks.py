"""The text of an error: enough to mend its cause, and nobody's data."""

import traceback
from collections.abc import Iterator

import psycopg

from service.telemetry.sanitize import cut

_LONGEST = 16_384


def described(error: BaseException) -> str:
    """An error with its traceback, as ``read.parked`` and the log keep it.

    Of what PostgreSQL said it has the primary message and the SQLSTATE: the rest quotes rows. From
    then on the error itself says no more either.
    """
    for one in chained(error):
        if isinstance(one, psycopg.Error):
            _reduce(one)
    text = "".join(traceback.format_exception(error)).replace("\0", "")
    # its end says what happened
    return cut(text, _LONGEST, tail=_LONGEST * 3 // 4)


def chained(error: BaseException) -> Iterator[BaseException]:
    """The error, and every other that its traceback shows: causes, contexts, members of groups."""
    return _all(error, set())


def _all(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for one in (error.__cause__, error.__context__, *inner):
        yield from _all(one, seen)


def _reduce(error: psycopg.Error) -> None:
    if isinstance(error, psycopg.DataError):
        # the message itself quotes the value that no column can hold
        error.args = (f"SQLSTATE {error.sqlstate}",)
    elif error.diag.message_primary is not None:
        error.args = (f"{error.diag.message_primary} (SQLSTATE {error.sqlstate})",)
