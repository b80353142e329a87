"""A stand-in for Citus, which cannot be installed where these tests run.

``citus.sql`` gives a database what Daybook calls of the extension: its row in ``pg_extension``,
its catalog, and its functions with the checks and the messages of the real ones, whose source was
read (version 13). A distributed table becomes one that PostgreSQL partitions by the same column.

**This checks our calls, and which shards each statement touches. It does not check Citus**: nothing
is sent to another node, and what Citus refuses to plan across shards is known from its source only.

PostgreSQL leaves out partitions as Citus leaves out shards: by what its planner knows of the column
in each table, from conditions and from joins. So a statement whose plan names pieces of one number
is one that Citus sends to one node as it is, whatever SQL it contains. Every other one Citus has to
take apart. ``planned`` reads the plans from the server's log, where ``auto_explain`` writes them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from msgspec import Struct

_SCHEMA = Path(__file__).with_suffix(".sql")
_PLAN = re.compile(r"plan:\n(\t\{\n(?:\t.*\n)+)")
_SHARD = re.compile(r"_shard(\d)$")


class Planned(Struct, frozen=True):
    """A statement that was executed.

    Attributes:
        text: of the statement.
        shards: the numbers of the pieces that its plan names.
    """

    text: str
    shards: frozenset[int]

    @property
    def purpose(self) -> str:
        """The first line of its file, without the dashes; empty if it is none of ours."""
        found = re.match(r"\s*-- (.+)\n", self.text)
        return found[1] if found else ""


def install(url: str) -> None:
    """Give a database the stand-in, as its superuser."""
    with psycopg.connect(url, autocommit=True) as conn:
        # bytes and no parameters: the file has several statements
        conn.execute(_SCHEMA.read_bytes())


def enable(url: str) -> None:
    """Have Citus in a database: the extension where the server offers it, else the stand-in."""
    with psycopg.connect(url, autocommit=True) as conn:
        offered = "select from pg_available_extensions where name = 'citus'"
        if conn.execute(offered).fetchone() is not None:
            conn.execute("create extension citus")
            return
    install(url)


def planned(log: str) -> Iterator[Planned]:
    """The statements whose plans are in the log of a server."""
    for found in _PLAN.finditer(log):
        plan = json.loads(found[1])
        names = set(_relations(plan["Plan"]))
        shards = frozenset(int(m[1]) for name in names if (m := _SHARD.search(name)))
        yield Planned(plan["Query Text"], shards)


def _relations(node: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in node:
        yield node["Relation Name"]
    for inner in (*node.get("Plans", ()), *node.get("Target Tables", ())):
        yield from _relations(inner)
