"""Flags, consoles and database access that commands share."""

import asyncio
import getpass
import os
import socket
import sys
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service import spans
from service.cli.screens import Screen
from service.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from rich.progress import Progress

    from service.database.connections import Connection
    from service.settings import Settings
    from service.store.audit import Act

T = TypeVar("T")

Config = Annotated[
    Path | None,
    typer.Option(envvar="DAYBOOK_CONFIG", help="The configuration file; see the README."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="DAYBOOK_DATA_DIR",
        help="The data directory; `daybook serve --help` shows its default.",
    ),
]
BookName = Annotated[str, typer.Option(help="The book, by its name in the configuration.")]
SomeBook = Annotated[str | None, typer.Option(help="The book; optional if only one is configured.")]

Keys = Annotated[
    list[str] | None,
    typer.Option("--key", help="The book's public key, as kept elsewhere; repeat for several."),
]

Reason = Annotated[
    str | None, typer.Option(help="Why you do it. It is kept with your account: GET /v1/audit.")
]


def parse_span(text: str) -> timedelta:
    """The span of time of an option.

    Raises:
        typer.BadParameter: if the text names none.
    """
    try:
        return spans.parse_span(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}.") from None


# output to a file or a pager need not fit a terminal
OUT = Screen(width=None if sys.stdout.isatty() else 180)
ERR = Screen(stderr=True)


def progress() -> "Progress":
    """Progress bars on standard error."""
    # not at the top: few commands show any
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
    )
    return Progress(*columns, TimeRemainingColumn(), console=ERR)


def the_book(settings: "Settings", book: str | None) -> str:
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


def act_of(reason: str | None) -> "Act":
    """The person who runs a command, as the operating system names the account.

    Where ``sudo`` says who became this account, that is the account.
    """
    try:
        account = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        # in a container, an account may have a number only
        account = str(os.getuid())
    from service.store.audit import Act  # noqa: PLC0415 - as in ``ask``

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


def ask(settings: "Settings", query: "Callable[[Connection], Awaitable[T]]") -> T:
    """Run a query on a connection of its own and return its result.

    Raises:
        SettingsError: if there is no database; none is created.
    """
    # not at the top: the flags are those of commands without a database too
    from service.database.connections import connect  # noqa: PLC0415
    from service.processes.tasks import run_until_cancelled  # noqa: PLC0415

    async def connect_and_query(url: str) -> T:
        async with await connect(url) as conn:
            return await query(conn)

    with existing_database(settings) as url:
        return asyncio.run(run_until_cancelled(connect_and_query(url)))


@contextmanager
def existing_database(settings: "Settings") -> "Iterator[str]":
    """The URL of the database, for the duration of the block.

    Raises:
        SettingsError: if there is no database; none is created.
    """
    if settings.database_url is None:
        if not (settings.data_dir / "postgres").exists():
            raise SettingsError(
                f"There is no database in {settings.data_dir} yet. Run `daybook serve` to create"
                " one, or set --data-dir or DAYBOOK_DATABASE_URL."
            )
        check_data_dir(settings.data_dir)
    from service.server.database import database  # noqa: PLC0415 - as in ``ask``

    with database(settings) as url:
        yield url
