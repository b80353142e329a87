"""What commands share that read the whole store: their options, progress bars and errors."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer

from projections.catalog import BY_NAME, PROJECTIONS
from projections.projection import Projection
from service.cli.options import ERR, ask, progress
from service.database.connections import Connection
from service.database.lease import LeaseTakenError
from service.readmodels import rebuild as rebuilding
from service.readmodels.compare import Difference
from service.readmodels.errors import RebuildError, explanation
from service.readmodels.fill import Progress
from service.settings import Settings, SettingsError

T = TypeVar("T")

Names = Annotated[
    list[str] | None,
    typer.Argument(help=f"Any of {', '.join(BY_NAME)}. [default: all]"),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, help="Processes that read the store. [default: one per processor]"),
]


def chosen_projections(names: Sequence[str] | None) -> Sequence[Projection[Any]]:
    """The projections of some names, or all.

    Raises:
        SettingsError: if there is none of a name.
    """
    if unknown := [name for name in names or () if name not in BY_NAME]:
        raise SettingsError(
            f"Unknown projection: {', '.join(unknown)}. Use any of {', '.join(BY_NAME)}."
        )
    return [BY_NAME[name] for name in names] if names else PROJECTIONS


def preview_rebuild(
    settings: Settings, chosen: Sequence[Projection[Any]], processes: int | None
) -> list[Difference]:
    """What a rebuild would change, with progress bars."""
    with bars() as show:
        return ask_or_exit(settings, lambda conn: rebuilding.preview(conn, chosen, show, processes))


def ask_or_exit(settings: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
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
def bars() -> Iterator[Progress]:
    """A callback that shows a progress bar for each pass."""
    with progress() as bars:
        tasks: defaultdict[str, Any] = defaultdict(lambda: bars.add_task("", start=True))

        def show(step: str, done: int, total: int) -> None:
            bars.update(tasks[step], description=step, completed=done, total=total)

        yield show
