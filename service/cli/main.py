"""The entry point of the command line, and the handler for all errors."""

import signal
import sys
from io import TextIOWrapper

from service.cli.app import app, debugging

__all__ = ["app", "main"]


def main() -> None:
    """Run one command; print an explained error as a sentence, not as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # characters that the terminal's encoding lacks are escaped
            stream.reconfigure(errors="backslashreplace")
    # a normal exit, so that a private PostgreSQL is stopped on the way out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if any(not word.startswith("-") for word in sys.argv[1:]):
        # a command is named; options alone print and log nothing
        from service.telemetry import logs  # noqa: PLC0415

        logs.configure_logging()
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the outermost handler
        # not at the top: a command that succeeds explains nothing
        from service.cli import exit_reports  # noqa: PLC0415
        from service.cli.options import ERR  # noqa: PLC0415
        from service.telemetry.tracebacks import format_error  # noqa: PLC0415

        if debugging():
            ERR.print(format_error(error), soft_wrap=True)
        report = exit_reports.report(error)
        ERR.print(report.text, style="red", soft_wrap=True)
        raise SystemExit(report.status) from None
