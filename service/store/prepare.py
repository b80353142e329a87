"""Bringing a database to this version: its schema, and the books of the settings."""

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog
from psycopg.errors import InsufficientPrivilege

from service.database.connections import UnsupportedServerError, connect, is_unavailable
from service.settings import Book
from service.store.events import open_books
from service.store.migrations import SchemaError, migrate
from service.store.roles import RoleError, alters, lacking
from service.telemetry.throttle import Throttle

_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


async def prepare(url: str, books: Mapping[str, Book]) -> bool:
    """Prepare; wait for a person where that needs more rights. Several processes may do it at once.

    Returns:
        Whether the role of ``url`` could alter events, if no trigger were there.

    Raises:
        psycopg.Error: for instance while the database is away.
    """
    throttle = Throttle()
    while True:
        try:
            return await _prepare(url, books)
        except Exception as error:  # noqa: BLE001 - whatever it is, the process stays and tries
            _log_failure(throttle, error)
            await asyncio.sleep(_RETRY_SECONDS)


def _log_failure(throttle: Throttle, error: Exception) -> None:
    # bound here: a line about how often is written when the error is no longer being handled
    if isinstance(error, InsufficientPrivilege):
        reason = error.diag.message_primary
        log = partial(_log.error, "run: daybook migrate --owner URL", reason=reason)
    elif isinstance(error, (RoleError, SchemaError, UnsupportedServerError)):
        log = partial(_log.error, "cannot use the database", reason=str(error))
    elif is_unavailable(error):
        log = partial(_log.warning, "waiting for the database", error=type(error).__name__)
    else:
        log = partial(_log.error, "cannot prepare the database", exc_info=error)
    throttle.log((type(error), str(error)), log)


async def _prepare(url: str, books: Mapping[str, Book]) -> bool:
    businesses = {name: book.business_id for name, book in books.items()}
    async with await connect(url) as conn:
        for name in await migrate(conn):
            _log.info("migrated", migration=name)
        for name in await open_books(conn, businesses):
            _log.warning("the book names another business now; run: daybook rebuild", book=name)
        if lacks := await lacking(conn):
            raise RoleError(
                f"The database role lacks: {', '.join(lacks)}."
                " Run `daybook migrate --owner URL`, which grants what the service needs."
            )
        return await alters(conn)
