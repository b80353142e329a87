"""Comparisons that a person asked for, by the API or the console."""

from collections.abc import Mapping

from service.database.lease import LeaseTakenError
from service.problems import Problem
from service.provider.client import BACKGROUND
from service.provider.reconciliation.options import Options
from service.provider.reconciliation.run import reconcile
from service.queries.comparisons import APPLY, COMPARE, accepts_losses
from service.settings import Book
from service.store import jobs
from service.store.jobs import FailedError, Job


async def follow(url: str, books: Mapping[str, Book]) -> None:
    """Compare what was asked for, one after the other, until cancelled."""

    async def do(job: Job) -> str:
        options = Options(
            apply=job.kind == APPLY,
            accept_losses=accepts_losses(job),
            act=job.act,
            patience=BACKGROUND,
        )
        try:
            run = await reconcile(url, job.book, books[job.book], options)
        except LeaseTakenError as error:
            raise FailedError(str(error)) from None
        except Problem as problem:
            raise FailedError(problem.detail) from None
        return run.run_id

    with_key = [name for name, book in books.items() if book.provider.api_key is not None]
    await jobs.follow(url, with_key, {COMPARE: do, APPLY: do})
