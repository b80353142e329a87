"""A private PostgreSQL, seen from outside."""

from pathlib import Path

import psycopg

from service.database.embedded import Embedded


def answers(server: Embedded) -> bool:
    try:
        with psycopg.connect(server.url) as conn:
            return conn.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
