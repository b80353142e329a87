"""``daybook rebuild``, ``verify`` and ``parked``: the read models, made again and looked after."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer

from projections.catalog import BY_NAME, PROJECTIONS
from projections.projection import Projection
from service.cli import screens
from service.cli.options import ERR, OUT, Config, DataDir, SomeBook, ask, progress, the_book
from service.database.connections import Connection
from service.database.lease import LeaseTakenError
from service.queries import resources
from service.readmodels import rebuild as rebuilding
from service.readmodels.compare import Difference
from service.readmodels.errors import RebuildError, explanation
from service.readmodels.fill import Progress
from service.readmodels.projector import retry
from service.settings import Settings, SettingsError, load

T = TypeVar("T")

Names = Annotated[
    list[str] | None,
    typer.Argument(help=f"Any of {', '.join(BY_NAME)}; all, where none is named."),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, help="How many decode and fold. [default: one a processor]"),
]

parked = typer.Typer(help="Streams that were set aside by a failure.", no_args_is_help=True)


def rebuild(  # noqa: PLR0913 - one parameter a flag
    projections: Names = None,
    *,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show which rows would change, and switch nothing.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to the tables before the last rebuild.")
    ] = False,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Build read models again from the events, and switch to them. Readers notice nothing.

    May run beside `daybook serve`. Interrupted at any point, it leaves everything as it was. The
    tables before it are kept until the next one: --undo brings them up to date and back.
    """
    settings, chosen = load(config, data_dir=data_dir), _chosen(projections)
    if undo:
        if projections or preview:
            raise SettingsError("--undo goes alone: it takes back the last rebuild as it was.")
        for book, position in _done(settings, rebuilding.undo).items():
            OUT.print(f"{book}: the tables before the last rebuild are back, at {position}.")
        return
    if preview:
        screens.differences(OUT, _previewed(settings, chosen, processes), "change")
        return
    with _bars() as told:
        positions = _done(settings, lambda c: rebuilding.rebuild(c, chosen, told, processes))
    names = ", ".join(p.name for p in chosen)
    for book, position in positions.items():
        OUT.print(f"{book}: {names} rebuilt and switched at position {position}.", soft_wrap=True)


def verify(
    projections: Names = None,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Fold everything again and compare it with the live read models, row by row.

    Exit status 1 if anything differs, 2 if that could not be found out; nothing is changed.
    """
    settings, chosen = load(config, data_dir=data_dir), _chosen(projections)
    found = _previewed(settings, chosen, processes)
    screens.differences(OUT, found, "differ from what the events say")
    if any(one.rows for one in found):
        raise typer.Exit(1)


@parked.command("list")
def list_parked(book: SomeBook = None, config: Config = None, data_dir: DataDir = None) -> None:
    """The streams that are set aside, each with the last line of its error."""
    rows = ask(load(config, data_dir=data_dir), lambda c: resources.parked(c, book))
    screens.parked(OUT, rows)


@parked.command("show")
def show_parked(
    stream: str, book: SomeBook = None, config: Config = None, data_dir: DataDir = None
) -> None:
    """Why a stream is set aside: the error with its traceback. Exit 1 if it is not."""
    settings = load(config, data_dir=data_dir)
    chosen = the_book(settings, book)
    rows = ask(settings, lambda c: resources.parked(c, chosen))
    for row in rows:
        if row["stream"] == stream:
            where = f"{stream} at position {row['position']}, since {row['parked_at']:%c}"
            OUT.print(f"{where}\n{row['error']}", soft_wrap=True)
            return
    ERR.print(f"{stream} is not set aside.")
    raise typer.Exit(1)


@parked.command("retry")
def retry_parked(
    streams: Annotated[
        list[str] | None, typer.Argument(help="Which; all that are set aside, where none is named.")
    ] = None,
    book: SomeBook = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Fold streams again that were set aside, after the cause is mended. Exit 1 if one fails again.

    What succeeds is up to date at once, in the live read models.
    """
    settings = load(config, data_dir=data_dir)
    chosen = the_book(settings, book)

    async def tried(conn: Connection) -> dict[str, str | None]:
        named = streams or [row["stream"] for row in await resources.parked(conn, chosen)]
        return {stream: await retry(conn, chosen, stream) for stream in named}

    failed = 0
    for stream, error in ask(settings, tried).items():
        said = "is up to date" if error is None else f"failed again: {error.splitlines()[-1]}"
        failed += error is not None
        OUT.print(f"{stream} {said}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def _chosen(names: Sequence[str] | None) -> Sequence[Projection[Any]]:
    if unknown := [name for name in names or () if name not in BY_NAME]:
        raise SettingsError(
            f"No projection is called {', '.join(unknown)}; there are {', '.join(BY_NAME)}."
        )
    return [BY_NAME[name] for name in names] if names else PROJECTIONS


def _previewed(
    settings: Settings, chosen: Sequence[Projection[Any]], processes: int | None
) -> list[Difference]:
    with _bars() as told:
        return _done(settings, lambda c: rebuilding.preview(c, chosen, told, processes))


def _done(settings: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
    """What comes of work on the database, which can be too much for it: exit 2, and a sentence."""

    async def explained(conn: Connection) -> T:
        try:
            return await work(conn)
        except Exception as error:
            if said := explanation(error):
                raise RebuildError(said) from error
            raise

    try:
        return ask(settings, explained)
    except (RebuildError, LeaseTakenError) as error:
        ERR.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


@contextmanager
def _bars() -> Iterator[Progress]:
    """A progress bar for each pass."""
    with progress() as shown:
        tasks: defaultdict[str, Any] = defaultdict(lambda: shown.add_task("", start=True))

        def told(doing: str, done: int, total: int) -> None:
            shown.update(tasks[doing], description=doing, completed=done, total=total)

        yield told
