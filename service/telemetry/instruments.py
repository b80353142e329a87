"""The metrics that are counted, as the Prometheus library has them."""

import os
from functools import partial
from multiprocessing import current_process
from pathlib import Path

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the directory where the processes of a service count together."""

_FILES = ("counter", "histogram", "gauge_mostrecent")
_FILE_BYTES = 1 << 20
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Instruments:
    """Every metric that is counted, and the registry that has the sums of all processes."""

    def __init__(self) -> None:
        _reserve()
        # not at the top: other commands count nothing, and the directory must be known by now
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
            "Webhooks that were answered. The book is empty where there is none of that name.",
            ("book", "result", "reason"),
        )
        self.batch_size = Histogram(
            "daybook_append_batch_size",
            "Webhooks that were recorded in one transaction.",
            ("book",),
            buckets=_ROWS,
            registry=registry,
        )
        self.append_seconds = Histogram(
            "daybook_append_duration_seconds",
            "How long a transaction took, from its first statement until it was on disk.",
            ("book",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.request_seconds = Histogram(
            "daybook_http_request_duration_seconds",
            "How long a request took, until its last byte; a stream, until its first.",
            ("route", "method", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.requests: dict[tuple[str, str, int], Histogram] = {}
        self.pool_requests, self.pool_wait, self.pool_usage, self.pool_errors = (
            counter(f"daybook_pool_{name}", text)
            for name, text in (
                ("requests", "Connections that were requested from the pools."),
                ("wait_seconds", "How long requests waited for a connection, in all."),
                ("usage_seconds", "How long connections were in use, in all; of 8 in each worker."),
                ("errors", "Requests for a connection that timed out."),
            )
        )
        self.pipeline_statements, self.pipeline_seconds = (
            counter(f"daybook_pipeline_{name}", text)
            for name, text in (
                ("statements", "Statements of quick queries, over 4 connections in each worker."),
                ("usage_seconds", "How long those statements were under way, in all."),
            )
        )
        self.notices = counter(
            "daybook_notices_ignored", "Notices of PostgreSQL that were malformed.", ("channel",)
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
    """Whose the files are: not a pid's, so that a process that is replaced leaves none behind."""
    return current_process().name.replace(" ", "-").replace("_", "-")


def _reserve() -> None:
    """Give the files of this process their room on the disk at once.

    They are mapped into memory, where a disk that is full later would be a signal, and no error.
    """
    directory = os.environ.get(DIRECTORY)
    if directory is None or not hasattr(os, "posix_fallocate"):
        return
    for name in _FILES:
        with Path(directory, f"{name}_{_identity()}.db").open("a+b") as file:
            os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)
