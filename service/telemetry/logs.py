"""Logs: readable in a terminal, JSON everywhere else.

Whatever is logged is escaped, masked, cut and throttled here, so that no call has to: see
``sanitize`` and ``throttle``.
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

from service.telemetry.sanitize import clean_value, cut, escaped, masked
from service.telemetry.throttle import ThrottledHandler
from service.telemetry.tracebacks import described

LINE_BYTES = 8192
"""The longest line, with everything that is on it."""

_LIMITS = (512, 128, 32, 8)
"""Characters of a value: a shorter one is tried where the line is still too long."""

_TRACEBACK = "exception"
_TRACEBACK_SHARE = 12
_ALWAYS = ("event", "level", "timestamp")

_Render = Callable[[WrappedLogger, str, EventDict], Any]


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def set_up() -> None:
    """Send every log line, our own and the libraries', to standard error."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[handler(sys.stderr)], level=logging.WARNING, force=True)
    logging.getLogger("service").setLevel(logging.INFO)
    # what it tells of lost connections, ours tell too, without an error's detail
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)


def handler(stream: TextIO) -> logging.Handler:
    """What writes log lines to a stream: for people where it is a terminal."""
    made = ThrottledHandler(stream)
    made.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_traceback),
                _bounded(_renderer(terminal=stream.isatty())),
            ],
        )
    )
    return made


def _renderer(*, terminal: bool) -> _Render:
    if not terminal:
        return structlog.processors.JSONRenderer()
    colors = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    plain = structlog.dev.plain_traceback
    render = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)

    def indented(logger: WrappedLogger, name: str, values: EventDict) -> str:
        # so that no line of an error's text can pass for one of the log
        if _TRACEBACK in values:
            values[_TRACEBACK] = values[_TRACEBACK].replace("\n", "\n  ")
        return str(render(logger, name, values))

    return indented


def _bounded(render: _Render) -> _Render:
    """A renderer of lines that are safe to show, and no longer than ``LINE_BYTES``."""

    def rendered(logger: WrappedLogger, name: str, values: EventDict) -> str:
        line = ""
        for limit in _LIMITS:
            line = str(render(logger, name, _cleaned(values, limit)))
            if len(line.encode("utf-8", "backslashreplace")) <= LINE_BYTES:
                return line
        kept = {key: values[key] for key in _ALWAYS if key in values}
        return str(render(logger, name, _cleaned(kept, _LIMITS[-1])))

    return rendered


def _cleaned(values: EventDict, limit: int) -> EventDict:
    cleaned: dict[str, Any] = clean_value(values, limit)
    # a line of very many values still has these
    cleaned |= {name: clean_value(values[name], limit) for name in _ALWAYS if name in values}
    if _TRACEBACK in values:
        text, most = str(values[_TRACEBACK]), limit * _TRACEBACK_SHARE
        # its end says what happened, so most of what is kept is from there
        cleaned[_TRACEBACK] = cut(escaped(masked(text), "\n"), most, tail=most * 3 // 4)
    return cleaned


def _traceback(exc_info: ExcInfo) -> str:
    # without the values of local variables: those may be bodies, keys and passwords
    return described(exc_info[1]).rstrip("\n")
