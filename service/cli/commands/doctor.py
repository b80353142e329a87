"""``daybook doctor``: what is wrong, and what to do about it."""

import asyncio
from contextlib import ExitStack
from typing import Annotated, Literal

import msgspec
import typer

from service.cli import exit_reports, screens
from service.cli.app import FAILED, REFUSED, app
from service.cli.options import OUT, Config, DataDir, check_data_dir, the_book
from service.provider.findings import Finding
from service.server import doctor as examining
from service.server.database import database
from service.server.doctor import Database
from service.setting_checks import https_url_fault
from service.settings import Settings, SettingsError, load

Format = Literal["table", "json"]


@app.command()
def doctor(
    *,
    book: Annotated[str | None, typer.Option(help="The book; by default all of them.")] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Where the provider should deliver the book's webhooks; by default where the"
            " endpoint delivers whose secret the book has."
        ),
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="A table for people, or JSON for programs.")
    ] = "table",
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Check the installation and each book, and say what to do about what is wrong.

    Looks at the database, its role, schema and disk; at each book's events, refusals, read models
    and parked streams; and, for a book with an API key, at the provider: the key, the clocks, the
    webhook endpoint, its types and its secret. Changes nothing. Every check has a time limit.

    Exit status: 0 all is well, 1 something is to be done, 2 nothing is known to be wrong, but a
    check could not look.
    """
    settings = load(config, data_dir=data_dir)
    if not settings.books:
        raise SettingsError("No book is configured. Run daybook connect, or see service/README.md.")
    if url is not None and (fault := https_url_fault(url)):
        raise SettingsError(f"--url: {fault}")
    if book is not None or url is not None:
        book = the_book(settings, book)
    books = settings.books if book is None else {book: settings.books[book]}
    with ExitStack() as stack:
        place = _database(settings, stack)
        found = asyncio.run(examining.examine(settings, books, place, url, explain))
    if output == "json":
        typer.echo(msgspec.json.format(msgspec.json.encode({"findings": found})))
    else:
        screens.findings(OUT, found)
    if status := exit_status(found):
        raise typer.Exit(status)


def _database(settings: Settings, stack: ExitStack) -> Database:
    try:
        if settings.database_url is None:
            if not (settings.data_dir / "postgres").exists():
                reason = f"There is no database in {settings.data_dir} yet. Run daybook serve."
                return Database(None, reason)
            check_data_dir(settings.data_dir)
        return Database(stack.enter_context(database(settings)))
    except Exception as error:  # noqa: BLE001 - the other checks are run without it
        return Database(None, explain(error))


def explain(error: Exception) -> str:
    """The sentence for an error, as every command prints it."""
    return exit_reports.report(error).text


def exit_status(found: list[Finding]) -> int:
    """0 if all is well, 1 if something is to be done, 2 if a check only could not look."""
    states = {finding.state for finding in found}
    if "problem" in states:
        return REFUSED
    return FAILED if "unknown" in states else 0
