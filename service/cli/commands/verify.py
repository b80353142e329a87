"""``daybook verify``: the chain of events, the read models, and checkpoints kept elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from projections.catalog import PROJECTIONS
from service.cli import proof_screens, screens
from service.cli.app import app
from service.cli.building import (
    Names,
    Processes,
    ask_or_exit,
    bars,
    chosen_projections,
    preview_rebuild,
)
from service.cli.exit_reports import FAILED, REFUSED
from service.cli.options import OUT, Config, DataDir, the_book
from service.database.connections import Connection
from service.ingest.signature import secret_of
from service.proof.verify import Report, verify_chain
from service.settings import Settings, load

verify = typer.Typer(
    help="Verify the chain of events and the read models. Exit status 0: all holds; 1: something is"
    " broken; 2: it could not be checked, or there are no events."
)
app.add_typer(verify, name="verify")


@verify.callback(invoke_without_command=True)
def verify_all(
    context: typer.Context,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Verify the chain, then the read models. Changes nothing.

    The parts can be asked for alone, with the commands below.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load(config, data_dir=data_dir)
    status = _verify_chain(settings, list(settings.books), processes)
    differences = preview_rebuild(settings, PROJECTIONS, processes)
    screens.differences(OUT, differences, "differ from what the events say")
    if any(difference.rows for difference in differences):
        status = REFUSED
    raise typer.Exit(status)


@verify.command("chain")
def chain(
    book: Annotated[
        str | None, typer.Option(help="The book. [default: every configured one]")
    ] = None,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Recompute every event and every link, and check every signature whose secret is held.

    The secrets are those in `secrets` and `retired_secrets` of the book. The report names the first
    broken position and what about it is broken. A book without events does not hold.
    """
    settings = load(config, data_dir=data_dir)
    names = [the_book(settings, book)] if book else list(settings.books)
    raise typer.Exit(_verify_chain(settings, names, processes))


@verify.command("read-models")
def read_models(
    projections: Names = None,
    processes: Processes = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Fold all events again and compare the result with the live read models, row by row."""
    settings, chosen = load(config, data_dir=data_dir), chosen_projections(projections)
    differences = preview_rebuild(settings, chosen, processes)
    screens.differences(OUT, differences, "differ from what the events say")
    if any(difference.rows for difference in differences):
        raise typer.Exit(REFUSED)


def held_secrets(settings: Settings) -> Mapping[str, Sequence[tuple[str, bytes]]]:
    """The secrets of each book, current, rotated and retired, as fingerprint and key."""
    return {
        name: [secret_of(s.get_secret_value()) for s in (*book.secrets, *book.retired_secrets)]
        for name, book in settings.books.items()
    }


def _verify_chain(settings: Settings, names: Sequence[str], processes: int | None) -> int:
    """Verify the chains of some books and print what they show; the exit status."""

    async def work(conn: Connection) -> list[Report]:
        with bars() as show:
            return await verify_chain(conn, names, held_secrets(settings), {}, show, processes)

    reports = ask_or_exit(settings, work)
    for report in reports:
        proof_screens.chain(OUT, report)
    if any(report.fault for report in reports):
        return REFUSED
    known = {report.book for report in reports}
    for name in names:
        if name not in known:
            OUT.print(f"book {name}: it has not been opened yet. Nothing was verified.")
    return 0 if reports and all(report.holds for report in reports) else FAILED
