"""The composition root: settings in, a running service out."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import structlog
from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from msgspec import Struct, structs
from psycopg import DataError
from psycopg.errors import UndefinedTable

from service import api, webhooks
from service.ingest import Verifier
from service.migrations import migrate
from service.postgres import UNAVAILABLE, connect, is_away, pool
from service.problems import (
    Problem,
    on_http_exception,
    on_problem,
    on_unavailable,
    on_unbuilt,
    on_unstorable,
)
from service.projector import Projector
from service.rebuild import RebuildRunningError, missing, open_checkpoints, rebuild
from service.settings import Book, Settings, SettingsError
from service.sql import text
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
    return {"status": "ok", "version": version("daybook")}


@get("/readyz", operation_id="get_readiness", summary="Whether it can serve", tags=["operation"])
async def readyz(state: State) -> dict[str, str]:
    """Ready when the database answers, every read model is built, and everything runs."""
    if ended := [task.get_name() for task in state.tasks if task.done()]:
        raise Problem("not-ready", f"Ended, and needs a restart: {', '.join(ended)}.")
    if not state.built.is_set():
        raise Problem("not-ready", "The database is away, or the read models are being built.")
    async with state.pool.connection() as conn:
        await conn.execute(text("store/heads"))
    return {"status": "ready"}


def build(settings: Settings, url: str, again: Callable[[], Settings] | None = None) -> Litestar:
    """The service over the database at ``url``; it connects when it is started.

    It starts while the database is away, answers 503, and recovers when it is there; webhooks are
    recorded while the read models are still being built. With ``again``, SIGHUP reads the settings
    once more and takes over the secrets and the policies of the books that are there.
    """

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        built = asyncio.Event()
        doors = {name: _door(url, name, book) for name, book in settings.books.items()}
        async with pool(url) as connections, _running(url, settings, doors, built) as tasks:
            app.state.pool = connections
            app.state.doors = doors
            app.state.policies = {n: b.access.policy for n, b in settings.books.items()}
            app.state.built = built
            app.state.tasks = tasks
            if again is not None:
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGHUP, _reload, app.state, again)
            _log.info("serving", books=list(doors))
            yield
        _log.info("stopped")

    return Litestar(
        route_handlers=[webhooks.receive, api.ROUTER, healthz, readyz],
        lifespan=[lifespan],
        request_max_body_size=settings.max_body_bytes,
        exception_handlers={
            Problem: on_problem,
            HTTPException: on_http_exception,
            DataError: on_unstorable,
            UndefinedTable: on_unbuilt,
            Exception: _on_defect,
            **dict.fromkeys(UNAVAILABLE, on_unavailable),
        },
        openapi_config=_OPENAPI,
        logging_config=None,
    )


def _reload(state: State, again: Callable[[], Settings]) -> None:
    """Take over rotated secrets without a gap; a wrong configuration changes nothing."""
    try:
        books = again().books
    except SettingsError as error:
        _log.error("configuration refused, the old one stays", reason=str(error))
        return
    for name in books.keys() & state.doors.keys():
        state.doors[name] = structs.replace(state.doors[name], verifier=_verifier(books[name]))
        state.policies[name] = books[name].access.policy
    _log.info("configuration read again", books=sorted(books))
    if others := sorted(books.keys() ^ state.doors.keys()):
        _log.warning("books come and go with a restart only", books=others)


async def prepare(url: str, books: Mapping[str, Book]) -> None:
    """Bring the database to this version: schema, books, read models that were never built."""
    businesses = {name: book.business_id for name, book in books.items()}
    async with await connect(url) as conn:
        for name in await migrate(conn):
            _log.info("migrated", migration=name)
        for name in await open_books(conn, businesses):
            _log.warning("the book names another business now; run: daybook rebuild", book=name)
        if await missing(conn):
            await rebuild(conn)
        await open_checkpoints(conn)


async def _prepare_at_last(url: str, books: Mapping[str, Book], built: asyncio.Event) -> None:
    """Prepare, trying again until it is done; then let the projectors begin."""
    while not built.is_set():
        try:
            await prepare(url, books)
            built.set()
        except RebuildRunningError:
            await asyncio.sleep(0.5)
        except Exception as error:  # noqa: BLE001 - whatever it is, webhooks are taken meanwhile
            if is_away(error):
                _log.warning("waiting for the database", error=type(error).__name__)
            else:
                _log.exception("cannot prepare the database")
            await asyncio.sleep(1)


def _door(url: str, name: str, book: Book) -> Door:
    projector = Projector(url, name)
    return Door(_verifier(book), Writer(url, name, projector.wake), projector)


def _verifier(book: Book) -> Verifier:
    return Verifier([secret.get_secret_value() for secret in book.secrets])


@asynccontextmanager
async def _running(
    url: str, settings: Settings, doors: Mapping[str, Door], built: asyncio.Event
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The writers and projectors run beside the requests, and end after the last of them."""

    async def follow(projector: Projector) -> None:
        await built.wait()
        await projector.run()

    preparing = asyncio.create_task(_prepare_at_last(url, settings.books, built))
    tasks: list[asyncio.Task[None]] = []
    for name, door in doors.items():
        tasks.append(asyncio.create_task(door.writer.run(), name=f"writer of {name}"))
        tasks.append(asyncio.create_task(follow(door.projector), name=f"projector of {name}"))
    try:
        yield tasks
    finally:
        for task in (preparing, *tasks):
            task.cancel()
        await asyncio.gather(preparing, *tasks, return_exceptions=True)


def _on_defect(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("defect", exc_info=error)
    return on_problem(request, Problem("internal-error", "The error is in this server's log."))


_OPENAPI = OpenAPIConfig(
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
)
