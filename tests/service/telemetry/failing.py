"""A program that fails in many ways over a database, and logs each: ``failing URL PRIVATE``."""

import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import structlog

from service.telemetry import logs

Failing = Callable[[], Any]


def as_it_is(fail: Failing) -> None:
    fail()


def as_the_cause(fail: Failing) -> None:
    try:
        fail()
    except psycopg.Error as error:
        raise ValueError("another") from error


def by_the_way(fail: Failing) -> None:
    try:
        fail()
    finally:
        raise ValueError("another")


def among_others(fail: Failing) -> None:
    try:
        as_the_cause(fail)
    except ValueError as error:
        raise ExceptionGroup("several", [KeyError("other"), error]) from None


def main(url: str, private: str) -> None:
    logs.configure_logging()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create temp table person (email text unique)")
        for statement in ("insert into person values (%s), (%s)", "select %s::int, %s"):
            for way in (as_it_is, as_the_cause, by_the_way, among_others):
                for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
                    try:
                        way(partial(conn.execute, statement, (private, private)))
                    except Exception:
                        log.exception("failed %s", way.__name__)


if __name__ == "__main__":
    main(*sys.argv[1:])
