"""``daybook rebuild`` and ``daybook verify``: read models built again."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer

from projections.catalog import BY_NAME, PROJECTIONS
from projections.projection import Projection
from service.cli import screens
from service.cli.app import app
from service.cli.options import ERR, OUT, Config, DataDir, ask, progress
from service.database.connections import Connection
from service.database.lease import LeaseTakenError
from service.readmodels import rebuild as rebuilding
from service.readmodels.compare import Difference
from service.readmodels.errors import RebuildError, explanation
from service.readmodels.fill import Progress
from service.settings import Settings, SettingsError, load

T = TypeVar("T")

Names = Annotated[
    list[str] | None,
    typer.Argument(help=f"Any of {', '.join(BY_NAME)}. [default: all]"),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, help="Processes that decode and fold. [default: one per processor]"),
]


@app.command()
def rebuild(  # noqa: PLR0913 - one parameter a flag
    projections: Names = None,
    *,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show which rows would change; change nothing.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Restore the tables from before the last rebuild.")
    ] = False,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Build read models again from the events and switch to them, without downtime.

    Safe to run while `daybook serve` runs; if interrupted, nothing has changed. The previous tables
    are kept until the next rebuild: --undo brings them up to date and switches back.
    """
    settings, chosen = load(config, data_dir=data_dir), _projections(projections)
    if undo:
        if projections or preview:
            raise SettingsError(
                "--undo takes no projections and no --preview: it undoes the whole last rebuild."
            )
        for book, position in _run(settings, rebuilding.undo).items():
            OUT.print(f"{book}: restored the tables from before the last rebuild, at {position}.")
        return
    if preview:
        screens.differences(OUT, _preview(settings, chosen, processes), "change")
        return
    with _bars() as show:
        positions = _run(settings, lambda conn: rebuilding.rebuild(conn, chosen, show, processes))
    names = ", ".join(projection.name for projection in chosen)
    for book, position in positions.items():
        OUT.print(f"{book}: switched at position {position} to rebuilt {names}.", soft_wrap=True)


@app.command()
def verify(
    projections: Names = None,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Fold all events again and compare the result with the live read models, row by row.

    Changes nothing. Exit status 1 if a row differs, 2 if the comparison failed.
    """
    settings, chosen = load(config, data_dir=data_dir), _projections(projections)
    differences = _preview(settings, chosen, processes)
    screens.differences(OUT, differences, "differ from what the events say")
    if any(difference.rows for difference in differences):
        raise typer.Exit(1)


def _projections(names: Sequence[str] | None) -> Sequence[Projection[Any]]:
    if unknown := [name for name in names or () if name not in BY_NAME]:
        raise SettingsError(
            f"Unknown projection: {', '.join(unknown)}. Use any of {', '.join(BY_NAME)}."
        )
    return [BY_NAME[name] for name in names] if names else PROJECTIONS


def _preview(
    settings: Settings, chosen: Sequence[Projection[Any]], processes: int | None
) -> list[Difference]:
    with _bars() as show:
        return _run(settings, lambda conn: rebuilding.preview(conn, chosen, show, processes))


def _run(settings: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do heavy work on the database; if that fails, print why and exit with status 2."""

    async def explained(conn: Connection) -> T:
        try:
            return await work(conn)
        except Exception as error:
            if message := explanation(error):
                raise RebuildError(message) from error
            raise

    try:
        return ask(settings, explained)
    except (RebuildError, LeaseTakenError) as error:
        ERR.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


@contextmanager
def _bars() -> Iterator[Progress]:
    """A callback that shows a progress bar for each pass."""
    with progress() as bars:
        tasks: defaultdict[str, Any] = defaultdict(lambda: bars.add_task("", start=True))

        def show(step: str, done: int, total: int) -> None:
            bars.update(tasks[step], description=step, completed=done, total=total)

        yield show
