"""``GET /metrics`` for Prometheus.

It exposes numbers and the names of books, and nothing that a book contains. Database figures are
queried at each scrape, so every worker answers the same.
"""

import asyncio
import platform
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from psycopg.errors import UndefinedTable

from domain.catalog import AGGREGATES
from domain.dispute import AWAITING
from domain.events import ATTENTION
from projections import projection
from projections.disputes import DISPUTES
from projections.events import EVENTS
from service.database import statements
from service.database.connections import QUESTIONS, UNAVAILABLE, Connection, Pool, pool_connection
from service.database.lease import REBUILD
from service.http.services import services
from service.processes import scoreboard
from service.queries import reconcile
from service.queries.replica import Replica
from service.server.disks import disks
from service.server.health import VERSION, without_projector
from service.settings import Book
from service.store.events import books as store_books
from service.telemetry import metrics as meters

_WAIT_SECONDS = 2.0

_DUE = ("overdue", "two_days", "later")

_TYPES = frozenset(kind for aggregate in AGGREGATES for kind in aggregate.lifecycle.events)

_GAUGES = {
    "head_position": "Position of the latest event.",
    "checkpoint_position": "Position that the read models reflect.",
    "lag_events": "Events that the read models do not reflect.",
    "lag_seconds": "Seconds since the oldest of them was recorded; 0 without lag.",
    "parked_streams": "Streams that are parked.",
    "head_ahead_of_clock_seconds": "How far the latest event's time is ahead of the clock.",
    "checkpoint_lost": "Whether the read models show events that the store does not have.",
    "last_event_age_seconds": "Seconds since the latest event was recorded; absent without events.",
}

_REPLICA = {"replica_position": "Position that the replica's read models reflect."}

_SIGNED = {
    "signed_position": "Position up to which a checkpoint is signed.",
    "signing_failing": "Whether no checkpoint can be signed.",
}
_ANCHORED = {
    "anchored_position": "Position up to which the anchor has a checkpoint.",
    "anchor_failing": "Whether the anchor fails.",
}


@get("/metrics", include_in_schema=False)
async def get_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """All metrics in the text format; without a database, those that do not need one."""
    own = services(request)
    registry = CollectorRegistry()
    space = await asyncio.to_thread(disks, own.directories)
    scraped = await _scrape(own.pool, own.books)
    registry.register(_Scraped([_BUILD, *_processes(), *space, *_replica(own.replica), *scraped]))
    content = meters.exposition() + generate_latest(registry)
    headers = {"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
    return Response(content, headers=headers)


class _Scraped(Collector):
    """Metrics of one scrape, in the form that the library collects."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


async def _scrape(pool: Pool, served: Mapping[str, Book]) -> list[Metric]:
    try:
        async with pool_connection(pool, QUESTIONS, _WAIT_SECONDS) as conn:
            heads = list(await store_books(conn))
            rows = await _of_each(conn, "server/gauges", heads)
            cursor = await conn.execute(
                statements.text("server/rebuild_progress"), {"lease": REBUILD}
            )
            rebuild = await cursor.fetchone()
            books = [row["book"] for row in rows if row["checkpoint_position"]]
            counts = await _counts(conn, "server/verdict_counts", books)
            unread = await _counts(conn, "server/unread_counts", books)
            awaiting = await _awaiting(
                conn, {name: served[name] for name in books if name in served}
            )
            vacant = await without_projector(conn, served)
            compared = await reconcile.last_runs(conn, served)
            signed = await _of_each(conn, "server/signed", heads)
            anchored = await _of_each(conn, "server/anchored", heads)
    except (*UNAVAILABLE, UndefinedTable):
        return [_up(up=False)]
    events = (_verdicts(rows, counts), _unread(unread))
    return [
        _up(up=True),
        *_gauges(rows),
        *_labelled(_SIGNED, signed, ["book"]),
        *_labelled(_ANCHORED, anchored, ["book", "anchor"]),
        *events,
        *_rebuild(rebuild),
        *_compared(compared),
        awaiting,
        _projectors(served, vacant),
    ]


async def _of_each(conn: Connection, statement: str, books: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of each book in turn: so every statement is one of a single shard, under Citus."""
    rows: list[dict[str, Any]] = []
    for book in books:
        params = {"book": book, "version": projection.VERSION}
        rows += await (await conn.execute(statements.text(statement), params)).fetchall()
    return rows


async def _counts(conn: Connection, statement: str, books: list[str]) -> list[dict[str, Any]]:
    # before the first build there is no index of events
    if not books:
        return []
    counting = statements.fill(statement, view=statements.relation(EVENTS.view))
    cursor = await conn.execute(counting, {"books": books})
    return await cursor.fetchall()


async def _awaiting(conn: Connection, books: Mapping[str, Book]) -> Metric:
    text = "Disputes that await a response, by how soon it is due."
    gauge = GaugeMetricFamily("daybook_disputes_awaiting_response", text, labels=["book", "due"])
    counting = statements.fill(
        "server/disputes_awaiting", disputes=statements.relation(DISPUTES.view)
    )
    for name, book in books.items():
        params = {"book": name, "days": book.dispute_response_days, "status": AWAITING}
        rows = await (await conn.execute(counting, params)).fetchall()
        numbers = {row["due"]: row["count"] for row in rows}
        for due in _DUE:
            gauge.add_metric([name, due], numbers.get(due, 0))
    return gauge


def _replica(replica: Replica | None) -> Iterable[Metric]:
    """Whether the replica answers, as this worker last found; nothing without a replica."""
    if replica is None:
        return ()
    up = GaugeMetricFamily("daybook_replica_up", "Whether the replica is asked.", value=replica.up)
    rows = [{"book": name, "replica_position": at} for name, at in replica.positions.items()]
    return up, *_labelled(_REPLICA, rows, ["book"])


def _processes() -> Iterable[Metric]:
    up = GaugeMetricFamily("daybook_process_up", "Whether the process runs.", labels=["process"])
    restarts = CounterMetricFamily(
        "daybook_process_restarts", "Restarts of the process after it exited.", labels=["process"]
    )
    for process in scoreboard.process_statuses():
        up.add_metric([process.name], not process.down_seconds)
        restarts.add_metric([process.name], process.restarts)
    return up, restarts


def _up(*, up: bool) -> Metric:
    text = "Whether the database answers and has its schema."
    return GaugeMetricFamily("daybook_database_up", text, value=up)


def _gauges(rows: Sequence[dict[str, Any]]) -> Iterable[Metric]:
    return _labelled(_GAUGES, rows, ["book"])


def _labelled(
    gauges: Mapping[str, str], rows: Sequence[dict[str, Any]], labels: list[str]
) -> Iterable[Metric]:
    for name, text in gauges.items():
        gauge = GaugeMetricFamily(f"daybook_{name}", text, labels=labels)
        for row in rows:
            if row[name] is not None:
                gauge.add_metric([row[label] for label in labels], row[name])
        yield gauge


def _verdicts(rows: Sequence[dict[str, Any]], counts: Sequence[dict[str, Any]]) -> Metric:
    text = "Events whose verdict needs attention."
    gauge = GaugeMetricFamily("daybook_events", text, labels=["book", "verdict"])
    numbers = {(count["book"], count["verdict"]): count["count"] for count in counts}
    for row in rows:
        for verdict in sorted(ATTENTION):
            gauge.add_metric([row["book"], verdict], numbers.get((row["book"], verdict), 0))
    return gauge


def _unread(counts: Iterable[dict[str, Any]]) -> Metric:
    text = "Events with a field that could not be read, by type."
    gauge = GaugeMetricFamily("daybook_unread_events", text, labels=["book", "type"])
    numbers: Counter[tuple[str, str]] = Counter()
    for count in counts:
        # an unknown type is text of a body: it is not exposed, and would make labels without end
        kind = count["type"] if count["type"] in _TYPES else "other"
        numbers[count["book"], kind] += count["count"]
    for labels, number in sorted(numbers.items()):
        gauge.add_metric(labels, number)
    return gauge


def _rebuild(rebuild: dict[str, Any] | None) -> Iterable[Metric]:
    done, total = (rebuild["done"], rebuild["total"]) if rebuild else (0, 0)
    for name, value, text in (
        ("running", rebuild is not None, "Whether a rebuild is running."),
        (
            "progress_ratio",
            done / total if total else 0.0,
            "Share of the current step that is done.",
        ),
    ):
        yield GaugeMetricFamily(f"daybook_rebuild_{name}", text, value=value)


def _compared(
    compared: Iterable[tuple[str, reconcile.Run, datetime | None]],
) -> Iterable[Metric]:
    text = "Resources that differ between the book and the provider, by the last comparison."
    drift = GaugeMetricFamily("daybook_drift", text, labels=["book", "kind", "cause"])
    text = "Seconds since a comparison with the provider was complete; absent before the first."
    age = GaugeMetricFamily("daybook_reconcile_age_seconds", text, labels=["book"])
    for book, run, succeeded_at in compared:
        for found in run.drift:
            drift.add_metric([book, found.kind, found.cause], found.count)
        if succeeded_at is not None:
            seconds = (datetime.now(UTC) - succeeded_at).total_seconds()
            age.add_metric([book], max(0.0, seconds))
    return drift, age


def _projectors(books: Iterable[str], vacant: Collection[str]) -> Metric:
    text = "Whether a projector, on any host, followed the book in the last ten seconds."
    gauge = GaugeMetricFamily("daybook_projector_up", text, labels=["book"])
    for book in sorted(books):
        gauge.add_metric([book], book not in vacant)
    return gauge


def _build() -> Metric:
    text = "Versions of the package, of Python and of the read models."
    info = GaugeMetricFamily(
        "daybook_build_info", text, labels=["version", "python", "projections"]
    )
    info.add_metric([VERSION, platform.python_version(), str(projection.VERSION)], 1)
    return info


_BUILD = _build()
