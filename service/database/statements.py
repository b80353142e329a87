"""The statements of ``sql/``, by name."""

from functools import cache
from importlib.resources import files
from typing import LiteralString

from psycopg.adapt import PyFormat
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from projections.projection import Projection
from service.database.binary import types_of

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
def over(name: str, key: str = "", **views: str) -> LiteralString:
    """The statement over these read models, put together once; ``key`` names a column of theirs."""
    parts: dict[str, Composable] = {part: relation(view) for part, view in views.items()}
    if key:
        parts["key"] = Identifier(key)
    # names of ours, quoted, in a file of ours
    whole: LiteralString = fill(name, **parts).as_string()
    return whole


@cache
def upsert(projection: Projection[object], table: str) -> Composed:
    """The statement that writes whole rows of a projection into ``table``, column by column.

    Its parameters are ``book`` and a ``copying.Column`` for each column, under its name.
    """
    columns = projection.column_names
    types = [kind.sql for kind in types_of(projection.columns)]
    # unnest would flatten arrays of arrays: those come as text
    sent = ["text" if kind.endswith("[]") else kind for kind in types]
    comma = SQL(", ")
    return fill(
        "database/upsert",
        table=relation(table),
        key=comma.join(map(Identifier, ("book", *projection.identity))),
        columns=comma.join(map(Identifier, columns)),
        arrays=comma.join(
            SQL("{}::" + kind + "[]").format(Placeholder(name, PyFormat.BINARY))
            for name, kind in zip(columns, sent, strict=True)
        ),
        values=comma.join(
            SQL("{}::" + kind).format(Identifier("u", name))
            for name, kind in zip(columns, types, strict=True)
        ),
        excluded=comma.join(Identifier("excluded", column) for column in columns),
    )
