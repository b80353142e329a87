"""``daybook reconcile``: compare a book with the provider, and record what differs on request."""

import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from service.cli import reconcile_screen
from service.cli.app import FAILED, REFUSED, app
from service.cli.options import (
    ERR,
    OUT,
    Config,
    DataDir,
    Reason,
    SomeBook,
    act_of,
    parse_span,
    the_book,
)
from service.database.connections import Connection, connect
from service.problems import Problem
from service.processes.tasks import run_until_cancelled
from service.provider.kinds import KINDS
from service.provider.reconciliation import keeping
from service.provider.reconciliation.options import Options
from service.provider.reconciliation.run import reconcile as compare
from service.queries import reconcile as kept
from service.queries.csv_cells import cell
from service.queries.paging import order
from service.queries.reconcile import Difference, Run
from service.server.database import database
from service.settings import Settings, SettingsError, load

_SETTLED = frozenset({"in_sync"})


class Format(StrEnum):
    """How the result is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Kind = StrEnum("Kind", {name.upper(): name for name in KINDS})  # type: ignore[misc]


@app.command()
def reconcile(  # noqa: PLR0913 - one parameter a flag
    *,
    book: SomeBook = None,
    since: Annotated[
        timedelta,
        typer.Option(
            parser=parse_span,
            metavar="SPAN",
            help="How far back resources are compared that are closed; open ones always are.",
        ),
    ] = "30d",  # type: ignore[assignment]
    kind: Annotated[
        list[Kind] | None,
        typer.Option(help="Only this kind; repeat it for several. [default: all]"),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Record what differs in the book, as observations.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes-they-lose-access",
            help="Apply even if many customers lose access, or a person was to decide.",
        ),
    ] = False,
    settle: Annotated[
        timedelta,
        typer.Option(
            parser=parse_span,
            metavar="SPAN",
            help="How long to wait before what has just changed is read again.",
        ),
    ] = "60s",  # type: ignore[assignment]
    output: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
    reason: Reason = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Compare a book with the provider: what differs, why, and who gains or loses access.

    Reads lists of the provider, and by id what differs or is open. Nothing is recorded in the book
    without --apply. A table shows the first ten differences of each kind, --format csv or json all.
    The run is kept: GET /v1/reconcile/runs. Exit status 0 if both agree, or all
    that differed was applied; 1 if something differs; 2 if they could not be compared.
    """
    settings = load(config, data_dir=data_dir)
    name = the_book(settings, book)
    options = Options(
        since=since,
        kinds=tuple(str(one) for one in kind or ()),
        apply=apply,
        accept_losses=yes,
        act=act_of(reason),
        settle=settle,
    )
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        raise SettingsError(f"There is no database in {settings.data_dir}. Run `daybook serve`.")
    with database(settings) as url:
        try:
            status = asyncio.run(
                run_until_cancelled(_reconcile(url, settings, name, options, output))
            )
        except Problem as error:
            ERR.print(f"Cannot compare: {error.detail}", style="red", soft_wrap=True)
            status = FAILED
    raise typer.Exit(status)


async def _reconcile(
    url: str, settings: Settings, name: str, options: Options, output: Format
) -> int:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=ERR, transient=True) as bar:
        task = bar.add_task("starting")

        def show(doing: str, looked_at: int) -> None:
            bar.update(task, description=f"comparing {doing}; {looked_at} compared so far")

        run = await compare(url, name, settings.books[name], options, show)
    async with await connect(url) as conn:
        await _print(conn, name, run, output)
    if run.state in {"stopped", "incomplete"}:
        return FAILED
    return 0 if run.state in _SETTLED else REFUSED


async def _print(conn: Connection, book: str, run: Run, output: Format) -> None:
    if output is Format.TABLE:
        ids = [*run.gains, *run.losses]
        names: Mapping[str, str] = await keeping.names(conn, book, ids) if ids else {}
        reconcile_screen.head(OUT, run, names)
        rows = await kept.first_of_each_kind(conn, book, run, reconcile_screen.MOST_ROWS)
        reconcile_screen.differences(OUT, run, rows)
        return
    if output is Format.CSV:
        writer = csv.writer(sys.stdout)
        writer.writerow(Difference.__struct_fields__)
        async for found in _differences(conn, book, run):
            writer.writerow(map(cell, msgspec.structs.astuple(found)))
        return
    sys.stdout.write(f'{{"run":{msgspec.json.encode(run).decode()},"differences":[')
    separator = ""
    async for found in _differences(conn, book, run):
        sys.stdout.write(f"{separator}\n{msgspec.json.encode(found).decode()}")
        separator = ","
    sys.stdout.write("]}\n")


async def _differences(conn: Connection, book: str, run: Run) -> AsyncIterator[Difference]:
    """The kept differences of a run, page by page."""
    filters = dict.fromkeys(("kind", "cause", "effect"))
    path = f"/v1/reconcile/runs/{run.run_id}/differences"
    cursor: str | None = None
    while True:
        after = order({"cursor": cursor}, ("number",), int, path)
        page = await kept.differences(conn, book, run.run_id, filters, 100, after)
        for found in page.data:
            yield found
        cursor = page.next_cursor
        if cursor is None:
            return
