"""``GET /metrics``: what Prometheus reads. Numbers, names of books, and nothing that a book says.

What the database knows is asked as it is scraped, so every worker answers the same.
"""

import platform
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from psycopg.errors import UndefinedTable

from domain.catalog import AGGREGATES
from domain.events import ATTENTION
from projections import projection
from projections.events import EVENTS
from service.database import statements
from service.database.connections import QUESTIONS, UNAVAILABLE, Connection, Pool, pool_connection
from service.database.lease import REBUILD
from service.processes import scoreboard
from service.server.health import VERSION, without_projector
from service.telemetry import metrics as meters

_WAIT_SECONDS = 2.0

_TYPES = frozenset(kind for one in AGGREGATES for kind in one.lifecycle.events)

_GAUGES = {
    "head_position": "Position of the latest event.",
    "checkpoint_position": "Position that the read models reflect.",
    "lag_events": "Events that the read models do not reflect.",
    "lag_seconds": "How long ago the oldest of them was recorded.",
    "parked_streams": "Streams that are set aside.",
    "head_ahead_of_clock_seconds": "How far the time of the latest event lies ahead of the clock.",
    "checkpoint_lost": "Whether the read models show events that the store does not have.",
    "last_event_age_seconds": "How long ago the latest event was recorded; not before the first.",
}


@get("/metrics", include_in_schema=False)
async def get_metrics(state: State) -> Response[bytes]:
    """All metrics, in the text format; while the database is away, those that do not need it."""
    standing = CollectorRegistry()
    standing.register(
        _Found([_BUILD, *_processes(), *await _asked(state.pool, state.doors.keys())])
    )
    content = meters.exposition() + generate_latest(standing)
    headers = {"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
    return Response(content, headers=headers)


class _Found(Collector):
    """Metrics that were read from the database, as the library collects them."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


async def _asked(pool: Pool, served: Collection[str]) -> list[Metric]:
    try:
        async with pool_connection(pool, QUESTIONS, _WAIT_SECONDS) as conn:
            found = await conn.execute(
                statements.text("server/gauges"), {"version": projection.VERSION}
            )
            rows = await found.fetchall()
            found = await conn.execute(
                statements.text("server/rebuild_progress"), {"lease": REBUILD}
            )
            rebuild = await found.fetchone()
            books = [row["book"] for row in rows if row["checkpoint_position"]]
            counts = await _counts(conn, "server/verdict_counts", books)
            unread = await _counts(conn, "server/unread_counts", books)
            vacant = await without_projector(conn, served)
    except (*UNAVAILABLE, UndefinedTable):
        return [_up(up=False)]
    events = (_verdicts(rows, counts), _unread(unread))
    return [
        _up(up=True),
        *_standing(rows),
        *events,
        *_rebuild(rebuild),
        _projectors(served, vacant),
    ]


async def _counts(conn: Connection, statement: str, books: list[str]) -> list[dict[str, Any]]:
    # before the first build there is nothing to count in
    if not books:
        return []
    counting = statements.fill(statement, view=statements.relation(EVENTS.view))
    found = await conn.execute(counting, {"books": books})
    return await found.fetchall()


def _processes() -> Iterable[Metric]:
    up = GaugeMetricFamily("daybook_process_up", "Whether the process runs.", labels=["process"])
    restarts = CounterMetricFamily(
        "daybook_process_restarts", "Restarts of a process that had ended.", labels=["process"]
    )
    for one in scoreboard.process_statuses():
        up.add_metric([one.name], not one.down_seconds)
        restarts.add_metric([one.name], one.restarts)
    return up, restarts


def _up(*, up: bool) -> Metric:
    said = "Whether the database answers, and has its schema."
    return GaugeMetricFamily("daybook_database_up", said, value=up)


def _standing(rows: Sequence[dict[str, Any]]) -> Iterable[Metric]:
    for name, said in _GAUGES.items():
        gauge = GaugeMetricFamily(f"daybook_{name}", said, labels=["book"])
        for row in rows:
            if row[name] is not None:
                gauge.add_metric([row["book"]], row[name])
        yield gauge


def _verdicts(rows: Sequence[dict[str, Any]], counts: Sequence[dict[str, Any]]) -> Metric:
    said = "Events that got one of the verdicts that need attention."
    gauge = GaugeMetricFamily("daybook_events", said, labels=["book", "verdict"])
    found = {(count["book"], count["verdict"]): count["count"] for count in counts}
    for row in rows:
        for verdict in sorted(ATTENTION):
            gauge.add_metric([row["book"], verdict], found.get((row["book"], verdict), 0))
    return gauge


def _unread(counts: Iterable[dict[str, Any]]) -> Metric:
    said = "Events of which a field could not be read, by type."
    gauge = GaugeMetricFamily("daybook_unread_events", said, labels=["book", "type"])
    found: Counter[tuple[str, str]] = Counter()
    for count in counts:
        # what a body says is not told here, and there may be any number of it
        found[count["book"], count["type"] if count["type"] in _TYPES else "other"] += count[
            "count"
        ]
    for labels, number in sorted(found.items()):
        gauge.add_metric(labels, number)
    return gauge


def _rebuild(rebuild: dict[str, Any] | None) -> Iterable[Metric]:
    done, total = (rebuild["done"], rebuild["total"]) if rebuild else (0, 0)
    for name, value, said in (
        ("running", rebuild is not None, "Whether a rebuild is running."),
        ("progress_ratio", done / total if total else 0.0, "How much of its present step is done."),
    ):
        yield GaugeMetricFamily(f"daybook_rebuild_{name}", said, value=value)


def _projectors(books: Iterable[str], vacant: Collection[str]) -> Metric:
    said = "Whether a projector has followed the book within the last ten seconds, on any host."
    gauge = GaugeMetricFamily("daybook_projector_up", said, labels=["book"])
    for book in sorted(books):
        gauge.add_metric([book], book not in vacant)
    return gauge


def _build() -> Metric:
    said = "The version that runs: of the package, of Python, and of the read models."
    info = GaugeMetricFamily(
        "daybook_build_info", said, labels=["version", "python", "projections"]
    )
    info.add_metric([VERSION, platform.python_version(), str(projection.VERSION)], 1)
    return info


_BUILD = _build()
