"""The program ``daybook``: its global options, and its commands, each loaded when it is named."""

import os
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from service.cli import commands

if TYPE_CHECKING:
    from typer._click import Command, Context

REFUSED = 1
"""Exit status of a negative result: a webhook was refused, a resource is absent, or rows differ."""

FAILED = 2
"""Exit status of a failure: the arguments, the configuration or the environment are wrong."""

DEFECT = 70
"""Exit status of a defect of Daybook; ``EX_SOFTWARE`` of ``sysexits.h``."""

DEBUG = "DAYBOOK_DEBUG"

_MODULES = tuple(module.name for module in iter_modules(commands.__path__))


def debugging() -> bool:
    """Whether tracebacks are printed: with ``--debug`` or ``DAYBOOK_DEBUG``."""
    return os.environ.get(DEBUG, "0") not in {"", "0"}


class Commands(TyperGroup):
    """The commands: ``x`` is in the modules ``x`` and ``x_…``, imported only if it is named."""

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002 - the library's
        """The names of all commands."""
        _load(_MODULES)
        self._build()
        return sorted(self.commands)

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """The command of a name; for any other name, all are loaded, to suggest one."""
        own = [name for name in _MODULES if f"{name}_".startswith(f"{cmd_name}_")]
        _load(own or _MODULES)
        self._build()
        return super().get_command(ctx, cmd_name)

    def _build(self) -> None:
        self.commands.update(typer.main.get_group(app).commands)


def _load(modules: Sequence[str]) -> None:
    for name in modules:
        import_module(f"{commands.__name__}.{name}")


app = typer.Typer(
    name="daybook",
    cls=Commands,
    help="The book of original entry for a Dodo Payments account.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - as the library calls it
    if wanted:
        # not at the top, like all that one option alone needs
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(version("dodo-daybook"))
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
        # child processes print them too
        os.environ[DEBUG] = "1"
