"""What must be true after any fault."""

import logging

import psycopg
from psycopg.rows import dict_row

from tests.acceptance.provider import Provider
from tests.acceptance.service import Service
from tests.service.store.test_events import ROWS, doubled, verify

_log = logging.getLogger(__name__)


def nothing_lost_nothing_doubled(
    made: Provider, url: str, service: Service, key: str, faults: int
) -> None:
    """Hold what was acknowledged against what is stored, and the read models against both.

    Args:
        made: whose senders have stopped.
        url: of the database, which runs.
        service: ready.
        key: of the book ``test``.
        faults: how many were injected, for the figures in the log.
    """
    with psycopg.connect(url, row_factory=dict_row) as conn:
        rows = conn.execute(ROWS).fetchall()
    stored = {((row["webhook_id"], row["body"]), row["position"]) for row in rows}
    lost = made.acknowledged.items() - stored
    _log.info(
        "%d requests %s, %d acknowledged, %d stored; %d faults: %d lost",
        made.outcomes.total(), dict(made.outcomes), len(made.acknowledged), len(rows), faults,
        len(lost),
    )  # fmt: skip
    assert not lost
    assert not doubled(rows)
    assert {identity for identity, _ in stored} <= made.sent
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    assert verify(rows)
    service.await_position(key, len(rows))
    streams = service.ask("subscriptions?limit=100", key)["data"]
    assert sum(sum(one["verdicts"].values()) for one in streams) == len(rows)
