"""Logs: readable in a terminal, JSON everywhere else."""

import logging
import sys
from typing import TextIO

import structlog

from service.failures import described


def set_up() -> None:
    """Send every log line, our own and the libraries', to standard error."""
    terminal = sys.stderr.isatty()
    render = _readable() if terminal else structlog.processors.JSONRenderer()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    last = [structlog.processors.ExceptionRenderer(_traceback)] if not terminal else []
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *last,
                render,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("service").setLevel(logging.INFO)


def _readable() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(exception_formatter=_write_traceback)


def _traceback(exc_info: structlog.typing.ExcInfo) -> str:
    # without the values of local variables: those may be bodies, keys and passwords
    return described(exc_info[1]).rstrip("\n")


def _write_traceback(out: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    out.write(f"\n{_traceback(exc_info)}")
