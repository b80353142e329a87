"""The program ``daybook`` and its global options; commands add themselves."""

from importlib.metadata import version
from typing import Annotated

import typer

from service.cli import exit_reports
from service.cli.options import OUT

app = typer.Typer(
    name="daybook",
    help="The book of original entry for a Dodo Payments account.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - as the library calls it
    if wanted:
        OUT.print(version("dodo-daybook"))
        raise typer.Exit


@app.callback()
def options(
    *,
    show: Annotated[  # noqa: ARG001 - its callback acts
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print tracebacks of errors; same as DAYBOOK_DEBUG=1.")
    ] = False,
) -> None:
    """The book of original entry for a Dodo Payments account."""
    if debug:
        exit_reports.debug()
