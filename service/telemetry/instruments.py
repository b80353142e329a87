"""The counted metrics, as instruments of the Prometheus library."""

import os
from functools import partial
from multiprocessing import current_process
from pathlib import Path

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable of the directory that all processes of a service count in."""

_FILES = ("counter", "histogram", "gauge_mostrecent")
_FILE_BYTES = 1 << 20
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Instruments:
    """Every counted metric, and the registry that sums it over all processes."""

    def __init__(self) -> None:
        _reserve()
        # imported late: other commands count nothing, and the directory must be set before
        from prometheus_client import (  # noqa: PLC0415
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
            multiprocess,
            values,
        )

        if DIRECTORY in os.environ:
            values.ValueClass = values.MultiProcessValue(_identity)  # type: ignore[no-untyped-call]

        self.registry = registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        self.webhooks = counter(
            "daybook_webhooks",
            "Answered webhooks. The book is empty if no book has that name.",
            ("book", "result", "reason"),
        )
        self.batch_size = Histogram(
            "daybook_append_batch_size",
            "Webhooks recorded in one transaction.",
            ("book",),
            buckets=_ROWS,
            registry=registry,
        )
        self.append_seconds = Histogram(
            "daybook_append_duration_seconds",
            "Duration of a transaction, from its first statement until it was on disk.",
            ("book",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.request_seconds = Histogram(
            "daybook_http_request_duration_seconds",
            "Duration of a request until its last byte; of a stream until its first.",
            ("route", "method", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.requests: dict[tuple[str, str, int], Histogram] = {}
        self.pool_requests, self.pool_wait, self.pool_usage, self.pool_errors = (
            counter(f"daybook_pool_{name}", text)
            for name, text in (
                ("requests", "Requests for a connection of the pools."),
                ("wait_seconds", "Total time that requests waited for a connection."),
                ("usage_seconds", "Total time that connections were in use; 8 per worker."),
                ("errors", "Requests for a connection that timed out."),
            )
        )
        self.pipeline_statements, self.pipeline_seconds = (
            counter(f"daybook_pipeline_{name}", text)
            for name, text in (
                ("statements", "Statements of quick queries, over 4 connections per worker."),
                ("usage_seconds", "Total time between sending those statements and their results."),
            )
        )
        self.questions = counter(
            "daybook_denial_questions",
            "Customers whom the book denied and about whom the provider was asked.",
            ("book",),
        )
        self.confirmations = counter(
            "daybook_denial_answers",
            "Answers after the provider was asked: entitled, not entitled, or not confirmed.",
            ("book", "result"),
        )
        self.sign_ons_refused = counter(
            "daybook_sign_ons_refused",
            "Requests for the console whose assertion was refused.",
            ("reason",),
        )
        self.notices = counter(
            "daybook_notices_ignored", "Malformed notifications of PostgreSQL.", ("channel",)
        )
        self.task_restarts = counter(
            "daybook_task_restarts",
            "Restarts of a background task, after a failure or an outage of the database.",
            ("process", "task"),
        )
        self.task_up = Gauge(
            "daybook_task_up",
            "Whether a background task runs; 0 while it waits for its restart.",
            ("process", "task"),
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        if DIRECTORY in os.environ:
            self.registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]


def _identity() -> str:
    """The name in this process's files: not the pid, so a restarted process reuses them."""
    return current_process().name.replace(" ", "-").replace("_", "-")


def _reserve() -> None:
    """Allocate this process's files on disk in advance.

    They are mapped into memory: if the disk filled up later, a write would raise a signal that
    kills the process, instead of an error.
    """
    directory = os.environ.get(DIRECTORY)
    if directory is None or not hasattr(os, "posix_fallocate"):
        return
    for name in _FILES:
        with Path(directory, f"{name}_{_identity()}.db").open("a+b") as file:
            os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)
