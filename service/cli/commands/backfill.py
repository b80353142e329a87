"""``daybook backfill``: a book filled with what the provider has."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from service.cli.app import app
from service.cli.options import (
    ERR,
    OUT,
    BookName,
    Config,
    DataDir,
    check_data_dir,
    parse_span,
    progress,
)
from service.cli.screens import table
from service.database.lease import LeaseTakenError
from service.problems import Problem
from service.processes.tasks import run_until_cancelled
from service.provider.backfill import CATEGORIES, Options, Outcome
from service.provider.backfill import backfill as fill
from service.provider.backfill_run import Watch
from service.provider.client import Provider
from service.provider.errors import LimitedError, ProviderError, UnreachableError
from service.provider.lists import PAGE_SIZE
from service.provider.pace import background_rate
from service.readmodels.process import build_missing
from service.server.database import database
from service.settings import Settings, SettingsError, load
from service.store.prepare import prepare_once
from service.telemetry.wording import number_of

_PARTLY = 1
_FAILED = 2
_INTERRUPTED = 130


@app.command()
def backfill(  # noqa: PLR0913 - one parameter a flag
    *,
    book: BookName,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help=f"Only this kind; repeat it for several. Any of {', '.join(CATEGORIES)}.",
        ),
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", hidden=True)] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE|SPAN",
            help="Only what was created since: 2026-03-14, 2026-03-14T10:00:00Z, or 30d.",
        ),
    ] = None,
    lists_only: Annotated[
        bool,
        typer.Option(
            "--lists-only",
            help="Leave out the requests by id: access answers are right, and fields are missing.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Read the lists and say what is new; record nothing."),
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Fill a book with what the provider has: the webhooks that it never received.

    First reads the provider's lists, 100 rows a request; then each resource by id, for the fields
    that lists leave out, those that are asked about most first. Records only what the book does not
    know, so it can be repeated at any time, and while `daybook serve` runs. Interrupted, it goes on
    where it was when you run it again.

    Exit status 1 if something could not be read; it is named. 2 if the provider or the database
    could not be used, or the key is one of another business.
    """
    settings = load(config, data_dir=data_dir)
    if book not in settings.books:
        names = ", ".join(settings.books) or "none"
        raise SettingsError(f"--book: {book!r} is not configured. Configured books: {names}.")
    kinds = [*(kind or ()), *(only or ())]
    _check_kinds(kinds)
    options = Options(kinds, _moment(since), since or "", lists_only=lists_only, dry_run=dry_run)
    if settings.database_url is None:
        check_data_dir(settings.data_dir)
    try:
        with database(settings) as url:
            outcome = asyncio.run(run_until_cancelled(_backfill(url, settings, book, options)))
    except KeyboardInterrupt:
        ERR.print(_resume(options), soft_wrap=True)
        raise typer.Exit(_INTERRUPTED) from None
    except (ProviderError, LeaseTakenError, Problem) as error:
        text = error.detail if isinstance(error, Problem) else str(error)
        ERR.print(text, style="red", soft_wrap=True)
        if isinstance(error, UnreachableError | LimitedError):
            ERR.print(_resume(options), soft_wrap=True)
        raise typer.Exit(_FAILED) from None
    _report(book, outcome, options)
    if outcome.unread_count:
        raise typer.Exit(_PARTLY)


async def _backfill(url: str, settings: Settings, name: str, options: Options) -> Outcome:
    book = settings.books[name]
    async with Provider(name, book) as provider:
        await prepare_once(url, settings.books)
        await build_missing(url)
        rate = background_rate(book.provider.requests_per_minute)
        with _bars(rate) as watch:
            watch.say(
                f"Reading {provider.url} at up to {rate} requests a minute: {rate * PAGE_SIZE:,}"
                f" rows of lists, or {rate} resources by id. The provider does not say how many"
                " there are."
            )
            return await fill(url, provider, name, book.business_id, options, watch)


@contextmanager
def _bars(rate: int) -> Iterator[Watch]:
    """A bar for each step, and lines above them."""
    with progress() as bars:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=None)
            bars.update(tasks[step], completed=done, total=total)

        def say(text: str) -> None:
            ERR.print(text, soft_wrap=True)

        def expect(count: int) -> None:
            hours, minutes = divmod(math.ceil(count / rate), 60)
            duration = f"{hours} h {minutes} min" if hours else f"{minutes} min"
            say(
                "All lists are read, so access is known. What lists leave out is read by id: up to"
                f" {number_of(count, 'resource')}, which takes about {duration}."
            )

        yield Watch(show, say, expect)


def _check_kinds(kinds: list[str]) -> None:
    if unknown := [kind for kind in kinds if kind not in CATEGORIES]:
        raise SettingsError(
            f"--kind: unknown kind {', '.join(unknown)}. Use any of {', '.join(CATEGORIES)}."
        )


def _moment(since: str | None) -> datetime | None:
    """The moment that ``--since`` names."""
    if since is None:
        return None
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        pass
    else:
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return datetime.now(UTC) - parse_span(since)
    except typer.BadParameter:
        raise SettingsError(
            f"--since: {since!r} is neither a date (2026-03-14), a time (2026-03-14T10:00:00Z) nor"
            " a span of time (30d)."
        ) from None


def _resume(options: Options) -> str:
    if options.dry_run:
        return "Interrupted. Nothing was recorded."
    return "Interrupted. Run the same command again to go on where it was."


def _report(book: str, outcome: Outcome, options: Options) -> None:
    rows = table("kind", "rows", "new", "changed", "unchanged", "read by id", "requests")
    for kind, counts in outcome.counts.items():
        figures = (
            counts.rows, counts.new, counts.changed, counts.unchanged, counts.read, counts.requests,
        )  # fmt: skip
        rows.add_row(kind, *(f"{figure:,}" for figure in figures))
    OUT.print(rows)
    if options.dry_run:
        news = sum(counts.new + counts.changed for counts in outcome.counts.values())
        OUT.print(f"Nothing was recorded. Of these rows, {news:,} would be.")
    elif outcome.unread_count:
        OUT.print(
            f"Book {book} is not complete: what could not be read is named below. Run the same"
            f" command to read it again. It took {number_of(outcome.requests, 'request')}.",
            soft_wrap=True,
        )
    else:
        OUT.print(f"Book {book} is filled, with {number_of(outcome.requests, 'request')}.")
    in_flight = sum(counts.in_flight for counts in outcome.counts.values())
    if in_flight:
        again = "would be read" if options.dry_run else "read"
        rows_changed = number_of(in_flight, "row")
        OUT.print(f"Changed within the last minute, and {again} again: {rows_changed}.")
    for line in outcome.unread:
        ERR.print(f"Not read: {line}", style="red", soft_wrap=True)
    if (more := outcome.unread_count - len(outcome.unread)) > 0:
        ERR.print(f"Not read: {more:,} more.", style="red")
    if outcome.projected < outcome.head:
        OUT.print(
            f"The read models show {outcome.projected:,} of {outcome.head:,} events."
            + (
                " The running service brings them up to date."
                if outcome.served
                else " `daybook serve` brings them up to date."
            ),
            soft_wrap=True,
        )
