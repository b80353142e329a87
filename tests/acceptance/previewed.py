"""A preview of a rebuild that was asked for, as it is kept: one row would change."""

import msgspec
import psycopg

from service.readmodels.compare import ReadModelChange, StatusChange

CHANGE = ReadModelChange(
    "subscriptions", 1, 0, 0, ("status",), (StatusChange("active", "on_hold", 1),), ("sub_1",)
)

JOB = "5f0c8a2100000001"


OUTCOME = msgspec.json.encode([CHANGE]).decode()


def keep(url: str, book: str, outcome: str | None = OUTCOME) -> None:
    """Keep a preview of a book that has ended."""
    params = {"book": book, "job": JOB, "outcome": outcome}
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "insert into store.job (book, job_id, kind, lane, subject, state, actor, who, reason,"
            " began_at, ended_at, outcome) values (%(book)s, %(job)s, 'preview', 'read models',"
            " 'subscriptions', 'done', 'key', '5f0c8a21', 'Before an upgrade.', now(), now(),"
            " %(outcome)s)",
            params,
        )
