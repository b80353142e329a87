"""The entry point of the command line, and the handler for all errors."""

import signal
import sys
from importlib import import_module
from io import TextIOWrapper
from pkgutil import iter_modules

from service.cli import commands, exit_reports
from service.cli.app import app
from service.cli.options import ERR
from service.telemetry import logs
from service.telemetry.tracebacks import format_error

__all__ = ["app", "main"]

for module in iter_modules(commands.__path__, f"{commands.__name__}."):
    import_module(module.name)


def main() -> None:
    """Run one command; print an explained error as a sentence, not as a traceback."""
    logs.configure_logging()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # characters that the terminal's encoding lacks are escaped
            stream.reconfigure(errors="backslashreplace")
    # a normal exit, so that a private PostgreSQL is stopped on the way out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the outermost handler
        if exit_reports.debugging():
            ERR.print(format_error(error), soft_wrap=True)
        report = exit_reports.report(error)
        ERR.print(report.text, style="red", soft_wrap=True)
        raise SystemExit(report.status) from None
