"""A log cannot be flooded: a line of a kind at once, then one every ten seconds with the count."""

import io
import json
import logging
import re
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from service.telemetry import logs, sanitize
from service.telemetry import throttle as module
from service.telemetry.throttle import Throttle
from tests.builders import SECRET
from tests.documents import SERVICE

Lines = Callable[[], list[dict[str, object]]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the whole set-up writes; it is taken back at the end."""
    before, level = logging.root.handlers[:], logging.root.level
    logs.configure_logging()
    stream = io.StringIO()
    logging.root.handlers[:] = [logs.log_handler(stream)]
    yield stream
    logging.root.handlers[:] = before
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_flood_of_refusals_is_one_line_and_the_count_at_the_end(lines: Lines) -> None:
    log = structlog.get_logger("service.ours")
    for number in range(10_000):
        with bound_contextvars(request_id=str(number)):
            log.warning("webhook refused", reason="unknown-book", detail=f"No book {number}.")
    assert [line["request_id"] for line in lines()] == ["0"]
    logging.root.handlers[0].close()
    _, last = lines()
    assert last["again"] == 9_999
    assert last["detail"] == "No book 9999."
    # of many requests, and so of none
    assert "request_id" not in last


def test_the_count_is_told_though_nothing_follows_and_then_it_is_over(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.05)
    log = structlog.get_logger("service.ours")
    for _ in range(3):
        log.error("broken", state="X")
    deadline = time.monotonic() + 30
    while len(lines()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [line.get("again") for line in lines()] == [None, 2]
    handler = logging.root.handlers[0]
    assert isinstance(handler, module.ThrottledHandler)
    while handler._kinds and time.monotonic() < deadline:
        time.sleep(0.01)
    log.error("broken", state="X")
    assert [line.get("again") for line in lines()] == [None, 2, None]


def test_an_outage_is_one_line_whoever_notices_it(lines: Lines) -> None:
    log = structlog.get_logger("service.ours")
    for error in ("OperationalError", "AdminShutdown", "PoolTimeout", "InterfaceError"):
        for event in ("listener disconnected", "projector waits", "flush failed"):
            log.warning(event, error=error)
    log.warning("webhook refused", reason="unavailable", book="live")
    log.error("append failed", error="OperationalError", state=None)
    log.error("task ended", exc_info=psycopg.OperationalError("connection refused"))
    assert len(lines()) == 1
    log.error("append failed", error="DiskFull", state="53100")
    assert [line["event"] for line in lines()] == ["listener disconnected", "append failed"]


def test_what_differs_is_told_apart_and_what_is_normal_is_all_there(lines: Lines) -> None:
    log = structlog.get_logger("service.ours")
    for book in ("live", "test"):
        for _ in range(2):
            log.warning("stream parked", book=book)
            log.info("migrated", book=book)
    logging.getLogger("theirs").warning("bad request from %s", "one")
    logging.getLogger("theirs").warning("bad request from %s", "other")
    assert [(line["event"], line.get("book")) for line in lines()] == [
        ("stream parked", "live"), ("migrated", "live"), ("migrated", "live"),
        ("stream parked", "test"), ("migrated", "test"), ("migrated", "test"),
        ("bad request from one", None),
    ]  # fmt: skip


def test_defects_are_told_apart_by_their_place_and_traced_once(lines: Lines) -> None:
    log = structlog.get_logger("service.ours")
    for _ in range(5):
        for text in ("x", "9" * 5_000):
            for broken in (int, json.loads):
                try:
                    broken(text)
                except Exception:
                    log.exception("unhandled exception")
    logging.root.handlers[0].close()
    kinds = [str(line.get("exception", line.get("error"))).splitlines()[-1] for line in lines()]
    assert [kind.partition(":")[0] for kind in kinds] == [
        "ValueError", "json.decoder.JSONDecodeError", "ValueError",
        "ValueError", "JSONDecodeError", "ValueError",
    ]  # fmt: skip
    assert [line.get("again") for line in lines()] == [None] * 3 + [9, 4, 4]


def test_kinds_without_end_share_one(lines: Lines) -> None:
    log = structlog.get_logger("service.ours")
    for number in range(2_000):
        log.warning("webhook refused", book=str(number))
    assert len(lines()) == module._MAX_KINDS + 1


async def test_what_was_counted_before_is_added(lines: Lines) -> None:
    log, throttle = structlog.get_logger("service.ours"), Throttle()
    throttle.log("away", lambda **again: log.warning("away", **again))
    log.warning("away", again=7)
    log.warning("away")
    logging.root.handlers[0].close()
    assert [line.get("again") for line in lines()] == [None, 8]


@given(
    st.dictionaries(st.text(), st.text(max_size=3_000), max_size=8),
    st.sampled_from((Terminal, io.StringIO)),
)
def test_a_line_is_short_and_harmless_whatever_is_on_it(
    values: dict[str, str], kind: type[io.StringIO]
) -> None:
    stream = kind()
    message = logging.LogRecord("theirs", logging.ERROR, "", 0, "%s", ("\x1b[2J\n" * 900,), None)
    ours = logging.LogRecord("ours", logging.ERROR, "", 0, "", (), None)
    ours.msg = {"event": "\x1b]0;x\a", **values, "level": "error"}
    ours._logger, ours._name = None, "error"
    handler = logs.log_handler(stream)
    for record in (message, ours):
        handler.handle(record)
    written = stream.getvalue()
    assert written.count("\n") == 2
    for line in written.splitlines(keepends=True):
        assert len(line.encode()) <= logs.LINE_BYTES + 1
    # in a terminal the renderer's own colours, and nothing else
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;]*m", "", written)
    assert "\x1b[2J" not in written


def test_no_line_of_an_error_begins_as_one_of_the_log() -> None:
    stream = Terminal()
    error = ValueError("x\n2026-03-14 [info] all is well\r\x1b[2J")
    record = logging.LogRecord(
        "a", logging.ERROR, "", 0, "broken", (), (ValueError, error, None)
    )  # fmt: skip
    logs.log_handler(stream).handle(record)
    written = stream.getvalue()
    assert "\n  2026-03-14 [info] all is well\\r\\x1b[2J" in written
    assert "\n2026-03-14 [info]" not in written


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_no_secret_is_logged_wherever_it_stands(kind: type[io.StringIO]) -> None:
    stream = kind()
    url = "postgresql://me:hunter2@h/x"
    ours = logging.LogRecord("ours", logging.ERROR, "", 0, "", (), None)
    ours.msg = {"event": SECRET, SECRET: 1, "a": [{SECRET: (SECRET, url)}], "b": ValueError(url)}
    ours._logger, ours._name = None, "error"
    error = ValueError(f"{SECRET} {url}")
    theirs = logging.LogRecord("theirs", logging.ERROR, "", 0, "%s %s", (SECRET, url), (
        ValueError, error, None,
    ))  # fmt: skip
    for record in (ours, theirs):
        logs.log_handler(stream).handle(record)
    assert SECRET[6:] not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_the_limits_are_those_that_are_described() -> None:
    described = " ".join(SERVICE.read_text().split())
    assert f"alues are cut at {sanitize._CUT} characters" in described
    assert f"lines at {logs.LINE_BYTES // 1024} KiB" in described
    assert f"every {'ten' if module._SECONDS == 10 else '?'} seconds with how often" in described
