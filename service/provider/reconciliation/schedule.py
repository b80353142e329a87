"""The reconciler process: it compares every book that has an API key, as often as configured.

It also fetches the invoice and the mails of each dispute that is opened.

Several processes may do this on one database: a lease lets one compare a book at a time, and when
the next comparison is due is read from those that are kept.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from service.database.connections import connect, is_unavailable
from service.database.lease import LeaseTakenError
from service.problems import Problem
from service.processes.link import Link
from service.processes.tasks import TaskSupervisor, exit_if_given_up, run_until_stopped
from service.provider.client import BACKGROUND
from service.provider.documents import fetch_if_due
from service.provider.reconciliation import asked, keeping
from service.provider.reconciliation.options import Options
from service.provider.reconciliation.run import reconcile
from service.queries.reconcile import Run
from service.settings import Book, Settings
from service.store.prepare import prepare

_SOONER = 6
"""A comparison that could not be made is repeated so many times sooner."""

_LEAST = timedelta(minutes=5)
_POLL = timedelta(minutes=1)
_FIRST_SECONDS = 30.0
"""So long after the start the read models are likely to be up to date."""

_log = structlog.get_logger(__name__)


def run(link: Link, settings: Settings, url: str) -> None:
    """Compare until SIGTERM, or until the parent process ends."""
    asyncio.run(_until_stopped(link, settings, url))
    exit_if_given_up()


async def _until_stopped(link: Link, settings: Settings, url: str) -> None:
    books = dict(settings.books)

    def reload(changed: Settings) -> None:
        books.update(changed.books)

    async with link.attached(reload):
        await run_until_stopped(_follow(settings, books, url))


async def _follow(settings: Settings, books: dict[str, Book], url: str) -> None:
    supervisor = TaskSupervisor(is_unavailable)
    try:
        await supervisor.start("store", partial(_prepare, url, settings), needed=False, once=True)
        supervisor.start("jobs", partial(asked.follow, url, books), needed=False)
        for name in books:
            supervisor.start(
                f"reconciler of {name}", partial(_repeat, url, name, books), needed=False
            )
            supervisor.start(
                f"documents of {name}", partial(_repeat_fetch, url, name, books), needed=False
            )
        await asyncio.Event().wait()
    finally:
        await supervisor.stop()


async def _prepare(url: str, settings: Settings) -> None:
    await prepare(url, settings.books)


async def _repeat(url: str, name: str, books: dict[str, Book]) -> None:
    """Compare one book whenever that is due."""
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        pause = await compare_if_due(url, name, books[name])
        await asyncio.sleep(min(pause, _POLL).total_seconds())


async def _repeat_fetch(url: str, name: str, books: dict[str, Book]) -> None:
    """Fetch what the provider has about disputes, soon after they are opened."""
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        pause = await fetch_if_due(url, name, books[name])
        await asyncio.sleep(pause.total_seconds())


async def compare_if_due(url: str, name: str, book: Book) -> timedelta:
    """Compare a book if that is due; how long to wait before asking again, at most.

    Nothing is raised if the provider does not answer: the kept run says so.
    """
    interval = book.provider.reconcile_interval
    if interval is None or not book.provider.is_scheduled:
        return _POLL
    due = await _due(url, name, interval)
    now = datetime.now(UTC)
    if due > now:
        return due - now
    options = Options(apply=book.provider.reconcile_apply, patience=BACKGROUND)
    try:
        found = await reconcile(url, name, book, options)
    except LeaseTakenError:
        return _POLL
    except Problem as problem:
        _log.warning("not compared with the provider", book=name, reason=problem.detail)
        return _POLL
    _report(name, found)
    return _POLL


async def _due(url: str, name: str, interval: timedelta) -> datetime:
    """When the next comparison is due."""
    async with await connect(url) as conn:
        last = await keeping.last_began(conn, name)
    if last is None:
        return datetime.now(UTC)
    began_at, made = last
    return began_at + (interval if made else max(_LEAST, interval / _SOONER))


def _report(name: str, found: Run) -> None:
    log = _log.info if found.state == "in_sync" else _log.warning
    log(
        "compared with the provider",
        book=name,
        state=found.state,
        reason=found.reason,
        run=found.run_id,
        looked_at=found.looked_at,
        differing=found.differing,
        applied=found.applied,
        losing=found.losing,
        gaining=found.gaining,
    )
