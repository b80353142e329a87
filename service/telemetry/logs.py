"""Logs: readable in a terminal, JSON everywhere else.

Every line is escaped, masked, truncated and throttled here, so that callers need not: see
``sanitize`` and ``throttle``.
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

from service.telemetry.sanitize import escape, mask_secrets, sanitize_value, truncate
from service.telemetry.throttle import ThrottledHandler
from service.telemetry.tracebacks import format_error

LINE_BYTES = 8192
"""The longest line, including all of its values."""

_LIMITS = (512, 128, 32, 8)
"""Characters of a value; the next limit is tried if the line is still too long."""

_TRACEBACK = "exception"
_TRACEBACK_SHARE = 12
_ALWAYS = ("event", "level", "timestamp")

_Render = Callable[[WrappedLogger, str, EventDict], Any]


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging() -> None:
    """Send every log line, ours and those of libraries, to standard error."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[log_handler(sys.stderr)], level=logging.WARNING, force=True)
    logging.getLogger("service").setLevel(logging.INFO)
    # what it tells of lost connections, ours tell too, without an error's detail
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)


def log_handler(stream: TextIO) -> logging.Handler:
    """A handler that writes to a stream: plain lines in a terminal, else JSON."""
    throttled = ThrottledHandler(stream)
    throttled.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_traceback),
                _bounded(_renderer(terminal=stream.isatty())),
            ],
        )
    )
    return throttled


def _renderer(*, terminal: bool) -> _Render:
    if not terminal:
        return structlog.processors.JSONRenderer()
    colors = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    plain = structlog.dev.plain_traceback
    render = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)

    def indented(logger: WrappedLogger, name: str, values: EventDict) -> str:
        # indented, so that an error's text cannot forge a line of the log
        if _TRACEBACK in values:
            values[_TRACEBACK] = values[_TRACEBACK].replace("\n", "\n  ")
        return str(render(logger, name, values))

    return indented


def _bounded(render: _Render) -> _Render:
    """A renderer whose lines are safe to print and at most ``LINE_BYTES`` long."""

    def rendered(logger: WrappedLogger, name: str, values: EventDict) -> str:
        line = ""
        for limit in _LIMITS:
            line = str(render(logger, name, _sanitize(values, limit)))
            if len(line.encode("utf-8", "backslashreplace")) <= LINE_BYTES:
                return line
        essential = {key: values[key] for key in _ALWAYS if key in values}
        return str(render(logger, name, _sanitize(essential, _LIMITS[-1])))

    return rendered


def _sanitize(values: EventDict, limit: int) -> EventDict:
    safe: dict[str, Any] = sanitize_value(values, limit)
    # present even if the line has too many values
    safe |= {name: sanitize_value(values[name], limit) for name in _ALWAYS if name in values}
    if _TRACEBACK in values:
        text, longest = str(values[_TRACEBACK]), limit * _TRACEBACK_SHARE
        # the end names the error, so most of the text is kept from there
        text = escape(mask_secrets(text), "\n")
        safe[_TRACEBACK] = truncate(text, longest, tail=longest * 3 // 4)
    return safe


def _traceback(exc_info: ExcInfo) -> str:
    # without local variables, which may hold bodies, keys and passwords
    return format_error(exc_info[1]).rstrip("\n")
