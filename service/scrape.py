"""``GET /metrics``: what Prometheus reads. Numbers, names of books, and nothing that a book says.

What the database knows is asked as it is scraped, so every worker answers the same.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from psycopg.errors import UndefinedTable

from domain.catalog import AGGREGATES
from domain.events import ATTENTION
from projections.events import EVENTS
from projections.projection import VERSION
from service import meters, sql
from service.lease import REBUILD
from service.postgres import QUESTIONS, UNAVAILABLE, Connection, Pool, borrowed

_WAIT_SECONDS = 2.0

_TYPES = frozenset(kind for one in AGGREGATES for kind in one.lifecycle.events)

_GAUGES = {
    "head": "Position of the latest event.",
    "checkpoint": "Position that the read models reflect.",
    "lag_events": "Events that the read models do not reflect.",
    "lag_seconds": "How long ago the oldest of them was recorded.",
    "parked_streams": "Streams that are set aside.",
    "last_event_age_seconds": "How long ago the latest event was recorded; not before the first.",
}


@get("/metrics", include_in_schema=False)
async def get_metrics(state: State) -> Response[bytes]:
    """All metrics, in the text format; while the database is away, those that do not need it."""
    told = CollectorRegistry()
    told.register(_Found(await _asked(state.pool)))
    content = generate_latest(meters.counted()) + generate_latest(told)
    headers = {"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
    return Response(content, headers=headers)


class _Found(Collector):
    """What was found, as the library collects it."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


async def _asked(pool: Pool) -> list[Metric]:
    try:
        async with borrowed(pool, QUESTIONS, _WAIT_SECONDS) as conn:
            found = await conn.execute(sql.text("read/gauges"), {"version": VERSION})
            rows = await found.fetchall()
            found = await conn.execute(sql.text("read/rebuild_progress"), {"lease": REBUILD})
            rebuild = await found.fetchone()
            books = [row["book"] for row in rows if row["checkpoint"]]
            counts = await _counts(conn, "read/verdict_counts", books)
            unread = await _counts(conn, "read/unread_counts", books)
    except (*UNAVAILABLE, UndefinedTable):
        return [_up(up=False)]
    events = (_verdicts(rows, counts), _unread(unread))
    return [_up(up=True), *_standing(rows), *events, *_rebuild(rebuild)]


async def _counts(conn: Connection, statement: str, books: list[str]) -> list[dict[str, Any]]:
    # before the first build there is nothing to count in
    if not books:
        return []
    counting = sql.fill(statement, view=sql.relation(EVENTS.view))
    found = await conn.execute(counting, {"books": books})
    return await found.fetchall()


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
    told = rebuild or {"done": 0, "total": 0}
    for name, value, said in (
        ("running", rebuild is not None, "Whether a rebuild is running."),
        ("done", told["done"], "How much of what it does now is done."),
        ("total", told["total"], "How much that is in all."),
    ):
        yield GaugeMetricFamily(f"daybook_rebuild_{name}", said, value=value)
