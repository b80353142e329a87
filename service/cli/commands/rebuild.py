"""``daybook rebuild``: read models built again."""

from typing import Annotated

import typer

from service.cli import screens
from service.cli.app import app
from service.cli.building import (
    Names,
    Processes,
    ask_or_exit,
    bars,
    chosen_projections,
    preview_rebuild,
)
from service.cli.options import OUT, Config, DataDir, Reason, act_of
from service.readmodels import rebuild as rebuilding
from service.settings import SettingsError, load


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
    reason: Reason = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Build read models again from the events and switch to them, without downtime.

    Safe to run while `daybook serve` runs; if interrupted, nothing has changed. The previous tables
    are kept until the next rebuild: --undo brings them up to date and switches back.
    """
    settings, chosen = load(config, data_dir=data_dir), chosen_projections(projections)
    act = act_of(reason)
    if undo:
        if projections or preview:
            raise SettingsError(
                "--undo takes no projections and no --preview: it undoes the whole last rebuild."
            )
        for book, position in ask_or_exit(
            settings, lambda conn: rebuilding.undo(conn, act)
        ).items():
            OUT.print(f"{book}: restored the tables from before the last rebuild, at {position}.")
        return
    if preview:
        screens.differences(OUT, preview_rebuild(settings, chosen, processes), "change")
        return
    with bars() as show:
        positions = ask_or_exit(
            settings, lambda conn: rebuilding.rebuild(conn, chosen, show, processes, act)
        )
    names = ", ".join(projection.name for projection in chosen)
    for book, position in positions.items():
        OUT.print(f"{book}: switched at position {position} to rebuilt {names}.", soft_wrap=True)
