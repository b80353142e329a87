"""What the processes of a service count for Prometheus: one sum, whichever of them is asked.

The library keeps the counts of each process in a file of a directory that all of them know; they
survive a worker that ends, and begin anew with the service.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from service.postgres import Pool
from service.reader import Reader

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from service.store import Receipt

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@contextmanager
def shared() -> Iterator[None]:
    """Let this process, and those that it starts in the block, count together.

    To be entered before the first of them counts: the library asks once, as it is imported.
    """
    with TemporaryDirectory(prefix="daybook-meters-") as path:
        os.environ[_DIRECTORY] = path
        try:
            yield
        finally:
            del os.environ[_DIRECTORY]


class _Meters:
    def __init__(self) -> None:
        # not at the top: other commands count nothing, and the directory must be known by now
        from prometheus_client import (  # noqa: PLC0415
            CollectorRegistry,
            Counter,
            Histogram,
            multiprocess,
        )

        self.registry = registry = CollectorRegistry()
        self.webhooks = Counter(
            "daybook_webhooks",
            "Webhooks that were answered. The book is empty where there is none of that name.",
            ("book", "result", "reason"),
            registry=registry,
        )
        self.rows = Histogram(
            "daybook_append_batch_size",
            "Webhooks that were recorded in one transaction.",
            ("book",),
            buckets=_ROWS,
            registry=registry,
        )
        self.seconds = Histogram(
            "daybook_append_seconds",
            "How long a transaction took, from its first statement until it was on disk.",
            ("book",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.asked, self.waited, self.used, self.failed = (
            Counter(f"daybook_pool_{name}", text, registry=registry)
            for name, text in (
                ("requests", "Connections that were asked of the pools."),
                ("wait_seconds", "How long was waited for one, in all."),
                ("usage_seconds", "How long they were in use; of 8 in each worker."),
                ("errors", "Connections that were asked for and not to be had in time."),
            )
        )
        self.statements, self.under_way = (
            Counter(f"daybook_questions_{name}", text, registry=registry)
            for name, text in (
                (
                    "statements",
                    "Statements of quick questions, which share 5 connections a worker.",
                ),
                ("seconds", "How long they were under way, in all."),
            )
        )
        if _DIRECTORY in os.environ:
            self.registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]


@cache
def _meters() -> _Meters:
    return _Meters()


def counted() -> "CollectorRegistry":
    """All that was counted, of every process."""
    return _meters().registry


def appended(book: str, receipts: "Sequence[Receipt]", seconds: float) -> None:
    """Count a batch of webhooks that are on disk."""
    duplicates = sum(receipt.duplicate for receipt in receipts)
    meters = _meters()
    meters.webhooks.labels(book, "recorded", "").inc(len(receipts) - duplicates)
    meters.webhooks.labels(book, "duplicate", "").inc(duplicates)
    meters.rows.labels(book).observe(len(receipts))
    meters.seconds.labels(book).observe(seconds)


def refused(book: str, reason: str) -> None:
    """Count a webhook that was refused, for one of ``problems.REFUSALS``."""
    _meters().webhooks.labels(book, "refused", reason).inc()


class PoolUse:
    """Counts what a pool, and the readers beside it, tell of themselves."""

    def __init__(self, *readers: Reader) -> None:
        self._readers = readers

    async def flush(self, pool: Pool) -> None:
        """Add what was asked of them since the last time."""
        told, meters = pool.pop_stats(), _meters()
        meters.asked.inc(told.get("requests_num", 0))
        meters.waited.inc(told.get("requests_wait_ms", 0) / 1000)
        meters.used.inc(told.get("usage_ms", 0) / 1000)
        meters.failed.inc(told.get("requests_errors", 0))
        for reader in self._readers:
            use = reader.pop_use()
            meters.statements.inc(use.statements)
            meters.under_way.inc(use.seconds)
