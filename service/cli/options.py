"""Flags, consoles and database access that commands share."""

import asyncio
import getpass
import os
import socket
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
from service.store.audit import Act

T = TypeVar("T")

Config = Annotated[
    Path | None,
    typer.Option(envvar="DAYBOOK_CONFIG", help="The configuration file; see the README."),
]
DataDir = Annotated[Path | None, flag("data_dir")]
BookName = Annotated[str, typer.Option(help="The book, by its name in the configuration.")]
SomeBook = Annotated[str | None, typer.Option(help="The book; optional if only one is configured.")]

Keys = Annotated[
    list[str] | None,
    typer.Option("--key", help="The book's public key, as kept elsewhere; repeat for several."),
]

Reason = Annotated[
    str | None, typer.Option(help="Why you do it. It is kept with your account: GET /v1/audit.")
]

# output to a file or a pager need not fit a terminal
OUT = Screen(width=None if sys.stdout.isatty() else 180)
ERR = Screen(stderr=True)


def progress() -> Progress:
    """Progress bars on standard error."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
    )
    return Progress(*columns, TimeRemainingColumn(), console=ERR)


def the_book(settings: Settings, book: str | None) -> str:
    """The name of the book that ``--book`` selects, or of the only one.

    Raises:
        SettingsError: if it is not configured, or it is not given and there are several books.
    """
    names = list(settings.books)
    if book is None and len(names) == 1:
        return names[0]
    if book not in names:
        configured = ", ".join(names) or "none"
        if book is None:
            raise SettingsError(f"Give --book. Configured books: {configured}.")
        raise SettingsError(f"--book: {book!r} is not configured. Configured books: {configured}.")
    return book


def act_of(reason: str | None) -> Act:
    """The person who runs a command, as the operating system names the account.

    Where ``sudo`` says who became this account, that is the account.
    """
    try:
        account = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        # in a container, an account may have a number only
        account = str(os.getuid())
    return Act("account", f"{account}@{socket.gethostname()}", reason)


def check_data_dir(path: Path) -> None:
    """Create the data directory if it does not exist, and check that it is writable.

    Raises:
        SettingsError: if it is not; the text says why, and what to do.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = {
            FileExistsError: "it is a file",
            NotADirectoryError: "a part of its path is a file",
            PermissionError: "this account may not create files there",
            FileNotFoundError: "no directory can be created there",
        }.get(type(error), error.strerror)
        raise SettingsError(
            f"The data directory {path} cannot be used: {reason}. Choose a writable one with"
            " --data-dir or DAYBOOK_DATA_DIR."
        ) from None


def ask(settings: Settings, query: Callable[[Connection], Awaitable[T]]) -> T:
    """Run a query on a connection of its own and return its result.

    Raises:
        SettingsError: if there is no database; none is created.
    """

    async def connect_and_query(url: str) -> T:
        async with await connect(url) as conn:
            return await query(conn)

    if settings.database_url is None:
        if not (settings.data_dir / "postgres").exists():
            raise SettingsError(
                f"There is no database in {settings.data_dir} yet. Run `daybook serve` to create"
                " one, or set --data-dir or DAYBOOK_DATABASE_URL."
            )
        check_data_dir(settings.data_dir)
    with database(settings) as url:
        return asyncio.run(connect_and_query(url))
