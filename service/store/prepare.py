"""Prepares a database for this version: its schema, its role, and the configured books."""

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog
from psycopg.errors import InsufficientPrivilege

from service.database.citus import UnsupportedCitusError
from service.database.connections import UnsupportedServerError, connect, is_unavailable
from service.settings import Book
from service.store.distribution import distribute
from service.store.events import open_books
from service.store.migrations import SchemaError, migrate
from service.store.roles import RoleError, can_alter_events, missing_privileges
from service.telemetry.throttle import Throttle

_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


async def prepare(url: str, books: Mapping[str, Book]) -> bool:
    """Prepare a database; retry every second until that succeeds.

    Several processes may do so at once. If the role lacks privileges, the log says what to run.

    Returns:
        Whether the role of ``url`` could alter events if the trigger did not exist.
    """
    throttle = Throttle()
    while True:
        try:
            return await prepare_once(url, books)
        except Exception as error:  # noqa: BLE001 - the process stays up and retries
            _log_failure(throttle, error)
            await asyncio.sleep(_RETRY_SECONDS)


def _log_failure(throttle: Throttle, error: Exception) -> None:
    # bound now: the throttle may log later, when the error is no longer handled
    if isinstance(error, InsufficientPrivilege):
        reason = error.diag.message_primary
        log = partial(
            _log.error, "privileges missing; run daybook migrate --owner URL", reason=reason
        )
    elif isinstance(error, (RoleError, SchemaError, UnsupportedCitusError, UnsupportedServerError)):
        log = partial(_log.error, "database unusable", reason=str(error))
    elif is_unavailable(error):
        # the sanitizer masks what is secret in it
        reason = " ".join(str(error).split())
        log = partial(
            _log.warning, "database unavailable; retrying",
            error=type(error).__name__, reason=reason,
        )  # fmt: skip
    else:
        log = partial(_log.error, "database preparation failed; retrying", exc_info=error)
    throttle.log((type(error), str(error)), log)


async def prepare_once(url: str, books: Mapping[str, Book]) -> bool:
    """Prepare a database, for a command that somebody waits for; returns the same.

    Raises:
        psycopg.Error: if the database cannot be reached.
        RoleError: if the role lacks privileges.
        SchemaError: if an unreleased version created the schema.
        UnsupportedServerError: if the server is too old.
    """
    businesses = {name: book.business_id for name, book in books.items()}
    async with await connect(url) as conn:
        for name in await migrate(conn):
            _log.info("migration applied", migration=name)
        if distributed := await distribute(conn):
            _log.info("tables distributed", tables=distributed)
        for name in await open_books(conn, businesses):
            _log.warning("business of the book changed; run daybook rebuild", book=name)
        if lacks := await missing_privileges(conn):
            raise RoleError(
                f"The database role lacks: {', '.join(lacks)}."
                " Run `daybook migrate --owner URL`, which grants what the service needs."
            )
        return await can_alter_events(conn)
