"""Jobs: work that a request asks for, and a process of the service does.

A job waits in a row until a process takes it. While it runs, a lease shows that its process lives;
without it the job counts as interrupted. The last hundred of a book are kept.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Literal

import structlog
from msgspec import Struct, convert
from msgspec.structs import asdict

from service.database.connections import UNAVAILABLE, Connection, connect, is_unavailable
from service.database.lease import hold_lease
from service.database.statements import text
from service.problems import Problem
from service.store.audit import Act, Action, record_act

Kind = Literal["rebuild", "preview", "undo", "compare", "apply"]
"""What a job does. The names are stored in the database."""

State = Literal["queued", "running", "done", "failed", "interrupted"]
"""How far a job is. The names are stored in the database."""

_RECORDED: Mapping[Kind, Action] = {"preview": "preview", "compare": "compare"}
"""Jobs that change nothing are recorded when they are asked for, the others with their change."""

_KEPT = 100
_ID_BYTES = 8
_POLL_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Wanted(Struct, frozen=True):
    """A job to ask for.

    Attributes:
        book: whose job it is.
        kind: what is to be done.
        subject: with what, as the job's process understands it.
        lane: at most one job of a lane waits or runs.
    """

    book: str
    kind: Kind
    subject: str
    lane: str


class Job(Struct, frozen=True):
    """A job that was taken; ``act`` is who asked for it, and why."""

    book: str
    job_id: str
    kind: Kind
    subject: str
    act: Act


class FailedError(Exception):
    """A job could not be done, for a reason that a person understands."""


Do = Callable[[Job], Awaitable[str | None]]
"""Does a job and returns what it found, as JSON; raises ``FailedError``."""


async def ask(conn: Connection, wanted: Wanted, act: Act) -> str:
    """Ask for a job, and return its id.

    Raises:
        Problem: ``already-running``.
    """
    params = {
        **asdict(wanted), **asdict(act), "job_id": secrets.token_hex(_ID_BYTES),
    }  # fmt: skip
    async with conn.transaction():
        await conn.execute(text("store/jobs/abandon"))
        row = await (await conn.execute(text("store/jobs/ask"), params)).fetchone()
        if row is None:
            raise Problem(
                "already-running", "Another one waits or runs. Try again when it has ended."
            )
        await conn.execute(text("store/jobs/forget"), {"book": wanted.book, "kept": _KEPT})
        if (recorded := _RECORDED.get(wanted.kind)) is not None:
            await record_act(conn, wanted.book, act, recorded, wanted.subject)
    return str(row["job_id"])


async def follow(url: str, books: Collection[str], doing: Mapping[Kind, Do]) -> None:
    """Do the jobs of these kinds and books, one after the other, until cancelled."""
    wanted = {"kinds": [*doing], "books": [*books]}
    while True:
        async with await connect(url) as conn:
            while (job := await _take(conn, wanted)) is None:  # noqa: ASYNC110 - another process asks
                await asyncio.sleep(_POLL_SECONDS)
        await _do(url, job, doing[job.kind])


async def _take(conn: Connection, wanted: Mapping[str, object]) -> Job | None:
    await conn.execute(text("store/jobs/abandon"))
    row = await (await conn.execute(text("store/jobs/take"), wanted)).fetchone()
    return convert({**row, "act": convert(row, Act)}, Job) if row else None


async def _do(url: str, job: Job, do: Do) -> None:
    _log.info("job begins", book=job.book, job=job.job_id, kind=job.kind, subject=job.subject)
    state: State = "interrupted"
    outcome: str | None = None
    problem: str | None = "The service was stopped."
    try:
        async with hold_lease(url, f"job {job.job_id}"):
            outcome = await do(job)
        state, problem = "done", None
    except FailedError as error:
        state, problem = "failed", str(error)
    except Exception as error:  # noqa: BLE001 - the next job is done nevertheless
        if is_unavailable(error):
            state, problem = "failed", "The database was not available."
        else:
            _log.exception("job failed", book=job.book, job=job.job_id, kind=job.kind)
            state, problem = "failed", "This is a defect of Daybook. The log has it."
    finally:
        with suppress(*UNAVAILABLE):
            async with await connect(url) as conn:
                params = {
                    "book": job.book, "job_id": job.job_id, "state": state, "outcome": outcome,
                    "problem": problem,
                }  # fmt: skip
                await conn.execute(text("store/jobs/finish"), params)
        _log.info("job ends", book=job.book, job=job.job_id, state=state, reason=problem)
