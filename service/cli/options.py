"""What the commands share: their common flags, the screen, and a way to ask the database."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from service.cli.screens import Screen
from service.cli.settings_help import flag
from service.database.connections import Connection, connect
from service.server.database import database
from service.settings import Settings, SettingsError

T = TypeVar("T")

Config = Annotated[
    Path | None,
    typer.Option(envvar="DAYBOOK_CONFIG", help="The file with the books; see the README."),
]
DataDir = Annotated[Path | None, flag("data_dir")]
BookName = Annotated[str, typer.Option(help="The book, as the configuration names it.")]
SomeBook = Annotated[
    str | None, typer.Option(help="The book; may be left out where there is only one.")
]

# a table that is piped into a file or a pager need not fit a screen
OUT = Screen(width=None if sys.stdout.isatty() else 180)
ERR = Screen(stderr=True)


def progress() -> Progress:
    """Bars for long work, on standard error."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
    )
    return Progress(*columns, TimeRemainingColumn(), console=ERR)


def the_book(settings: Settings, book: str | None) -> str:
    """The book that is meant.

    Raises:
        SettingsError: if it is not configured, or none is named and there are several.
    """
    names = list(settings.books)
    if book is None and len(names) == 1:
        return names[0]
    if book not in names:
        configured = ", ".join(names) or "none"
        raise SettingsError(f"--book: {book!r} is not configured; the books are: {configured}.")
    return book


def check_data_dir(path: Path) -> None:
    """Make the data directory where it is absent, and see that files can be made in it.

    Raises:
        SettingsError: if that cannot be done; it says why, and what to do.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = {
            FileExistsError: "it is a file",
            NotADirectoryError: "a part of its path is a file",
            PermissionError: "this account may not make files there",
            FileNotFoundError: "no directory can be made there",
        }.get(type(error), error.strerror)
        raise SettingsError(
            f"The data directory {path} cannot be used: {reason}. Choose one that this account can"
            " write to, with --data-dir or DAYBOOK_DATA_DIR."
        ) from None


def ask(settings: Settings, question: Callable[[Connection], Awaitable[T]]) -> T:
    """Ask the database something, on a connection of its own.

    Raises:
        SettingsError: if there is no database; asking does not make one.
    """

    async def asked(url: str) -> T:
        async with await connect(url) as conn:
            return await question(conn)

    if settings.database_url is None:
        if not (settings.data_dir / "postgres").exists():
            raise SettingsError(
                f"There is no database in {settings.data_dir} yet: `daybook serve` makes one."
                " Or set --data-dir, or DAYBOOK_DATABASE_URL."
            )
        check_data_dir(settings.data_dir)
    with database(settings) as url:
        return asyncio.run(asked(url))
