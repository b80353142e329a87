"""The composition root: settings in, a running service out."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any

import structlog
from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp
from msgspec import structs
from psycopg import DataError
from psycopg.errors import UndefinedTable

from service import api, openapi, webhooks
from service.allowance import Allowance
from service.auth import Gate
from service.background import flush_every
from service.ingest import Verifier
from service.keyring import Keyring
from service.lanes import Lane
from service.meters import PoolUse
from service.migrations import missing
from service.notices import Notifier
from service.postgres import ACCESS, LISTS, QUESTIONS, UNAVAILABLE, borrowed, pool
from service.prepare import prepare
from service.problem_pages import PROBLEM_ROUTES
from service.problems import (
    Problem,
    on_http_exception,
    on_problem,
    on_unavailable,
    on_unbuilt,
    on_unstorable,
)
from service.refusals import Refusals
from service.request_ids import RequestIds
from service.segments import Divided
from service.settings import Book, Settings, SettingsError
from service.tips import Tips
from service.traces import traced
from service.versions import shown
from service.webhooks import Door, Webhooks
from service.writer import Writer

_ASK_SECONDS = 0.1
_VERSION = version("daybook")
_PROBE_SECONDS = 1.0
_SWITCH_SECONDS = 0.0005

_log = structlog.get_logger(__name__)


@get(
    "/healthz",
    operation_id="get_health",
    summary="Whether the process lives",
    description="Answers as long as the process does; says nothing of the database.",
    tags=["operation"],
)
async def healthz() -> dict[str, str]:
    """Answers as long as the process does; says nothing of the database."""
    return {"status": "ok", "version": _VERSION}


@get(
    "/readyz",
    operation_id="get_readiness",
    summary="Whether it can serve",
    description="Ready when the database and its schema are there, every read model is built, and"
    " everything runs.",
    tags=["operation"],
)
async def readyz(state: State) -> dict[str, str]:
    """Ready when the database and its schema are there, all is built, and everything runs."""
    if ended := [task.get_name() for task in state.tasks if task.done()]:
        raise Problem("not-ready", f"Ended, and needs a restart: {', '.join(ended)}.")
    async with borrowed(state.access.pool, ACCESS, _PROBE_SECONDS) as conn:
        lacking = await missing(conn)
    if lacking:
        raise Problem("not-ready", f"Migrations are missing: {', '.join(sorted(lacking))}.")
    if not state.built.is_set():
        raise Problem("not-ready", "The read models are being built.")
    return {"status": "ready"}


def build(
    settings: Settings, url: str, again: Callable[[], Settings] | None, tips: Tips
) -> ASGIApp:
    """The service over the database at ``url``; it connects when it is started.

    It starts while the database is away, answers 503, and recovers when it is there; webhooks are
    recorded while the read models are still being built, which the projector process does. With
    ``again``, SIGHUP reads the settings once more and takes over the secrets and the policies of
    the books that are there. Closing ``tips`` ends the streams of changes.
    """
    notifier = Notifier(url)
    doors = {name: _door(url, name, book, notifier) for name, book in settings.books.items()}

    refusals, keyring = Refusals(), Keyring()
    routes: list[Any] = [api.ROUTER, healthz, readyz, *PROBLEM_ROUTES]
    if settings.metrics:
        # not at the top: the library must not be imported before ``meters.shared``
        from service.scrape import get_metrics  # noqa: PLC0415

        routes.append(get_metrics)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.doors = doors
        app.state.policies = {n: b.access.policy for n, b in settings.books.items()}
        app.state.books = dict(settings.books)
        app.state.built = asyncio.Event()
        app.state.tips = tips
        async with (
            pool(url, QUESTIONS) as connections,
            pool(url, ACCESS, 2, least=0) as probes,
        ):
            app.state.pool = connections
            app.state.access = Lane(url, ACCESS, 2, probes)
            app.state.lists = Lane(url, LISTS, 3, connections)
            readers = (app.state.access.reader, app.state.lists.reader)
            # a fold in a thread holds the loop up for so long each time that both have work
            sys.setswitchinterval(_SWITCH_SECONDS)
            async with _running(app.state, settings, url, notifier) as tasks:
                for seconds, what in (
                    (1.0, refusals),
                    (5.0, PoolUse(*readers)),
                    (30.0, keyring),
                ):
                    name = type(what).__name__.lower()
                    flushing = flush_every(seconds, name, what.flush, connections)
                    tasks.append(asyncio.create_task(flushing, name=name))
                app.state.tasks = tasks
                if again is not None:
                    loop = asyncio.get_running_loop()
                    loop.add_signal_handler(signal.SIGHUP, _reload, app.state, again)
                _log.info("serving", books=list(doors))
                # what is there now stays for good: looking through it again and again for cycles
                # would hold every request up by some 60 ms each time
                gc.collect()
                gc.freeze()
                yield
            for reader in readers:
                reader.close()
        _log.info("stopped")

    app = Litestar(
        route_handlers=routes,
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
        openapi_config=openapi.CONFIG,
        logging_config=None,
    )
    (app.openapi_schema.paths or {})[webhooks.PATH + "{book}"] = webhooks.DESCRIBED
    gate = Gate(app, keyring, Allowance(settings.requests_per_minute))
    door = Webhooks(RequestIds(Divided(gate)), doors, settings.max_body_bytes, refusals)
    return traced(door)


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
        state.books[name] = books[name]
    _log.info("configuration read again", books=sorted(books))
    if others := sorted(books.keys() ^ state.doors.keys()):
        _log.warning("books come and go with a restart only", books=others)


def _door(url: str, name: str, book: Book, notifier: Notifier) -> Door:
    return Door(_verifier(book), Writer(url, name, partial(notifier.say, name)))


def _verifier(book: Book) -> Verifier:
    return Verifier([secret.get_secret_value() for secret in book.secrets])


@asynccontextmanager
async def _running(
    state: State, settings: Settings, url: str, notifier: Notifier
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The writers run beside the requests, and end after the last of them."""
    preparing = asyncio.create_task(_await_built(state, settings, url))
    tasks = [asyncio.create_task(notifier.run(), name="notifier")]
    tasks.append(asyncio.create_task(state.tips.run(url, state.access.pool), name="tips"))
    for name, door in state.doors.items():
        tasks.append(asyncio.create_task(door.writer.run(), name=f"writer of {name}"))
    try:
        yield tasks
    finally:
        for task in (preparing, *tasks):
            task.cancel()
        await asyncio.gather(preparing, *tasks, return_exceptions=True)


async def _await_built(state: State, settings: Settings, url: str) -> None:
    """Prepare the store, and learn when the projector process has built the read models."""
    await prepare(url, settings.books)
    while not state.built.is_set():
        with suppress(*UNAVAILABLE):
            async with borrowed(state.access.pool, ACCESS) as conn:
                if await shown(conn):
                    state.built.set()
                    return
        await asyncio.sleep(_ASK_SECONDS)


def _on_defect(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("defect", exc_info=error)
    return on_problem(request, Problem("internal-error", "The error is in this server's log."))
