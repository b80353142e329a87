"""Rebuilds that were asked for by a request: each runs in a process of its own."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from projections.catalog import BY_NAME, PROJECTIONS
from projections.projection import Projection
from service.database.connections import Connection, connect
from service.database.lease import LeaseTakenError
from service.problems import invalid
from service.processes.apart import ProcessEndedError, run_apart
from service.readmodels import rebuild as rebuilding
from service.readmodels.compare import summary
from service.readmodels.errors import (
    NoPreviousBuildError,
    RebuildError,
    UnfoldableStreamsError,
    explanation,
)
from service.store import jobs
from service.store.audit import Act
from service.store.jobs import FailedError, Job, Kind, Wanted

LANE = "read models"
"""Read models are of all books, so one is rebuilt at a time."""

REBUILD: Kind = "rebuild"
PREVIEW: Kind = "preview"
UNDO: Kind = "undo"

_ALL = "all"
_LAST = "the last rebuild"


async def ask(conn: Connection, book: str, kind: Kind, names: Collection[str], act: Act) -> str:
    """Ask for a rebuild of some read models, or of all for no name; the id of the job.

    Args:
        conn: takes part in no transaction.
        book: of the person who asks. Read models are rebuilt in all books.
        kind: ``REBUILD``, ``PREVIEW`` or ``UNDO``.
        names: of the read models.
        act: who asks, and why.

    Raises:
        Problem: ``already-running``; ``invalid-parameter`` for an unknown read model.
    """
    for name in names:
        if name not in BY_NAME:
            reason = f"There are no read models {name!r}."
            raise invalid(reason, "projections", name, sorted(BY_NAME))
    subject = _LAST if kind == UNDO else ", ".join(names) or _ALL
    return await jobs.ask(conn, Wanted(book, kind, subject, LANE), act)


async def follow(url: str, books: Collection[str]) -> None:
    """Do what was asked for, one after the other, until cancelled."""

    async def do(job: Job) -> str | None:
        try:
            return await run_apart(job.kind, _rebuild, url, job)
        except ProcessEndedError:
            raise FailedError(
                "Nothing was switched: the process of the rebuild was killed, perhaps because"
                " memory ran out."
            ) from None

    await jobs.follow(url, books, dict.fromkeys(_DOING, do))


async def _rebuild(url: str, job: Job) -> str | None:
    async with await connect(url) as conn:
        try:
            return await _DOING[job.kind](conn, job)
        except (RebuildError, LeaseTakenError, NoPreviousBuildError, UnfoldableStreamsError) as e:
            raise FailedError(str(e)) from None
        except Exception as error:
            if reason := explanation(error):
                raise FailedError(reason) from None
            raise


async def _switch(conn: Connection, job: Job) -> None:
    await rebuilding.rebuild(conn, _chosen(job.subject), act=job.act)


async def _undo(conn: Connection, job: Job) -> None:
    await rebuilding.undo(conn, job.act)


async def _preview(conn: Connection, job: Job) -> str:
    found = await rebuilding.preview(conn, _chosen(job.subject), book=job.book)
    return msgspec.json.encode([summary(one) for one in found]).decode()


_DOING: Mapping[Kind, Callable[[Connection, Job], Awaitable[str | None]]] = {
    "rebuild": _switch,
    "preview": _preview,
    "undo": _undo,
}


def _chosen(subject: str) -> Sequence[Projection[Any]]:
    # a later version may have asked for what this one does not have
    names = [name for name in subject.split(", ") if name in BY_NAME]
    return PROJECTIONS if subject == _ALL else [BY_NAME[name] for name in names]
