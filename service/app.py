"""The composition root: settings in, a running service out."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from msgspec import Struct

from service import api, webhooks
from service.ingest import Verifier
from service.migrations import migrate
from service.postgres import UNAVAILABLE, connect, pool
from service.problems import Problem, on_http_exception, on_problem, on_unavailable
from service.projector import Projector
from service.rebuild import RebuildRunningError, missing, open_checkpoints, rebuild
from service.settings import Book, Settings
from service.store import open_books
from service.writer import Writer

_log = structlog.get_logger(__name__)


class Door(Struct, frozen=True):
    """What a book's webhooks go through."""

    verifier: Verifier
    writer: Writer
    projector: Projector


@get("/healthz", operation_id="get_health", summary="Whether the process lives", tags=["operation"])
async def healthz() -> dict[str, str]:
    """Answers as long as the process does; says nothing of the database."""
    return {"status": "ok"}


@get("/readyz", operation_id="get_readiness", summary="Whether it can serve", tags=["operation"])
async def readyz(state: State) -> dict[str, str]:
    """Ready when the database answers and every read model is built."""
    async with state.pool.connection() as conn:
        if absent := await missing(conn):
            names = ", ".join(p.name for p in absent)
            raise Problem("not-ready", f"Read models are being built: {names}.")
    return {"status": "ready"}


def build(settings: Settings, url: str) -> Litestar:
    """The service over the database at ``url``; it connects when it is started."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        await prepare(url, settings.books)
        doors = {name: _door(url, name, book) for name, book in settings.books.items()}
        async with pool(url) as connections, _running(doors):
            app.state.pool = connections
            app.state.doors = doors
            app.state.businesses = {n: b.business_id for n, b in settings.books.items()}
            yield

    return Litestar(
        route_handlers=[webhooks.receive, api.ROUTER, healthz, readyz],
        lifespan=[lifespan],
        request_max_body_size=settings.max_body_bytes,
        exception_handlers={
            Problem: on_problem,
            HTTPException: on_http_exception,
            Exception: _on_defect,
            **dict.fromkeys(UNAVAILABLE, on_unavailable),
        },
        openapi_config=OpenAPIConfig(
            title="Daybook",
            version="1",
            description="The book of original entry for a Dodo Payments account.",
            components=Components(
                security_schemes={
                    "api_key": SecurityScheme(
                        type="http",
                        scheme="bearer",
                        description="A key of one book, made with `daybook keys create`.",
                    )
                }
            ),
        ),
        logging_config=None,
    )


async def prepare(url: str, books: Mapping[str, Book]) -> None:
    """Bring the database to this version: schema, books, read models that were never built."""
    businesses = {name: book.business_id for name, book in books.items()}
    async with await connect(url) as conn:
        for name in await migrate(conn):
            _log.info("migrated", migration=name)
        await open_books(conn, books)
        while absent := await missing(conn):
            _log.info("building read models", names=[p.name for p in absent])
            try:
                await rebuild(conn, businesses, absent)
            except RebuildRunningError:
                await asyncio.sleep(0.5)
        await open_checkpoints(conn, books)


def _door(url: str, name: str, book: Book) -> Door:
    projector = Projector(url, name, book.business_id)
    secrets = [secret.get_secret_value() for secret in book.secrets]
    return Door(Verifier(secrets), Writer(url, name, projector.wake), projector)


@asynccontextmanager
async def _running(doors: Mapping[str, Door]) -> AsyncIterator[None]:
    """The writers and projectors run beside the requests, and end after the last of them."""
    tasks = [
        asyncio.create_task(part.run())
        for door in doors.values()
        for part in (door.writer, door.projector)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _on_defect(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("defect", exc_info=error)
    return on_problem(_, Problem("internal-error", "The error is in this server's log."))
