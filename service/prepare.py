"""Bringing a database to this version: its schema, and the books of the settings."""

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog
from psycopg.errors import InsufficientPrivilege

from service.migrations import migrate
from service.postgres import connect
from service.repeating import Repeating
from service.roles import alters
from service.settings import Book
from service.store import open_books

_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


async def prepare(url: str, books: Mapping[str, Book]) -> bool:
    """Prepare; wait for a person where that needs more rights. Several processes may do it at once.

    Returns:
        Whether the role of ``url`` could alter events, if no trigger were there.

    Raises:
        psycopg.Error: for instance while the database is away.
    """
    repeating = Repeating()
    while True:
        try:
            return await _prepare(url, books)
        except InsufficientPrivilege as error:
            reason = error.diag.message_primary
            log = partial(_log.error, "run: daybook migrate --owner URL", reason=reason)
            repeating.say(reason, log)
            await asyncio.sleep(_RETRY_SECONDS)


async def _prepare(url: str, books: Mapping[str, Book]) -> bool:
    businesses = {name: book.business_id for name, book in books.items()}
    async with await connect(url) as conn:
        for name in await migrate(conn):
            _log.info("migrated", migration=name)
        for name in await open_books(conn, businesses):
            _log.warning("the book names another business now; run: daybook rebuild", book=name)
        return await alters(conn)
