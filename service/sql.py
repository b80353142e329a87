"""The statements of ``sql/``, by name."""

from functools import cache
from importlib.resources import files
from typing import LiteralString

from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from projections.projection import Projection

_ROOT = files("sql")


@cache
def text(name: str) -> LiteralString:
    """The statement in ``sql/<name>.sql``. Our own files are as literal as our own code."""
    literal: LiteralString = _ROOT.joinpath(f"{name}.sql").read_text("utf-8")
    return literal


def names(folder: str) -> tuple[str, ...]:
    """The names of the statements in a folder, without their ending, in order."""
    found = (entry.name for entry in _ROOT.joinpath(folder).iterdir())
    return tuple(sorted(n.removesuffix(".sql") for n in found if n.endswith(".sql")))


def relation(name: str) -> Identifier:
    """A table or view of the read models."""
    return Identifier("read", name)


def fill(name: str, **parts: Composable) -> Composed:
    """The statement with its ``{placeholders}`` filled in."""
    return SQL(text(name)).format(**parts)


@cache
def upsert(projection: Projection[object], table: str) -> Composed:
    """The statement that writes one whole row of a projection into ``table``."""
    columns = ("book", *projection.column_names)
    comma = SQL(", ")
    return fill(
        "read/upsert",
        table=relation(table),
        key=comma.join([Identifier("book"), Identifier(projection.key)]),
        columns=comma.join(map(Identifier, columns)),
        values=comma.join([Placeholder()] * len(columns)),
        excluded=comma.join(Identifier("excluded", column) for column in columns),
    )
